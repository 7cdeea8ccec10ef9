//! When the machine underneath fails: crashes, full and read-only disks, other programs, two desks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod nouns;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nouns::{Asking, at, book, booking, callback, file, record, start};
use store::{NotStored, OpenError, Page, ReadError, Reader, Store, Stored, Write, Written};

/// Set for the child process of the next test: where it writes.
const CHILD: &str = "STORE_TEST_CHILD";

/// Not a test of its own: what the child of `everything_acknowledged_survives_kill_9` does, until it is killed.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Ok(home) = std::env::var(CHILD) else { return };
    let tell = |written: Written<String>| {
        if written.result.is_ok() {
            use std::io::Write as _;
            let mut out = std::io::stdout().lock();
            writeln!(out, "\nack {}", written.ask).unwrap();
        }
    };
    let (store, _) = Store::open(Path::new(&home), at(0), tell).unwrap();
    for n in 0_i64.. {
        let mut asks = vec![
            (format!("call c-{n}"), start(&format!("c-{n}"), n)),
            (format!("booking b-{n}"), book(booking(&format!("b-{n}"), n * 120, 1))),
            (
                format!("callback c-{n}"),
                Write::Callback(Box::new(callback(&format!("cb-{n}"), &format!("c-{n}"), n))),
            ),
        ];
        if n % 2 == 0 {
            asks.push((format!("record c-{n}"), file(record(&format!("c-{n}"), n))));
        }
        for (ask, write) in asks {
            let mut full = store.try_write(ask, write);
            while let Err(back) = full {
                std::thread::yield_now();
                full = store.try_write(back.ask, back.write);
            }
        }
    }
}

#[test]
fn everything_acknowledged_survives_kill_9() {
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_writes_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(CHILD, home.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines.by_ref() {
        if let Some(what) = line.unwrap().strip_prefix("ack ") {
            acknowledged.insert(what.to_string());
        }
        if acknowledged.len() == 500 {
            child.kill().unwrap();
            break;
        }
    }
    let rest = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("ack ").map(str::to_string));
    acknowledged.extend(rest.filter(|line| line.split_whitespace().count() == 2));
    child.wait().unwrap();
    assert!(acknowledged.len() >= 500, "the child ended early");

    let (asking, opened) = Asking::open(home.path());
    let reader = Reader::open(home.path()).unwrap();
    for what in &acknowledged {
        let found = match what.split_once(' ').unwrap() {
            ("call" | "record", id) => reader.call(id).is_ok(),
            ("booking", id) => reader.booking(id).is_ok(),
            ("callback", call) => reader.callback(&call.replace("c-", "cb-")).is_ok(),
            (other, _) => unreachable!("{other}"),
        };
        assert!(found || is_cut_off(what, &acknowledged), "{what} was acknowledged and is not there");
    }
    assert!(!opened.interrupted.is_empty());
    assert!(reader.under_way().unwrap().is_empty());
    for call in &opened.interrupted {
        assert_eq!(reader.callback(&call.callback.id).unwrap().call, call.record.id);
    }
    drop(asking);
    assert!(Asking::open(home.path()).1.interrupted.is_empty());
}

/// The last line of a killed child can be half a line: "booking b-1" of "booking b-17".
fn is_cut_off(what: &str, acknowledged: &BTreeSet<String>) -> bool {
    acknowledged.range(what.to_string()..).nth(1).is_some_and(|next| next.starts_with(what))
}

#[test]
fn a_second_desk_on_the_same_directory_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (first, _) = Asking::open(home.path());
    let second = Store::open(home.path(), at(0), |_: Written<()>| {});
    let error = second.err().unwrap();
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().ends_with(": another firstring is running with this data directory"));
    drop(first);
    assert!(Store::open(home.path(), at(0), |_: Written<()>| {}).is_ok());
}

#[test]
fn a_locked_database_is_told_in_time_and_the_record_is_stored_later() {
    let home = tempfile::tempdir().unwrap();
    let (mut asking, _) = Asking::open(home.path());
    let other = rusqlite::Connection::open(home.path().join("firstring.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let results = asking.write_all(vec![file(record("c-1", 0)), book(booking("b-1", 60, 1))]);
    assert_eq!(results[0], Err(NotStored::Busy));
    assert_eq!(results[1], Err(NotStored::Busy));
    assert_eq!(asking.store.health().failing, Some(NotStored::Busy));
    assert_eq!(asking.store.health().kept, 1);
    other.execute_batch("ROLLBACK").unwrap();
    assert!(asking.write(start("c-2", 1)).is_ok());
    drop(asking);
    let reader = Reader::open(home.path()).unwrap();
    assert_eq!(reader.calls(&Page::default()).unwrap(), [record("c-1", 0)]);
    assert!(reader.bookings(&Page::default()).unwrap().is_empty(), "nobody was told of this booking");
}

#[test]
fn a_directory_that_cannot_be_used_is_refused_in_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("taken");
    std::fs::write(&file, "a file").unwrap();
    std::fs::create_dir_all(home.path().join("locked/lock")).unwrap();
    for (path, stands, why) in [
        (file.join("data"), file.join("data"), "Not a directory (os error 20)"),
        (file.clone(), file.clone(), "File exists (os error 17)"),
        (home.path().join("locked"), home.path().join("locked/lock"), "Is a directory (os error 21)"),
        ("/proc/nowhere".into(), "/proc/nowhere".into(), "No such file or directory (os error 2)"),
    ] {
        let error = Store::open(&path, at(0), |_: Written<()>| {}).err().unwrap();
        let says = format!(
            "{} cannot be used to store calls: {why}; name another directory under [data]",
            stands.display()
        );
        assert_eq!(error.to_string(), says);
        assert!(!error.may_pass(), "nothing but another path helps: {error}");
    }

    let foreign = home.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(
        foreign.join("firstring.db"),
        "certainly not a database, but long enough to look at ".repeat(20),
    )
    .unwrap();
    let error = Store::open(&foreign, at(0), |_: Written<()>| {}).err().unwrap();
    assert!(
        error.to_string().ends_with("not a database of firstring; name another directory under [data]"),
        "{error}"
    );
}

#[test]
fn a_newer_database_is_refused_by_writer_and_reader() {
    let home = tempfile::tempdir().unwrap();
    drop(Asking::open(home.path()));
    let db = rusqlite::Connection::open(home.path().join("firstring.db")).unwrap();
    db.pragma_update(None, "user_version", 1_000).unwrap();
    let error = Store::open(home.path(), at(0), |_: Written<()>| {}).err().unwrap().to_string();
    assert!(error.contains("the database has schema 1000 and this program knows up to"), "{error}");
    assert!(error.ends_with("; use the newer program"), "{error}");
    assert!(matches!(Reader::open(home.path()), Err(ReadError::OtherSchema { found: 1_000, .. })));
}

#[test]
fn without_a_database_the_reader_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let error = Reader::open(home.path()).err().unwrap().to_string();
    assert!(
        error.ends_with("no database there; start the desk once, or name another directory under [data]"),
        "{error}"
    );
}

/// A small file system in memory, taken away when it is dropped. `None` where that takes rights we lack.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(kilobytes: u32) -> Option<SmallDisk> {
        let home = tempfile::tempdir().unwrap();
        let size = format!("size={kilobytes}k");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(home.path()).output();
        match mount {
            Ok(output) if output.status.success() => Some(SmallDisk(home)),
            Ok(output) => {
                eprintln!(
                    "skipped: no small disk can be mounted here: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                None
            }
            Err(error) => {
                eprintln!("skipped: no small disk can be mounted here: {error}");
                None
            }
        }
    }

    fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        let status = Command::new("mount").args(["-o", &option]).arg(self.0.path()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn on_a_full_disk_nothing_is_confirmed_that_is_not_stored_and_space_heals_it() {
    let Some(disk) = SmallDisk::mount(1_536) else { return };
    let home = disk.0.path();
    let (mut asking, _) = Asking::open(home);
    let mut stored = 0;
    let failure = loop {
        assert!(stored < 10_000, "the disk never became full");
        match asking.write(book(booking(&format!("b-{stored}"), stored * 120, 1))) {
            Ok(_) => stored += 1,
            Err(why) => break why,
        }
    };
    assert_eq!(failure, NotStored::DiskFull);
    std::fs::write(home.join("ballast"), vec![0; 1 << 20]).ok();
    assert_eq!(asking.write(file(record("c-1", 0))), Err(NotStored::DiskFull));
    assert_eq!(asking.write(Write::Callback(Box::new(callback("cb-1", "c-1", 0)))), Err(NotStored::DiskFull));
    let health = asking.store.health();
    assert_eq!((health.failing, health.kept), (Some(NotStored::DiskFull), 2));
    let shown = Reader::open(home).unwrap().bookings(&Page { limit: 1_000, before: None }).unwrap().len();
    assert_eq!(shown, usize::try_from(stored.min(1_000)).unwrap());

    disk.remount("size=16m");
    assert!(matches!(asking.write(book(booking("after", -6_000, 1))), Ok(Stored::Booked(_))));
    wait_until_nothing_is_kept(&asking);
    let health = asking.store.health();
    assert_eq!((health.failing, health.lost), (None, 0));
    let reader = Reader::open(home).unwrap();
    assert_eq!(reader.call("c-1").unwrap(), record("c-1", 0));
    assert!(reader.callback("cb-1").is_ok());
    drop((asking, reader));
}

#[test]
fn what_could_not_be_stored_is_tried_again_without_being_asked() {
    let Some(disk) = SmallDisk::mount(2_048) else { return };
    let home = disk.0.path();
    let (mut asking, _) = Asking::open(home);
    assert!(std::fs::write(home.join("ballast"), vec![1; 4 << 20]).is_err());
    let mut long = record("c-1", 0);
    long.troubles = vec!["x".repeat(20_000)];
    assert_eq!(asking.write(file(long.clone())), Err(NotStored::DiskFull));
    std::fs::remove_file(home.join("ballast")).unwrap();
    wait_until_nothing_is_kept(&asking);
    assert_eq!(Reader::open(home).unwrap().call("c-1").unwrap(), long);
}

/// What was kept is tried again once a second.
fn wait_until_nothing_is_kept(asking: &Asking) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while asking.store.health().kept > 0 {
        assert!(std::time::Instant::now() < deadline, "not stored in time");
        std::thread::yield_now();
    }
}

#[test]
fn a_desk_that_starts_on_a_full_disk_answers_and_stores_once_there_is_room() {
    let Some(disk) = SmallDisk::mount(2_048) else { return };
    let home = disk.0.path();
    let (mut asking, _) = Asking::open(home);
    asking.write(start("c-before", 0)).unwrap();
    drop(asking);
    assert!(std::fs::write(home.join("ballast"), vec![1; 4 << 20]).is_err());

    let failed = Store::open(home, at(0), |_: Written<()>| {}).err().unwrap();
    assert!(failed.may_pass(), "{failed}");
    let (answer, answers) = std::sync::mpsc::channel();
    let (tell, told) = std::sync::mpsc::channel();
    let opened = move |found: store::Opened| tell.send(found).unwrap();
    let written = move |written: Written<u8>| answer.send(written).unwrap();
    let store = Store::open_when_possible(home, &failed, || at(30), opened, written).unwrap();
    store.try_write(1, book(booking("b-1", 60, 1))).unwrap();
    store.try_write(2, file(record("c-1", 20))).unwrap();
    assert_eq!(answers.recv().unwrap(), Written { ask: 1, result: Err(NotStored::DiskFull) });
    assert_eq!(answers.recv().unwrap(), Written { ask: 2, result: Err(NotStored::DiskFull) });
    assert_eq!(store.health().failing, Some(NotStored::DiskFull));

    std::fs::remove_file(home.join("ballast")).unwrap();
    let found = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(found.interrupted[0].record.id.to_string(), "c-before");
    assert_eq!(found.interrupted[0].callback.created, at(30));
    store.try_write(3, book(booking("b-1", 60, 1))).unwrap();
    assert!(matches!(answers.recv().unwrap(), Written { ask: 3, result: Ok(Stored::Booked(_)) }));
    drop(store);
    assert_eq!(Reader::open(home).unwrap().call("c-1").unwrap(), record("c-1", 20));
}

#[test]
fn a_read_only_disk_is_told_as_such() {
    let Some(disk) = SmallDisk::mount(2_048) else { return };
    drop(Asking::open(disk.0.path()));
    disk.remount("ro");
    let error = Store::open(disk.0.path(), at(0), |_: Written<()>| {}).err().unwrap();
    assert!(error.to_string().contains("Read-only file system"), "{error}");
    assert!(error.may_pass(), "{error}");
}
