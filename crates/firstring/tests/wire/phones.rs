//! Telephones of others at one exchange with us: kamailio between, baresip and linphone at the ends, over every transport and
//! both address families, with passwords wherever somebody could be anybody.
//!
//! One desk has a trunk for each row, so all rows take place at once.

use crate::stage::desk::Desk;
use crate::stage::exchange::{Exchange, Family, Over};
use crate::stage::lines::{self, Line};
use crate::stage::peers;
use crate::stage::place::Place;
use crate::stage::sound;
use crate::stage::telephone::{Make, Telephone};
use crate::stage::waiting::{LIMIT, Turn, wait_until};

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
/// What telephones say, for a second in every three. It is no part of what rings in North America.
const TONE_HZ: f64 = 1_000.0;
/// As many loud samples are somebody speaking: half a second, pauses within words left out.
const SPOKEN: usize = sound::RATE / 2;

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
    let lines: Vec<Line> = rows.iter().map(|row| row.of_the_desk()).collect();
    let Some((place, exchange)) = lines::at_an_exchange(&lines) else { return };
    sound::write_wave(&place.folder().join("says.wav"), &sound::beeps(TONE_HZ));
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
    fn of_the_desk(self) -> Line {
        let name = self.name();
        Line {
            number: self.line(),
            over: self.over,
            family: self.family,
            media: "off",
            people: vec![(name.clone(), self.telephone(), "pick-up")],
            steps: format!(r#""assistant", {{ ring = "{name}", for = "40s" }}, "message""#),
            name,
        }
    }

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
