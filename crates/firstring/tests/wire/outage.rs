//! What callers meet when the desk is gone: a carrier that fails over, the drill that proves it, and the drill's own manners.
//!
//! Kamailio is the carrier; it gives a silent machine up after two seconds and then calls a fallback phone. The seconds
//! until that phone rings stand in `docs/operating.md`.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::stage::desk::{Desk, TOKEN, signal};
use crate::stage::office::TOKEN_IS_IN;
use crate::stage::phone::Phone;
use crate::stage::place::{Place, json_lines};
use crate::stage::waiting::{Turn, free_port, wait_until};
use crate::stage::{CALLER, FIRSTRING, LINE};
use serde_json::Value;

const CONFIGURATION: &str = include_str!("scripts/dispatcher.cfg");
const PASSWORD: &str = "correct horse";
/// Where Debian puts kamailio's modules, whatever the processor.
const MODULES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/kamailio/modules/",
    "/usr/lib/aarch64-linux-gnu/kamailio/modules/",
    "/usr/lib/kamailio/modules/",
];

#[test]
fn the_drill_proves_that_a_fallback_rings_and_the_desk_is_back_afterwards() {
    let _turn = Turn::beside_others();
    let Some(carrier) = Carrier::of_addresses() else { return };
    let desk = carrier.place.open();
    for (how, at_least) in [("busy", 0.0), ("unavailable", 0.0), ("silent", 1.0)] {
        let shown = carrier.drill(how);
        assert!(shown["proved"] == true, "{shown}");
        let (missed, rang) = (shown["missed_s"].as_f64().unwrap(), rang(&shown));
        assert!(rang >= missed && rang >= at_least, "{shown}");
        eprintln!("| {how} | {rang:.2} s |");
        let health = desk.json("/api/v1/health");
        assert_eq!(health["status"], "well", "the drill is over: {health}");
        carrier.is_answered_by_the_desk();
    }
    let proofs: Value =
        serde_json::from_slice(&fs::read(carrier.place.data().join("drills.json")).unwrap()).unwrap();
    assert_eq!(proofs["main"]["how"], "silent", "{proofs}");
}

#[test]
fn a_call_that_is_sent_once_a_drill_is_said_to_go_on_meets_it() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let desk = place.open();
    let mut phone = Phone::at([127, 0, 0, 1], 0, &place);
    // The desk finds both at once, as it does now and then on a busy machine.
    let Some(busy) = desk.stop_thread("control") else { return };
    let drill = serde_json::json!({ "trunk": "main", "how": "busy", "seconds": 60 });
    desk.is_ordered("/api/v1/drill", &drill);
    phone.send("INVITE", 1, "drilled", "");
    drop(busy);
    assert_eq!(phone.final_status("INVITE", 1, "drilled").0, 486);
}

#[test]
fn a_contact_taken_back_for_the_drill_is_there_again_afterwards() {
    let _turn = Turn::beside_others();
    let Some(carrier) = Carrier::of_accounts() else { return };
    let desk = carrier.place.open();
    stands(&desk, "registered");
    let shown = carrier.drill("unregistered");
    assert!(shown["proved"] == true && shown["missed_s"].is_null(), "{shown}");
    eprintln!("| unregistered | {:.2} s |", rang(&shown));
    stands(&desk, "registered");
    carrier.is_answered_by_the_desk();
}

#[test]
fn a_desk_that_is_killed_or_hangs_leaves_its_callers_to_the_fallback() {
    let _turn = Turn::beside_others();
    let Some(carrier) = Carrier::of_addresses() else { return };
    let desk = carrier.place.open();
    carrier.is_answered_by_the_desk();
    signal("STOP", desk.pid());
    let hung = carrier.is_answered_by_the_fallback();
    signal("CONT", desk.pid());
    desk.kill();
    let killed = carrier.is_answered_by_the_fallback();
    eprintln!("| stopped | {hung:.2} s |\n| kill -9 | {killed:.2} s |");
}

#[test]
fn a_desk_whose_control_thread_hangs_leaves_its_callers_to_the_fallback_and_then_answers_again() {
    let _turn = Turn::beside_others();
    let Some(carrier) = Carrier::of_addresses() else { return };
    let desk = carrier.place.open();
    carrier.is_answered_by_the_desk();
    let Some(stopped) = desk.stop_thread("control") else { return };
    let hung = carrier.is_answered_by_the_fallback();
    let health = wait_until("the console says so", Duration::from_secs(20), || {
        let (head, body) = desk.asked("/api/v1/health");
        head.contains(" 503 ").then_some(body)
    });
    assert!(health.contains("\"hanging\"") && health.contains("callers get no answer"), "{health}");
    drop(stopped);
    eprintln!("| control thread stopped | {hung:.2} s |");
    carrier.is_answered_by_the_desk();
    desk.get("/api/v1/health");
}

#[test]
fn a_caller_whose_desk_hangs_in_mid_call_is_not_left_in_silence() {
    let _turn = Turn::beside_others();
    let place = Place::new();
    place.bring_prompts();
    let desk = place.open();
    let caller = place.call(CALLER, "press 1\nwait 5s\nhang up");
    desk.has_calls(1);
    let Some(stopped) = desk.stop_thread("control") else { return };
    let heard = caller.heard();
    drop(stopped);
    assert!(heard.result["longest_silence_ms"].as_u64().unwrap() < 4_000, "a dead line: {}", heard.result);
    // What happened meanwhile is understood late, and nothing of it is forgotten.
    let record = place.record(CALLER);
    assert_eq!(record["ended_by"], "caller", "{record}");
    assert!(record["callback"].is_string(), "{record}");
    assert_eq!(
        place.told(&record),
        [
            "On Tuesday, June #, # PM, a call from # came in on #, for office `main`.",
            "Rule `always` holds for every call.",
            "Plan `front-door` decided by its rule `always`; the call was answered after # ms.",
            "Step #, assistant, took # s: The caller hung up.",
            "Trouble: the caller heard the filler for # s, because the desk itself stood still.",
            "Trouble: the desk itself stood still for # s, and understood late what happened meanwhile.",
            "The caller hung up before they had an answer; the outcome is `abandoned`.",
            "A callback task is stored: #.",
        ]
    );
}

#[test]
fn a_drill_without_a_fallback_says_that_callers_reach_nobody() {
    let _turn = Turn::beside_others();
    let Some(mut carrier) = Carrier::of_addresses() else { return };
    let _desk = carrier.place.open();
    carrier.fallback = None;
    let output = carrier.drilled("busy", "6");
    let told = json_lines(&output);
    assert_eq!(output.status.code(), Some(1), "{told:?}");
    assert_eq!((&told[0]["proved"], &told[1]["proved"]), (&Value::Bool(false), &Value::Bool(false)));
    let says = told[0]["says"].as_str().unwrap();
    assert!(
        says.starts_with("nothing rang within 6 s, so callers reach nobody when this machine is gone"),
        "{says}"
    );
}

#[test]
fn a_fallback_that_answers_without_the_desk_being_tried_proves_nothing() {
    let _turn = Turn::beside_others();
    // A desk that never got in is not called by its carrier, gone or not.
    let Some(carrier) = Carrier::open(1, |place, port| place.registers(port, "wrong")) else { return };
    let _desk = carrier.place.open();
    let output = carrier.drilled("busy", "15");
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{says}");
    assert!(says.contains("the carrier did not bring the drill's call here, so nothing is proved"), "{says}");
    assert!(!carrier.place.data().join("drills.json").exists());
}

#[test]
fn a_drill_of_a_desk_that_does_not_run_says_so() {
    let _turn = Turn::beside_others();
    let Some(carrier) = Carrier::of_addresses() else { return };
    let output = carrier.drilled("silent", "5");
    assert_eq!(output.status.code(), Some(3));
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(says.contains("no desk runs with this configuration"), "{says}");
}

/// Seconds until the fallback rang; a phone that is picked up at once may be heard to answer first.
fn rang(shown: &Value) -> f64 {
    shown["rang_s"].as_f64().or(shown["answered_s"].as_f64()).unwrap()
}

/// Kamailio before the desk and a fallback phone. It ends when dropped.
struct Carrier {
    place: Place,
    port: u16,
    child: Child,
    /// The phone that rings when the desk is gone; somebody picks it up.
    fallback: Option<u16>,
}

impl Carrier {
    /// One that knows the desk by its address.
    fn of_addresses() -> Option<Carrier> {
        Carrier::open(0, |_, _| {})
    }

    /// One at which the desk registers.
    fn of_accounts() -> Option<Carrier> {
        Carrier::open(1, |place, port| place.registers(port, PASSWORD))
    }

    /// Says so and gives nothing on a machine without kamailio.
    fn open(registers: u8, prepare: impl Fn(&Place, u16)) -> Option<Carrier> {
        let found = MODULES.into_iter().find(|path| Path::new(path).join("dispatcher.so").exists());
        let Some(modules) = found else {
            eprintln!("skipped: no kamailio; apt install kamailio");
            return None;
        };
        let (place, port, fallback) = (Place::new(), free_port(), free_port());
        prepare(&place, port);
        place.calls_through(port);
        place.bring_prompts();
        let file = |name: &str| place.folder().join(name);
        let targets = format!("1 sip:127.0.0.1:{} 0 10\n1 sip:127.0.0.1:{fallback} 0 5\n", place.sip);
        fs::write(file("targets"), targets).unwrap();
        let filled = CONFIGURATION
            .replace("PORT", &port.to_string())
            .replace("LINE", LINE)
            .replace("FALLBACK", &fallback.to_string())
            .replace("REGISTERS", &registers.to_string())
            .replace("TARGETS", file("targets").to_str().unwrap())
            .replace("MODULES", modules)
            .replace("CONTROL", file("control").to_str().unwrap());
        fs::write(file("dispatcher.cfg"), filled).unwrap();
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-f"])
            .arg(file("dispatcher.cfg"))
            .arg("-Y")
            .arg(place.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(file("dispatcher.log")).unwrap())
            .spawn()
            .unwrap();
        wait_until("kamailio is up", Duration::from_secs(20), || is_up(&file("control")).then_some(()));
        Some(Carrier { place, port, child, fallback: Some(fallback) })
    }

    /// What the drill shows of the one trunk, while somebody picks the fallback phone up.
    fn drill(&self, how: &str) -> Value {
        let output = self.drilled(how, "20");
        let told = json_lines(&output);
        assert!(output.status.success(), "{told:?} {}", String::from_utf8_lossy(&output.stderr));
        told[0].clone()
    }

    fn drilled(&self, how: &str, wait: &str) -> Output {
        let picks_up = self.fallback.map(|port| self.picks_up(port));
        let output = Command::new(FIRSTRING)
            .args(["--json", "drill", "outage", "--how", how, "--wait", wait, "-c"])
            .arg(self.place.file())
            .env(TOKEN_IS_IN, TOKEN)
            .output()
            .unwrap();
        if let Some(person) = picks_up.filter(|_| output.status.success()) {
            person.join().unwrap();
        }
        output
    }

    /// The fallback phone rings, is picked up, and put down again.
    fn picks_up(&self, port: u16) -> std::thread::JoinHandle<()> {
        let mut phone = Phone::at([127, 0, 0, 1], port, &self.place).behind(self.port);
        std::thread::spawn(move || {
            let within = Duration::from_secs(30);
            let Some(invite) = phone.receives(within, |message| message.starts_with("INVITE")) else {
                return;
            };
            phone.ring(&invite, ";tag=fallback");
            phone.answer(&invite, ";tag=fallback");
            if let Some(bye) = phone.receives(within, |message| message.starts_with("BYE")) {
                phone.answer(&bye, "");
            }
        })
    }

    fn is_answered_by_the_desk(&self) {
        let heard = self.place.call_over(self.port, CALLER, "wait 300ms\nhang up").result();
        assert!(heard["answer_ms"].as_f64().unwrap() < 1_500.0, "{heard}");
    }

    /// Seconds from the caller's INVITE until the fallback answered.
    fn is_answered_by_the_fallback(&self) -> f64 {
        let person = self.picks_up(self.fallback.unwrap());
        let heard = self.place.call_over(self.port, CALLER, "wait 300ms\nhang up").result();
        person.join().unwrap();
        let seconds = heard["answer_ms"].as_f64().unwrap() / 1_000.0;
        assert!(seconds >= 1.5, "the desk was not tried: {heard}");
        seconds
    }
}

fn is_up(control: &Path) -> bool {
    let socket = format!("unix:{}", control.display());
    Command::new("kamcmd").args(["-s", &socket, "core.uptime"]).output().unwrap().status.success()
}

/// Waits until the one trunk's registration stands like this.
fn stands(desk: &Desk, wanted: &str) {
    wait_until(&format!("the trunk is {wanted}"), Duration::from_secs(40), || {
        (desk.json("/api/v1/trunks")["items"][0]["registration"]["state"] == wanted).then_some(())
    });
}

impl Drop for Carrier {
    fn drop(&mut self) {
        // Its children end with it when it is asked to, and not when it is killed.
        signal("TERM", self.child.id());
        let _ = self.child.wait();
    }
}
