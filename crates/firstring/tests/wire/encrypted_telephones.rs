//! Calls whose sound is encrypted on both legs of the desk (SRTP, keys over TLS), kamailio between: baresip is the telephone of
//! the person, and of the caller. Each end has to hear what the other plays, by correlation with it.

use std::time::Duration;

use crate::stage::desk::Desk;
use crate::stage::exchange::{Exchange, Family, Over};
use crate::stage::lines::{self, Line};
use crate::stage::peers;
use crate::stage::place::Place;
use crate::stage::sound::{self, beep, hears, latest};
use crate::stage::telephone::{Codec, Kind, Make, Speaks, Telephone};
use crate::stage::waiting::{LIMIT, Turn, comes_true};

const LINE: &str = "+13125550110";
/// Whom callers are put through to, and a caller.
const DANA: &str = "+13125550150";
const PAT: &str = "+13125550160";
/// What their telephones say, for a second in every three. None of it is part of what rings in North America.
const DANA_HZ: f64 = 1_000.0;
const PAT_HZ: f64 = 1_450.0;
/// What Dana's says once she has taken the call up again.
const TAKEN_UP_HZ: f64 = 700.0;
/// What Dana is told before she takes a call, as it is rendered.
const WHISPERED: [&str; 2] = [
    "You have a call for the office. Press 1 to take it.",
    "They have not said what it is about. The caller's number is 3 1 2, 5 5 5, 0 1 6 0.",
];
/// As much of what is said is enough to tell, and the search is not cheap.
const PIECE: usize = sound::RATE / 2;

/// Pat's telephone and Dana's at an exchange, with a desk whose one line puts callers through to her.
struct Office {
    place: Place,
    exchange: Exchange,
}

impl Office {
    /// `accept` is what counts as Dana's answer.
    fn open(accept: &'static str) -> Option<Office> {
        let line = Line {
            name: "main".to_owned(),
            number: LINE.to_owned(),
            over: Over::Tls,
            family: Family::Four,
            media: "required",
            people: vec![("Dana".to_owned(), DANA.to_owned(), accept)],
            steps: r#""assistant", { ring = "Dana", for = "40s" }, "message""#.to_owned(),
        };
        let (place, exchange) = lines::at_an_exchange(&[line])?;
        for hz in [DANA_HZ, PAT_HZ, TAKEN_UP_HZ] {
            sound::write_wave(&place.folder().join(format!("{hz}.wav")), &sound::beeps(hz));
        }
        Some(Office { place, exchange })
    }

    fn telephone(&self, make: Make, codecs: &'static [Codec], number: &str, says_hz: f64) -> Telephone {
        let kind = Kind { make, speaks: Speaks::Encrypted, codecs };
        let (folder, way) = (self.place.folder(), (Over::Tls, Family::Four));
        let says = folder.join(format!("{says_hz}.wav"));
        let telephone = Telephone::of(kind, number, &self.exchange, way, &says, folder);
        self.exchange.knows(number);
        telephone
    }

    /// What it keeps of a call does not end with a hold, as it does with baresip.
    fn danas_linphone(&self) -> Telephone {
        let mut dana = self.telephone(Make::Linphone, &[], DANA, DANA_HZ);
        dana.speaks_only(Codec::Pcmu);
        dana.keeps_the_next_call();
        dana
    }

    /// Pat calls the line from a baresip with these codecs, and presses 0 once they are answered.
    fn asks_for_a_person(&self, codecs: &'static [Codec]) -> Telephone {
        let mut pat = self.telephone(Make::Baresip, codecs, PAT, PAT_HZ);
        self.exchange.knows(LINE);
        pat.calls(LINE);
        comes_true("Pat is answered", || pat.heard().len() > sound::RATE);
        pat.presses('0');
        pat
    }

    /// Pat hangs up, after a call in which Dana took them, and the desk is stopped.
    fn ends(&self, mut desk: Desk, mut pat: Telephone) {
        pat.hangs_up();
        let record = self.place.record_within(LIMIT, PAT);
        assert_eq!(record["outcome"], "transferred", "{record}");
        assert_eq!(record["ended_by"], "caller", "{record}");
        let steps = record["steps"].as_array().unwrap();
        let rung = steps.iter().filter_map(|step| step["tried"].as_array()).flatten();
        assert_eq!(rung.map(|ring| &ring[1]).collect::<Vec<_>>(), ["answered"], "{record}");
        desk.has_calls(0);
        assert!(desk.stop(LIMIT).0.success());
    }
}

#[test]
fn a_person_hears_what_a_call_is_about_before_they_press_1_and_then_each_end_hears_the_other() {
    let _turn = Turn::beside_others();
    if !peers::have(&["kamailio", "baresip"]) {
        return;
    }
    let Some(office) = Office::open("press-1") else { return };
    let desk = office.place.open();
    let mut dana = office.telephone(Make::Baresip, &[Codec::Pcmu], DANA, DANA_HZ);
    dana.keeps_the_next_call();
    let pat = office.asks_for_a_person(&[Codec::Pcmu]);
    let whispered = WHISPERED.map(|words| sound::rendered("slt", words));
    let [press_one, summary] = whispered.each_ref().map(|words| sound::trimmed(words));
    comes_true("Dana has heard who calls", || hears(&dana.heard(), &summary[summary.len() - PIECE..]));
    let (told, meanwhile) = (dana.heard(), pat.heard());
    dana.presses('1');
    for words in [press_one, summary] {
        let ends = [&words[..PIECE], &words[words.len() - PIECE..]];
        assert!(ends.iter().all(|end| hears(&told, end)), "Dana was told all");
    }
    let too_soon = hears(&told, &beep(PAT_HZ)) || hears(&meanwhile, &beep(DANA_HZ));
    assert!(!too_soon, "put through without the key");
    comes_true("Dana hears Pat", || hears(latest(&dana.heard()), &beep(PAT_HZ)));
    comes_true("Pat hears Dana", || hears(latest(&pat.heard()), &beep(DANA_HZ)));
    office.ends(desk, pat);
}

#[test]
fn who_is_held_keeps_their_codec_until_the_carrier_has_it_no_more_and_whatever_the_other_changes_to() {
    let _turn = Turn::beside_others();
    if !peers::have(&["kamailio", "baresip", "linphonec"]) {
        return;
    }
    let Some(office) = Office::open("pick-up") else { return };
    let desk = office.place.open();
    let mut dana = office.danas_linphone();
    let mut pat = office.asks_for_a_person(&[Codec::Pcma, Codec::Pcmu]);
    comes_true("Dana hears Pat", || hears(latest(&dana.heard()), &beep(PAT_HZ)));
    comes_true("Pat hears Dana", || hears(latest(&pat.heard()), &beep(DANA_HZ)));
    assert_eq!(pat.has_spoken_in(), ["PCMA"], "what Pat's telephone likes best");

    dana.holds();
    dana.says(&office.place.folder().join(format!("{TAKEN_UP_HZ}.wav")));
    dana.speaks_only(Codec::G722);
    dana.resumes();
    comes_true("Dana hears Pat again", || hears(latest(&dana.heard()), &beep(PAT_HZ)));
    assert_eq!(pat.has_spoken_in(), ["PCMA"], "told twice who may send, and offered twice what it speaks");

    office.exchange.leaves_out("PCMA");
    pat.holds();
    comes_true("Pat's codec has changed", || pat.has_spoken_in() == ["PCMA", "PCMU"]);
    pat.resumes();
    comes_true("Pat hears Dana in it", || hears(latest(&pat.heard()), &beep(TAKEN_UP_HZ)));
    comes_true("Dana hears what Pat's telephone says back in it", || {
        hears(latest(&dana.heard()), &beep(TAKEN_UP_HZ))
    });
    office.ends(desk, pat);
}

#[test]
fn a_caller_who_holds_for_half_a_minute_and_sends_nothing_talks_on_when_they_are_back() {
    let _turn = Turn::beside_others();
    if !peers::have(&["kamailio", "baresip", "linphonec"]) {
        return;
    }
    let Some(office) = Office::open("pick-up") else { return };
    let desk = office.place.open();
    let dana = office.danas_linphone();
    let mut pat = office.asks_for_a_person(&[Codec::Pcmu]);
    comes_true("Dana hears Pat", || hears(latest(&dana.heard()), &beep(PAT_HZ)));

    pat.holds();
    // Five seconds more than a caller who holds nobody may be silent. A telephone of this make sends nothing on hold.
    std::thread::sleep(Duration::from_secs(25));
    desk.has_calls(2);
    pat.resumes();
    comes_true("Pat hears Dana again", || hears(latest(&pat.heard()), &beep(DANA_HZ)));
    comes_true("Dana hears what Pat's telephone says back", || hears(latest(&dana.heard()), &beep(DANA_HZ)));
    office.ends(desk, pat);
}
