//! Telephones of others at one exchange with us: kamailio between, baresip and linphone at the ends, over every transport and
//! both address families, with passwords wherever somebody could be anybody.
//!
//! One desk has a trunk for each row, so all rows take place at once.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use crate::stage::certificates::Authority;
use crate::stage::desk::Desk;
use crate::stage::exchange::{Exchange, Family, Over, PASSWORD};
use crate::stage::office::{Office, TOKEN_IS_IN, rtp_ports};
use crate::stage::peers;
use crate::stage::place::Place;
use crate::stage::sound;
use crate::stage::telephone::{Make, Telephone};
use crate::stage::waiting::{Turn, free_port, wait_until};

use Family::{Four, Six};
use Make::{Baresip, Linphone};
use Over::{Tcp, Tls, Udp};

const ROWS: [(Make, Over, Family); 12] = [
    (Baresip, Udp, Four),
    (Baresip, Tcp, Four),
    (Baresip, Tls, Four),
    (Baresip, Udp, Six),
    (Baresip, Tcp, Six),
    (Baresip, Tls, Six),
    (Linphone, Udp, Four),
    (Linphone, Tcp, Four),
    (Linphone, Tls, Four),
    (Linphone, Udp, Six),
    (Linphone, Tcp, Six),
    (Linphone, Tls, Six),
];
/// The numbers of all telephones, for the exchange.
const TELEPHONES: &str = "^[+]131255501[56]";
/// What telephones say, for a second in every three. It is no part of what rings in North America.
const TONE_HZ: f64 = 1_000.0;
/// As many loud samples are somebody speaking: half a second, pauses within words left out.
const SPOKEN: usize = sound::RATE / 2;
/// For everything that is waited for: a busy machine takes its time.
const LIMIT: Duration = Duration::from_secs(60);

/// A telephone, the trunk of the desk that its row is about, and who else takes part.
#[derive(Clone, Copy)]
struct Row {
    place: usize,
    make: Make,
    over: Over,
    family: Family,
}

impl Row {
    fn all() -> Vec<Row> {
        let here = |(_, (.., family)): &(usize, (Make, Over, Family))| family.is_here();
        let rows = ROWS.into_iter().enumerate().filter(here);
        rows.map(|(place, (make, over, family))| Row { place, make, over, family }).collect()
    }

    fn name(self) -> String {
        format!("{:?}-{:?}-{:?}", self.make, self.over, self.family).to_lowercase()
    }

    fn line(self) -> String {
        format!("+131255501{}", 10 + self.place)
    }

    fn telephone(self) -> String {
        format!("+131255501{}", 50 + self.place)
    }

    fn caller(self) -> String {
        format!("+131255501{}", 70 + self.place)
    }
}

#[test]
fn telephones_of_others_are_answered_and_rung_over_every_transport() {
    let _turn = Turn::beside_others();
    if !peers::have(&["kamailio", "baresip", "linphonec"]) {
        return;
    }
    let rows = Row::all();
    let place = Place::new();
    let folder = place.folder();
    Authority::founded(folder, "authority").issues("host", "DNS:localhost,IP:127.0.0.1,IP:::1");
    sound::write_wave(&folder.join("says.wav"), &what_telephones_say());
    let Some(exchange) = Exchange::open(folder, TELEPHONES) else { return };
    fs::write(folder.join("password"), PASSWORD).unwrap();
    place.is_told(&configuration(&place, &exchange, &rows));
    place.bring_prompts();
    let mut desk = is_killed_while_it_registers(&place, &exchange, &rows);

    let failed: Vec<String> = std::thread::scope(|scope| {
        let run = |row: Row| {
            (
                row,
                scope.spawn({
                    let (exchange, place) = (&exchange, &place);
                    move || row.takes_place(exchange, place)
                }),
            )
        };
        let running: Vec<_> = rows.iter().copied().map(run).collect();
        running.into_iter().filter_map(|(row, thread)| thread.join().is_err().then(|| row.name())).collect()
    });
    assert_eq!(failed, Vec::<String>::new());

    assert!(desk.stop(LIMIT).0.success());
    for row in rows {
        assert_eq!(
            exchange.places_of(&row.line()),
            0,
            "{}: a desk that stops takes its contact along",
            row.name()
        );
    }
}

/// The first registration stands, others are under way. The desk that comes back stands where it stood, once.
fn is_killed_while_it_registers(place: &Place, exchange: &Exchange, rows: &[Row]) -> Desk {
    let desk = place.open();
    wait_until("one trunk is registered", LIMIT, || {
        rows.iter().any(|row| exchange.places_of(&row.line()) > 0).then_some(())
    });
    desk.kill();
    let desk = place.open();
    wait_until("every trunk is registered", LIMIT, || {
        let trunks = desk.json("/api/v1/trunks");
        let stand = trunks["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|trunk| trunk["registration"]["state"] == "registered");
        stand.then_some(())
    });
    for row in rows {
        assert_eq!(exchange.places_of(&row.line()), 1, "{}", row.name());
    }
    desk
}

impl Row {
    /// The telephone registers, calls the line, and is rung by the desk for a caller.
    fn takes_place(self, exchange: &Exchange, place: &Place) {
        let (number, way) = (self.telephone(), (self.over, self.family));
        let says = place.folder().join("says.wav");
        let mut telephone = Telephone::registers(self.make, &number, exchange, way, &says, place.folder());
        let known = exchange.knows(&number);
        assert!(known.contains(self.family.loopback()), "{}: {known}", self.name());
        assert_eq!(
            known.to_lowercase().contains("transport=t"),
            self.over != Udp,
            "{}: {known}",
            self.name()
        );

        telephone.calls(&self.line());
        self.hears_somebody(&telephone, "the greeting");
        telephone.hangs_up();
        let record = place.record_within(LIMIT, &number);
        assert_eq!(record["line"], self.line(), "{}", self.name());

        telephone.keeps_the_next_call();
        // Whoever speaks first: the caller waits until the telephone is quiet.
        let script = format!("press 0\n{}hang up", "say hello, can you hear me\n".repeat(4));
        let world = exchange.at(Udp, self.family);
        let caller = place.call_at(&format!("sip:{}@{world}", self.line()), &self.caller(), &script);
        self.hears_somebody(&telephone, "the caller");
        let heard = caller.heard();
        let told = place.record_within(LIMIT, &self.caller());
        assert_eq!(told["outcome"], "transferred", "{}: {told}", self.name());
        assert!(hears_a_tone(&sound::read_wave(&heard.wave)), "{}: {}", self.name(), heard.result);
    }

    fn hears_somebody(self, telephone: &Telephone, whom: &str) {
        wait_until(&format!("{} hears {whom}", self.name()), LIMIT, || {
            let loud = telephone.heard().iter().filter(|sample| sample.unsigned_abs() > 300).count();
            (loud > SPOKEN).then_some(())
        });
    }
}

/// Whether half a second of it is nothing but the tone.
fn hears_a_tone(heard: &[i16]) -> bool {
    let pieces = heard.chunks_exact(sound::RATE / 10);
    pieces.filter(|piece| sound::share_of(piece, TONE_HZ) > 0.9).count() >= 5
}

/// A tone for a second, then quiet for two, for as long as anybody listens.
fn what_telephones_say() -> Vec<i16> {
    let mut once = sound::tone(TONE_HZ, Duration::from_secs(1));
    once.resize(sound::RATE * 3, 0);
    once.repeat(40)
}

fn configuration(place: &Place, exchange: &Exchange, rows: &[Row]) -> String {
    let Place { sip, web, .. } = place;
    let tls = free_port();
    let at = |over: Over, port: u16| {
        let families = [Four, Six].into_iter().filter(|family| family.is_here());
        families
            .map(|family| format!("\"{}:{}:{port}\", ", over.name(), family.loopback()))
            .collect::<String>()
    };
    let mut text = format!(
        r#"
[business]
name = "Rivera Plumbing"
trade = "plumbing"
timezone = "America/Chicago"
[sip]
listen = [{udp}{tcp}{encrypted}]
when_late = "take-all"
rtp_ports = "{ports}"
[sip.tls]
certificate = "host.pem"
key = "host.key"
[web]
listen = "127.0.0.1:{web}"
token = "env:{TOKEN_IS_IN}"
[data]
directory = "data"
[[office]]
name = "main"
hours = "Mo-Fr 08:00-17:00"
[[assistant]]
name = "Robin"
greeting = "{greeting}"
"#,
        udp = at(Udp, *sip),
        tcp = at(Tcp, *sip),
        encrypted = at(Tls, tls),
        ports = rtp_ports(300),
        greeting = Office::small().greeting,
    );
    for row in rows {
        let (name, line, telephone) = (row.name(), row.line(), row.telephone());
        let trust = if row.over == Tls { "trust = \"authority.pem\"\n" } else { "" };
        let (over, registrar) = (row.over.name(), exchange.at(row.over, row.family));
        let _ = write!(
            text,
            r#"
[[trunk]]
name = "{name}"
register = true
username = "{line}"
password = "file:password"
transport = "{over}"
{trust}registrar = "{registrar}"
domain = "example.com"
[[person]]
name = "{name}"
reach = [{{ to = "{telephone}", via = "{name}", accept = "pick-up" }}]
[[line]]
number = "{line}"
trunk = "{name}"
plan = "{name}"
[[plan]]
name = "{name}"
[[plan.rule]]
when = "always"
steps = ["assistant", {{ ring = "{name}", for = "40s" }}, "message"]
"#
        );
    }
    text
}
