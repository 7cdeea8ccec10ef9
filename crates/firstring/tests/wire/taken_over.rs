//! A caller's telephone puts its own call with the desk through to another one, which takes its place (Replaces): linphone at both
//! ends, kamailio between, over a trunk that is registered and no more. What the desk plays has to be heard at the new telephone.

use std::fs;
use std::time::Duration;

use crate::stage::certificates::Authority;
use crate::stage::exchange::{Exchange, Family, Over, PASSWORD};
use crate::stage::office::{Office, TOKEN_IS_IN, rtp_ports};
use crate::stage::place::Place;
use crate::stage::telephone::{Codec, Make, Telephone};
use crate::stage::waiting::{Turn, wait_until};
use crate::stage::{peers, sound};
use media::tones::{Player, Tone};

/// The numbers of all telephones, for the exchange.
const TELEPHONES: &str = "^[+]131255501[56]";
const LINE: &str = "+13125550110";
const PAT: &str = "+13125550150";
const LEE: &str = "+13125550160";
/// For everything that is waited for: a busy machine takes its time.
const LIMIT: Duration = Duration::from_secs(60);
/// As alike as what is heard is to what was played.
const ALIKE: f64 = 0.8;

#[test]
fn a_caller_who_gives_their_place_away_after_a_word_leaves_the_desk_with_whoever_took_it() {
    let _turn = Turn::beside_others();
    if !peers::have(&["kamailio", "linphonec"]) {
        return;
    }
    let place = Place::new();
    let folder = place.folder();
    Authority::founded(folder, "authority").issues("host", "DNS:localhost,IP:127.0.0.1");
    sound::write_wave(&folder.join("says.wav"), &sound::tone(1_000.0, Duration::from_secs(120)));
    let Some(exchange) = Exchange::open(folder, TELEPHONES) else { return };
    fs::write(folder.join("password"), PASSWORD).unwrap();
    place.is_told(&configuration(&place, &exchange));
    place.bring_prompts();
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

/// How the desk's music begins.
fn music() -> Vec<i16> {
    let mut samples = vec![0; sound::RATE];
    Player::new(Tone::Music).fill(&mut samples);
    samples
}

fn hears(heard: &[i16], wanted: &[i16]) -> bool {
    heard.len() > wanted.len() && sound::correlation(heard, wanted).0 >= ALIKE
}

/// Looks every now and then: the search takes a core meanwhile.
fn comes_true(what: &str, mut holds: impl FnMut() -> bool) {
    wait_until(what, LIMIT, || {
        std::thread::sleep(Duration::from_millis(300));
        holds().then_some(())
    });
}

/// Whoever calls waits in a queue for Dana, whose telephone is not there.
fn configuration(place: &Place, exchange: &Exchange) -> String {
    let Place { sip, web, .. } = place;
    format!(
        r#"
[business]
name = "Rivera Plumbing"
trade = "plumbing"
timezone = "America/Chicago"
[sip]
listen = ["udp:127.0.0.1:{sip}"]
rtp_ports = "{ports}"
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
[[trunk]]
name = "main"
register = true
username = "{LINE}"
password = "file:password"
transport = "udp"
registrar = "{registrar}"
domain = "example.com"
[[person]]
name = "Dana"
reach = [{{ to = "+13125550199", via = "main", accept = "pick-up" }}]
[[line]]
number = "{LINE}"
trunk = "main"
plan = "queue"
[[plan]]
name = "queue"
[[plan.rule]]
when = "always"
steps = [{{ queue = "Dana", for = "10m" }}, "message"]
"#,
        ports = rtp_ports(100),
        greeting = Office::small().greeting,
        registrar = exchange.at(Over::Udp, Family::Four),
    )
}
