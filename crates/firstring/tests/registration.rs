//! A trunk that registers, against kamailio as registrar and proxy: over UDP, on loopback, with a password.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod stage;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use stage::desk::{Desk, signal};
use stage::office::PERSON;
use stage::phone::Phone;
use stage::place::Place;
use stage::waiting::{free_port, wait_until};
use stage::{CALLER, LINE};

const CONFIGURATION: &str = include_str!("scripts/registrar.cfg");
const PASSWORD: &str = "correct horse";
/// Where Debian puts kamailio's modules, whatever the processor.
const MODULES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules/",
    "/usr/lib/kamailio/modules/",
];

#[test]
fn calls_come_over_a_registration_and_people_are_rung_with_its_password() {
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    place.registers(port, PASSWORD);
    place.bring_prompts();
    let carrier = Carrier::open(&place, port, modules);
    let mut desk = place.open();
    stands(&desk, "registered");
    assert_eq!(carrier.contacts(), 1);

    let mut person = Phone::at([127, 0, 0, 1], place.person, &place).behind(port);
    let caller = place.call_over(port, CALLER, "press 0\nwait 12s\nhang up");
    let rung = person.receives(Duration::from_secs(30), |message| message.starts_with("INVITE"));
    let rung = rung.expect("the person is rung through the carrier");
    assert!(rung.contains("CSeq: 2 INVITE"), "the carrier asked for the password, and got it:\n{rung}");
    person.answer(&rung, ";tag=person");
    let bye = person.receives(Duration::from_secs(40), |message| message.starts_with("BYE"));
    person.answer(&bye.expect("the person is told that the call is over"), "");
    caller.result();
    let record = place.record(CALLER);
    assert_eq!((&record["line"], &record["outcome"]), (&LINE.into(), &"transferred".into()), "{record}");

    desk.terminate();
    assert!(desk.ends_within(Duration::from_secs(20)).success());
    assert_eq!(carrier.contacts(), 0, "a desk that stops takes its contact along");
}

#[test]
fn a_desk_that_is_killed_and_starts_again_has_one_contact() {
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    place.registers(port, PASSWORD);
    place.bring_prompts();
    let carrier = Carrier::open(&place, port, modules);
    let desk = place.open();
    stands(&desk, "registered");
    desk.kill();
    let desk = place.open();
    stands(&desk, "registered");
    assert_eq!(carrier.contacts(), 1);
}

#[test]
fn a_registrar_that_comes_up_after_the_desk_is_found() {
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    place.registers(port, PASSWORD);
    place.bring_prompts();
    let desk = place.open();
    let trouble = stands(&desk, "interrupted");
    assert!(!trouble["reason"].as_str().unwrap().is_empty(), "{trouble}");
    let troubles = desk.json("/api/v1/health")["troubles"].to_string();
    assert!(troubles.contains("trunk main is not registered"), "{troubles}");
    let carrier = Carrier::open(&place, port, modules);
    stands(&desk, "registered");
    assert_eq!(carrier.contacts(), 1);
}

#[test]
fn a_wrong_password_is_told_and_not_tried_again_and_again() {
    let Some(modules) = modules() else { return };
    let (place, port) = (Place::new(), free_port());
    place.registers(port, "wrong");
    place.bring_prompts();
    let carrier = Carrier::open(&place, port, modules);
    let desk = place.open();
    let refused = stands(&desk, "refused");
    assert!(refused["reason"].as_str().unwrap().contains("password"), "{refused}");
    assert!(!desk.logged().contains("wrong"), "{}", desk.logged());
    assert_eq!(carrier.contacts(), 0);
}

/// Waits until the one trunk's registration stands like this.
fn stands(desk: &Desk, wanted: &str) -> Value {
    wait_until(&format!("the trunk is {wanted}"), Duration::from_secs(40), || {
        let mut registration = desk.json("/api/v1/trunks")["items"][0]["registration"].take();
        (registration["state"] == wanted).then(|| registration.take())
    })
}

/// Says so and gives nothing on a machine without kamailio.
fn modules() -> Option<&'static str> {
    let found = MODULES.into_iter().find(|path| Path::new(path).join("registrar.so").exists());
    if found.is_none() {
        eprintln!("skipped: no kamailio; apt install kamailio");
    }
    found
}

/// Kamailio with one account. It ends when dropped.
struct Carrier {
    child: Child,
    control: PathBuf,
}

impl Carrier {
    fn open(place: &Place, port: u16, modules: &str) -> Carrier {
        let folder = place.folder();
        let (file, control) = (folder.join("registrar.cfg"), folder.join("control"));
        let filled = CONFIGURATION
            .replace("PORT", &port.to_string())
            .replace("PERSON", PERSON)
            .replace("PHONE", &place.person.to_string())
            .replace("MODULES", modules)
            .replace("CONTROL", control.to_str().unwrap());
        fs::write(&file, filled).unwrap();
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-f"])
            .arg(&file)
            .arg("-Y")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("registrar.log")).unwrap())
            .spawn()
            .unwrap();
        let carrier = Carrier { child, control };
        wait_until("kamailio is up", Duration::from_secs(20), || carrier.told().map(drop));
        carrier
    }

    fn told(&self) -> Option<String> {
        let output = Command::new("kamcmd")
            .arg("-s")
            .arg(format!("unix:{}", self.control.display()))
            .arg("ul.dump")
            .output()
            .unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Where calls to the account go, by count.
    fn contacts(&self) -> usize {
        self.told().unwrap().matches("Address: sip:").count()
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // Its children end with it when it is asked to, and not when it is killed.
        signal("TERM", self.child.id());
        let _ = self.child.wait();
    }
}
