//! A caller's telephone puts its own call with the desk through to another one, which takes its place (Replaces): linphone at both
//! ends, kamailio between, over a trunk that is registered and no more. What the desk plays has to be heard at the new telephone.

use std::time::Duration;

use crate::stage::exchange::{Family, Over};
use crate::stage::lines::{self, Line};
use crate::stage::peers;
use crate::stage::sound::{self, hears, music};
use crate::stage::telephone::{Codec, Make, Telephone};
use crate::stage::waiting::{LIMIT, Turn, comes_true};

const LINE: &str = "+13125550110";
const PAT: &str = "+13125550150";
const LEE: &str = "+13125550160";

#[test]
fn a_caller_who_gives_their_place_away_after_a_word_leaves_the_desk_with_whoever_took_it() {
    let _turn = Turn::beside_others();
    if !peers::have(&["kamailio", "linphonec"]) {
        return;
    }
    // Whoever calls waits for Dana, whose telephone is not there.
    let line = Line {
        name: "queue".to_owned(),
        number: LINE.to_owned(),
        over: Over::Udp,
        family: Family::Four,
        media: "off",
        people: vec![("Dana".to_owned(), "+13125550199".to_owned(), "pick-up")],
        steps: r#"{ queue = "Dana", for = "10m" }, "message""#.to_owned(),
    };
    let Some((place, exchange)) = lines::at_an_exchange(&[line]) else { return };
    let folder = place.folder();
    sound::write_wave(&folder.join("says.wav"), &sound::tone(1_000.0, Duration::from_secs(120)));
    let mut desk = place.open();
    exchange.knows(LINE);
    let telephone = |number: &str| {
        let (says, way) = (folder.join("says.wav"), (Over::Udp, Family::Four));
        let mut telephone = Telephone::registers(Make::Linphone, number, &exchange, way, &says, folder);
        exchange.knows(number);
        telephone.speaks_only(Codec::Pcmu);
        telephone
    };
    let (mut pat, mut lee) = (telephone(PAT), telephone(LEE));

    pat.calls(LINE);
    comes_true("Pat hears the music of the queue", || hears(&pat.heard(), &music()));
    lee.keeps_the_next_call();
    pat.asks_beside(LEE);
    comes_true("Lee has picked up", || lee.heard().len() > sound::RATE * 2);
    lee.keeps_the_next_call();
    pat.gives_its_place_away();
    comes_true("Lee hears the music of the queue", || hears(&lee.heard(), &music()));
    comes_true("Pat's telephone is free again", || pat.has_let_go());
    desk.has_calls(1);
    lee.hangs_up();

    let record = place.record_within(LIMIT, PAT);
    let told = "another telephone took the place of the caller's in this call, and shows another number than the caller's";
    assert_eq!(record["troubles"], serde_json::json!([told]), "{record}");
    assert_eq!(record["ended_by"], "caller", "{record}");
    assert!(place.explained(&record).contains("another telephone took the place"));
    desk.has_calls(0);
    assert!(desk.stop(LIMIT).0.success());
}
