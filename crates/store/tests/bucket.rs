//! A bucket over the wire, at a host that requires what S3 does: each request's signature is computed a second time there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use desk::private::Private;
use futures_util::TryStreamExt as _;
use store::bucket::{Bucket, BucketError, Settings};

const SECRET: &str = "not/a+real=key";

/// A host with one bucket, whose objects lie in a folder. It ends when dropped.
struct Host {
    home: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Host {
    fn open() -> Host {
        let home = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bucket/s3.py");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(home.path())
            .args(["desk", SECRET])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed by .ci/install");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Host { home, port: line.trim().parse().unwrap(), child }
    }

    fn settings(&self) -> Settings {
        Settings {
            bucket: "calls".to_string(),
            prefix: "office/main".to_string(),
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            region: "us-east-1".to_string(),
            access_key: "desk".to_string(),
            secret_key: Private::new(SECRET.to_string()),
        }
    }

    fn object(&self, place: &str) -> PathBuf {
        self.home.path().join("calls/office/main").join(place)
    }

    fn recording(&self, name: &str, length: usize) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>()).unwrap();
        path
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn read(bucket: &Bucket, place: &str, part: std::ops::Range<u64>) -> Result<Vec<u8>, BucketError> {
    let pieces: Vec<_> = bucket.read(place, part).await?.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn a_recording_is_brought_read_from_the_middle_and_deleted_by_its_day() {
    let host = Host::open();
    let bucket = Bucket::open(&host.settings()).unwrap();
    let recording = host.recording("c-1.wav", 100_000);
    let url = bucket.bring("2026-06-02/c-1.wav", &recording).await.unwrap();
    assert_eq!(url, "s3://calls/office/main/2026-06-02/c-1.wav");
    let whole = std::fs::read(&recording).unwrap();
    assert_eq!(std::fs::read(host.object("2026-06-02/c-1.wav")).unwrap(), whole);
    assert_eq!(bucket.size("2026-06-02/c-1.wav").await.unwrap(), 100_000);
    assert_eq!(read(&bucket, "2026-06-02/c-1.wav", 40_000..40_100).await.unwrap(), whole[40_000..40_100]);
    bucket.bring("2026-05-30/c-0.wav", &recording).await.unwrap();
    for other in ["2026-05-30/notes.txt", "2026-05-30/deeper/c-9.wav", "c-9.wav"] {
        let path = host.object(other);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "somebody else's").unwrap();
    }
    assert_eq!(bucket.sweep("2026-06-01".parse().unwrap()).await.unwrap(), 1);
    assert!(!host.object("2026-05-30/c-0.wav").exists());
    for stays in ["2026-06-02/c-1.wav", "2026-05-30/notes.txt", "2026-05-30/deeper/c-9.wav", "c-9.wav"] {
        assert!(host.object(stays).exists(), "{stays}");
    }
    assert!(matches!(bucket.size("2026-05-30/c-0.wav").await, Err(BucketError::Absent { .. })));
}

#[tokio::test]
async fn a_long_recording_is_brought_in_parts_and_is_whole() {
    let host = Host::open();
    let bucket = Bucket::open(&host.settings()).unwrap();
    let recording = host.recording("c-1.wav", (20 << 20) + 7);
    bucket.bring("2026-06-02/c-1.wav", &recording).await.unwrap();
    let (there, here) =
        (std::fs::read(host.object("2026-06-02/c-1.wav")).unwrap(), std::fs::read(&recording).unwrap());
    assert!(there == here, "{} of {} bytes", there.len(), here.len());
}

#[tokio::test]
async fn a_wrong_key_a_refusal_and_a_host_that_is_gone_are_told_in_a_line_without_the_key() {
    let host = Host::open();
    let recording = host.recording("c-1.wav", 1_000);
    let wrong = Settings { secret_key: Private::new("another".to_string()), ..host.settings() };
    let refused = |settings: Settings| {
        let recording = recording.clone();
        async move {
            let bucket = Bucket::open(&settings).unwrap();
            bucket.bring("2026-06-02/c-1.wav", &recording).await.unwrap_err().to_string()
        }
    };
    let told = refused(wrong).await;
    assert!(told.contains("SignatureDoesNotMatch") || told.contains("403"), "{told}");
    std::fs::write(host.home.path().join("refuse"), "").unwrap();
    let busy = refused(host.settings()).await;
    std::fs::remove_file(host.home.path().join("refuse")).unwrap();
    let nowhere = Settings { endpoint: Some("http://127.0.0.1:1".to_string()), ..host.settings() };
    let gone = refused(nowhere).await;
    for told in [told, busy, gone] {
        assert!(told.starts_with("the bucket calls says: ") && told.lines().count() == 1, "{told}");
        assert!(!told.contains(SECRET), "{told}");
    }
    assert!(!host.object("2026-06-02/c-1.wav").exists());
}
