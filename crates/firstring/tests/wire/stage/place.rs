//! What outlives a desk: its configuration, its ports and its data.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::office::Office;
use super::waiting::{free_port, wait_until};
use super::{FIRSTRING, LINE};

/// Where a desk lives. Clones are the same place, which goes with the last of them.
#[derive(Clone)]
pub struct Place {
    folder: Arc<tempfile::TempDir>,
    pub sip: u16,
    pub web: u16,
    /// Where the person's phone stands.
    pub person: u16,
}

impl Place {
    /// A place with two channels.
    pub fn new() -> Place {
        Place::of(&Office::small())
    }

    /// A place of this office.
    pub fn of(office: &Office) -> Place {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let place = Place { folder, sip: free_port(), web: free_port(), person: office.person };
        fs::write(place.file(), office.configuration(place.sip, place.web)).unwrap();
        fs::create_dir(place.data()).unwrap();
        place
    }

    /// Where files of this test may lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration.
    pub fn file(&self) -> PathBuf {
        self.folder().join("desk.toml")
    }

    /// The desk's own directory.
    pub fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// The URI of the line.
    pub fn uri(&self) -> String {
        line_at(self.sip)
    }

    /// Puts prompts of this very build in place, if a desk has rendered them before.
    pub fn bring_prompts(&self) {
        copy_prompts(&known_prompts(), &self.prompts());
    }

    /// Keeps what a desk has rendered here for the next.
    pub fn keep_prompts(&self) {
        copy_prompts(&self.prompts(), &known_prompts());
    }

    fn prompts(&self) -> PathBuf {
        self.data().join("prompts")
    }

    /// The trunk registers at this port, as `rivera`; nobody may send calls without.
    pub fn registers(&self, port: u16, password: &str) {
        fs::write(self.folder().join("password"), password).unwrap();
        let trunk = format!(
            "register = true\nusername = \"rivera\"\npassword = \"file:password\"\nregistrar = \"127.0.0.1:{port}\"\ndomain = \"example.com\""
        );
        let text = fs::read_to_string(self.file()).unwrap();
        let registering = text.replace("accept_from = [\"127.0.0.1\"]", &trunk);
        assert_ne!(registering, text);
        fs::write(self.file(), registering).unwrap();
        self.has_no_proxy();
    }

    /// This is the whole configuration.
    pub fn is_told(&self, configuration: &str) {
        fs::write(self.file(), configuration).unwrap();
    }

    /// Something else stands in the configuration.
    pub fn says(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.file()).unwrap();
        assert!(text.contains(from), "no {from} in {text}");
        fs::write(self.file(), text.replace(from, to)).unwrap();
    }

    /// Every caller is taken, however short of a core the machine is on which the test runs: that is not what is asked.
    pub fn takes_all(&self) {
        self.says("[web]", "when_late = \"take-all\"\n[web]");
    }

    /// The trunk says nothing of where people are called.
    pub fn has_no_proxy(&self) {
        let text = fs::read_to_string(self.file()).unwrap();
        let without = text.replace(&format!("outbound_proxy = \"127.0.0.1:{}\"\n", self.person), "");
        assert_ne!(without, text);
        fs::write(self.file(), without).unwrap();
    }

    /// The trunk has to prove its calls with this name and password.
    pub fn is_logged_in_to(&self, name: &str, password: &str) {
        fs::write(self.folder().join("password"), password).unwrap();
        let keys = format!("their_username = \"{name}\"\ntheir_password = \"file:password\"");
        let text = fs::read_to_string(self.file()).unwrap();
        let guarded =
            text.replace("accept_from = [\"127.0.0.1\"]", &format!("accept_from = [\"127.0.0.1\"]\n{keys}"));
        assert_ne!(guarded, text);
        fs::write(self.file(), guarded).unwrap();
    }

    /// Every call out goes through this port.
    pub fn calls_through(&self, port: u16) {
        let text = fs::read_to_string(self.file()).unwrap();
        let proxied = text.replace(
            &format!("outbound_proxy = \"127.0.0.1:{}\"", self.person),
            &format!("outbound_proxy = \"127.0.0.1:{port}\""),
        );
        fs::write(self.file(), proxied).unwrap();
    }

    /// People are called through a host whose name nobody knows.
    pub fn loses_its_proxy(&self) {
        self.proxy_is("nowhere.invalid");
    }

    /// People are called through this host.
    pub fn proxy_is(&self, host: &str) {
        let text = fs::read_to_string(self.file()).unwrap();
        let lost = text.replace(&format!("\"127.0.0.1:{}\"", self.person), &format!("\"{host}\""));
        assert_ne!(lost, text);
        fs::write(self.file(), lost).unwrap();
    }

    /// What `firstring calls|bookings|messages|callbacks [ID]` shows.
    pub fn shown(&self, what: &[&str]) -> Vec<Value> {
        let mut lines = json_lines(&self.printed(what));
        lines.pop();
        let kind = what[0].trim_end_matches('s');
        lines.into_iter().map(|mut line| line[kind].take()).collect()
    }

    /// The same, as it is printed.
    pub fn printed(&self, what: &[&str]) -> Output {
        Command::new(FIRSTRING).args(what).arg("--data").arg(self.data()).arg("--json").output().unwrap()
    }

    /// The record of the one call from this number, once it is written.
    pub fn record(&self, from: &str) -> Value {
        self.record_within(Duration::from_secs(20), from)
    }

    /// The same, if it is written so soon.
    pub fn record_within(&self, limit: Duration, from: &str) -> Value {
        let all = wait_until("the call is on record", limit, || {
            let found: Vec<Value> =
                self.shown(&["calls"]).into_iter().filter(|call| call["from"] == from).collect();
            (!found.is_empty()).then_some(found)
        });
        assert_eq!(all.len(), 1, "one call, one record");
        let id = all[0]["id"].as_str().unwrap();
        self.shown(&["calls", id]).remove(0)
    }

    /// `firstring explain`, as one text.
    pub fn explained(&self, record: &Value) -> String {
        let mut explain = Command::new(FIRSTRING);
        explain.args(["explain", record["id"].as_str().unwrap(), "--data"]).arg(self.data());
        String::from_utf8(explain.output().unwrap().stdout).unwrap()
    }
}

/// The URI of the line, through whatever listens at this port.
pub fn line_at(port: u16) -> String {
    format!("sip:{LINE}@127.0.0.1:{port}")
}

/// Everything a program printed, one object a line.
pub fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |line| {
        let told = || panic!("not JSON: {line}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(line).unwrap_or_else(|_| told())
    };
    text.lines().map(line).collect()
}

/// Prompts of this very build, rendered by a desk before this one.
fn known_prompts() -> PathBuf {
    let built = fs::metadata(FIRSTRING).unwrap().modified().unwrap();
    let built = built.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("prompts-{built}"))
}

fn copy_prompts(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let Ok(files) = fs::read_dir(from) else { return };
    for file in
        files.map(Result::unwrap).filter(|file| file.path().extension().is_some_and(|end| end == "clip"))
    {
        let place = to.join(file.file_name());
        if !place.exists() {
            // Written beside the place and renamed: another test may read at this moment.
            let beside = tempfile::NamedTempFile::new_in(to).unwrap();
            fs::copy(file.path(), beside.path()).unwrap();
            beside.persist(&place).unwrap();
        }
    }
}
