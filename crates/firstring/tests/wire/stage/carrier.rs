//! Kamailio: a registrar that wants a password, and a proxy. A carrier with one account is one; see
//! [`exchange`](super::exchange) for one with telephones.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::desk::{Desk, signal};
use super::office::PERSON;
use super::place::Place;
use super::waiting::wait_until;

const CONFIGURATION: &str = include_str!("../scripts/registrar.cfg");
/// The password of the one account.
pub const PASSWORD: &str = "correct horse";
/// Where Debian puts kamailio's modules, whatever the processor.
const MODULES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules/",
    "/usr/lib/kamailio/modules/",
];

/// Waits until the one trunk's registration stands like this.
pub fn stands(desk: &Desk, wanted: &str) -> Value {
    wait_until(&format!("the trunk is {wanted}"), Duration::from_secs(40), || {
        let mut registration = desk.json("/api/v1/trunks")["items"][0]["registration"].take();
        (registration["state"] == wanted).then(|| registration.take())
    })
}

/// Says so and gives nothing on a machine without kamailio.
pub fn modules() -> Option<&'static str> {
    let found = MODULES.into_iter().find(|path| Path::new(path).join("registrar.so").exists());
    if found.is_none() {
        eprintln!("skipped: no kamailio; apt install kamailio");
    }
    found
}

/// Kamailio with one account. It ends when dropped.
pub struct Carrier {
    child: Child,
    control: PathBuf,
    /// What it complains of.
    log: PathBuf,
}

impl Carrier {
    /// Over UDP, on loopback.
    pub fn open(place: &Place, port: u16, modules: &str) -> Carrier {
        Carrier::listening(place, port, modules, &format!("disable_tcp=yes\nlisten=udp:127.0.0.1:{port}"))
    }

    /// Wherever it is told to listen, in the words of its own configuration.
    pub fn listening(place: &Place, port: u16, modules: &str, listen: &str) -> Carrier {
        let filled = CONFIGURATION
            .replace("LISTEN", listen)
            .replace("PORT", &port.to_string())
            .replace("PERSON", PERSON)
            .replace("PHONE", &place.person.to_string());
        Carrier::told_to(&filled, place.folder(), modules)
    }

    /// With a configuration in which only the places of files are left open; its files lie in the folder.
    pub fn told_to(configuration: &str, folder: &Path, modules: &str) -> Carrier {
        let (file, control) = (folder.join("registrar.cfg"), folder.join("control"));
        let filled = configuration.replace("MODULES", modules).replace("CONTROL", control.to_str().unwrap());
        fs::write(&file, filled).unwrap();
        let log = folder.join("registrar.log");
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "64", "-M", "8", "-f"])
            .arg(&file)
            .arg("-Y")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let carrier = Carrier { child, control, log };
        wait_until("kamailio is up", Duration::from_secs(20), || carrier.told().map(drop));
        carrier
    }

    /// What it knows of where accounts are.
    pub fn told(&self) -> Option<String> {
        self.asked(&["ul.dump"])
    }

    /// What it knows of where this account is, if it is anywhere.
    pub fn told_of(&self, account: &str) -> Option<String> {
        // A number on its own would be sent as one; the account is text.
        self.asked(&["ul.lookup", "location", &format!("s:{account}")])
    }

    /// What it answers to a command, if it does as it is told.
    pub fn asked(&self, question: &[&str]) -> Option<String> {
        let mut kamcmd = Command::new("kamcmd");
        kamcmd.arg("-s").arg(format!("unix:{}", self.control.display())).args(question);
        let output = kamcmd.output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success() && !told.starts_with("error:")).then_some(told)
    }

    /// Where calls to the account go, by count.
    pub fn contacts(&self) -> usize {
        self.told().unwrap().matches("Address: sip:").count()
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        // Its children end with it when it is asked to, and not when it is killed.
        signal("TERM", self.child.id());
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("--- kamailio ({ended:?}), its last words, the latest first\n{}", last.join("\n"));
        }
    }
}
