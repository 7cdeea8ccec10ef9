//! The transfer keys of telephones that are not ours, on the wire: a caller is with Dana, who holds them, takes them up again,
//! in another codec or the same, and puts them through to Lee, blind or after a word with her. baresip over TLS with encrypted
//! sound, linphone over UDP and over TLS, kamailio between; and SIPp over UDP, straight at the desk. baresip 1.0 has no key for a
//! word with Lee before, so there it is Lee's telephone. Each end has to hear what the other plays, by correlation with it; and a
//! caller on hold hears the desk's music where the phone sends none.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::stage::exchange::{Exchange, Family, Over};
use crate::stage::lines::{self, Line};
use crate::stage::office::Office;
use crate::stage::place::Place;
use crate::stage::sound::{self, Handset, beep, hears, latest, music};
use crate::stage::telephone::{Codec, Kind, Make, Speaks, Telephone};
use crate::stage::waiting::{LIMIT, Turn, comes_true, free_port};
use crate::stage::{CALLER, peers};
use media::Law;
use serde_json::Value;

/// What Dana's and Lee's telephones say, for a second in every three. None of it is part of what rings in North America.
const DANA_HZ: f64 = 1_000.0;
const LEE_HZ: f64 = 1_450.0;
/// What Dana's linphone says once she has taken the call up again, the first, second and third time.
const TAKEN_UP_HZ: [f64; 3] = [700.0, 1_200.0, 1_700.0];
/// What the caller says.
const WORDS: &str = "hello, can you hear me";
/// A telephone on hold that sends silence counts as silent after three seconds; then a bar of music.
const MUSIC_IS_HEARD_WITHIN: Duration = Duration::from_secs(5);

/// One way in which a caller is put through.
#[derive(Clone, Copy)]
struct Way {
    place: usize,
    name: &'static str,
    /// Dana's telephone.
    make: Make,
    /// Lee's.
    other: Make,
    over: Over,
    speaks: Speaks,
    attended: bool,
    /// Dana holds the caller so many times; the codecs in which she takes the call up again.
    taken_up_in: &'static [Codec],
}

const WAYS: [Way; 7] = [
    Way {
        place: 0,
        name: "baresip-encrypted-blind",
        make: Make::Baresip,
        other: Make::Baresip,
        over: Over::Tls,
        speaks: Speaks::Encrypted,
        attended: false,
        taken_up_in: &[Codec::Pcmu],
    },
    Way {
        place: 1,
        name: "linphone-blind",
        make: Make::Linphone,
        other: Make::Linphone,
        over: Over::Udp,
        speaks: Speaks::InTheClear,
        attended: false,
        taken_up_in: &[Codec::Pcmu],
    },
    Way {
        place: 2,
        name: "linphone-attended",
        make: Make::Linphone,
        other: Make::Linphone,
        over: Over::Udp,
        speaks: Speaks::InTheClear,
        attended: true,
        taken_up_in: &[Codec::Pcmu],
    },
    Way {
        place: 3,
        name: "linphone-encrypted-attended",
        make: Make::Linphone,
        other: Make::Linphone,
        over: Over::Tls,
        speaks: Speaks::Encrypted,
        attended: true,
        taken_up_in: &[Codec::Pcmu],
    },
    Way {
        place: 4,
        name: "linphone-changes-codec-to-g722-opus-and-back",
        make: Make::Linphone,
        other: Make::Linphone,
        over: Over::Udp,
        speaks: Speaks::InTheClear,
        attended: false,
        taken_up_in: &[Codec::G722, Codec::Opus, Codec::Pcmu],
    },
    Way {
        place: 5,
        name: "linphone-encrypted-changes-codec-to-g722-opus-and-back",
        make: Make::Linphone,
        other: Make::Linphone,
        over: Over::Tls,
        speaks: Speaks::Encrypted,
        attended: false,
        taken_up_in: &[Codec::G722, Codec::Opus, Codec::Pcmu],
    },
    Way {
        place: 6,
        name: "linphone-encrypted-attended-to-baresip",
        make: Make::Linphone,
        other: Make::Baresip,
        over: Over::Tls,
        speaks: Speaks::Encrypted,
        attended: true,
        taken_up_in: &[Codec::Pcmu],
    },
];

impl Way {
    fn line(self) -> String {
        format!("+131255501{}", 10 + self.place)
    }

    fn dana(self) -> String {
        format!("+131255501{}", 50 + self.place)
    }

    fn lee(self) -> String {
        format!("+131255501{}", 60 + self.place)
    }

    fn caller(self) -> String {
        format!("+131255501{}", 70 + self.place)
    }
}

#[test]
fn a_caller_is_put_through_by_the_transfer_key_of_a_telephone_and_each_end_hears_the_other() {
    let _turn = Turn::beside_others();
    if !peers::have(&["kamailio", "baresip", "linphonec"]) {
        return;
    }
    let lines = WAYS.map(Way::of_the_desk);
    let Some((place, exchange)) = lines::at_an_exchange(&lines) else { return };
    let folder = place.folder();
    for (name, hz) in [("dana.wav", DANA_HZ), ("lee.wav", LEE_HZ)] {
        sound::write_wave(&folder.join(name), &sound::beeps(hz));
    }
    for hz in TAKEN_UP_HZ {
        sound::write_wave(&folder.join(format!("{hz}.wav")), &sound::beeps(hz));
    }
    let mut desk = place.open();
    let failed: Vec<&str> = std::thread::scope(|scope| {
        let (exchange, place) = (&exchange, &place);
        let running = WAYS.map(|way| (way.name, scope.spawn(move || way.takes_place(exchange, place))));
        running.into_iter().filter_map(|(name, thread)| thread.join().is_err().then_some(name)).collect()
    });
    assert_eq!(failed, Vec::<&str>::new());
    desk.has_calls(0);
    assert!(desk.stop(LIMIT).0.success());
}

impl Way {
    fn of_the_desk(self) -> Line {
        let name = self.name;
        Line {
            name: name.to_owned(),
            number: self.line(),
            over: self.over,
            family: Family::Four,
            // The caller of ours speaks in the clear.
            media: if self.speaks == Speaks::Encrypted { "preferred" } else { "off" },
            people: vec![
                (format!("Dana {name}"), self.dana(), "pick-up"),
                (format!("Lee {name}"), self.lee(), "pick-up"),
            ],
            steps: format!(r#""assistant", {{ ring = "Dana {name}", for = "40s" }}, "message""#),
        }
    }

    fn takes_place(self, exchange: &Exchange, place: &Place) {
        let registers = |make: Make, number: &str, says: &str| {
            let kind = Kind { make, speaks: self.speaks, codecs: &[Codec::Pcmu] };
            let says = place.folder().join(says);
            let way = (self.over, Family::Four);
            let mut telephone = Telephone::of(kind, number, exchange, way, &says, place.folder());
            exchange.knows(number);
            if make == Make::Linphone {
                telephone.speaks_only(Codec::Pcmu);
            }
            telephone.keeps_the_next_call();
            telephone
        };
        let mut dana = registers(self.make, &self.dana(), "dana.wav");
        let lee = registers(self.other, &self.lee(), "lee.wav");
        let script = format!("press 0\n{}", format!("say {WORDS}\n").repeat(40));
        let world = exchange.at(Over::Udp, Family::Four);
        let caller = place.call_at(&format!("sip:{}@{world}", self.line()), &self.caller(), &script);
        let words = sound::rendered("rms", WORDS);
        let words = sound::trimmed(&words);
        let named = |what: &str| format!("{}: {what}", self.name);
        comes_true(&named("Dana hears the caller"), || hears_words(&dana.heard(), words));
        let mut heard_of_dana = vec![beep(DANA_HZ)];
        for (codec, hz) in self.taken_up_in.iter().zip(TAKEN_UP_HZ) {
            let says = place.folder().join(format!("{hz}.wav"));
            self.is_held_and_taken_up(&mut dana, *codec, &says);
            comes_true(&named(&format!("Dana hears the caller again, {codec:?}")), || {
                hears_words(&dana.heard(), words)
            });
            heard_of_dana.push(match self.make {
                // It says back what it hears.
                Make::Baresip => piece_of(words).to_vec(),
                Make::Linphone => beep(hz),
            });
        }
        if self.attended {
            dana.asks_beside(&self.lee());
            // What the two say to each other is theirs.
            comes_true(&named("Lee has picked up"), || lee.heard().len() > sound::RATE * 2);
            dana.joins_its_calls();
        } else {
            dana.transfers(&self.lee());
        }
        comes_true(&named("Lee hears the caller"), || hears_words(&lee.heard(), words));
        comes_true(&named("Dana's telephone is free again"), || dana.has_let_go());
        caller.hangs_up();
        let heard = caller.heard();
        let record = place.record_within(LIMIT, &self.caller());
        assert_eq!(record["outcome"], "transferred", "{}: {record}", self.name);
        let tried: Vec<&Value> = record["steps"].as_array().unwrap().iter().flat_map(tried).collect();
        assert_eq!(tried, ["answered", "answered"], "{}: {record}", self.name);
        let heard = sound::read_wave(&heard.wave);
        assert!(hears(&heard, &beep(LEE_HZ)), "{}: the caller heard Lee", self.name);
        // linphone plays music of its own to whom it holds, and baresip silence.
        let in_silence = self.make == Make::Baresip;
        let of_ours = (hears(&heard, &music()), tells_of_music(&record));
        assert_eq!(of_ours, (in_silence, in_silence), "{}: {record}", self.name);
        for (times, said) in heard_of_dana.iter().enumerate() {
            assert!(hears(&heard, said), "{}: the caller heard Dana after {times} holds", self.name);
        }
    }

    /// Dana holds the caller until she hears nothing any more and they hear music, hers or ours, and takes the call up again in
    /// this codec.
    fn is_held_and_taken_up(self, dana: &mut Telephone, codec: Codec, says: &Path) {
        dana.holds();
        let (mut known, mut looks) = (0, 0);
        comes_true(&format!("{}: Dana hears nothing while she holds", self.name), || {
            let now = dana.heard().len();
            looks = if now == known { looks + 1 } else { 0 };
            known = now;
            looks == 3
        });
        std::thread::sleep(MUSIC_IS_HEARD_WITHIN);
        if self.make == Make::Linphone {
            dana.speaks_only(codec);
            dana.says(says);
        }
        dana.resumes();
    }
}

#[test]
fn a_desk_phone_holds_a_caller_changes_its_codec_and_puts_them_through_and_each_end_hears_the_other() {
    let _turn = Turn::beside_others();
    if !peers::have(&["sipp"]) {
        return;
    }
    // What the phone plays to a caller on hold is left alone; one that sends nothing leaves the music to the desk.
    for (hold, plays) in [("sendonly", true), ("inactive", false)] {
        a_desk_phone_holds_and_transfers(hold, plays);
    }
}

fn a_desk_phone_holds_and_transfers(hold: &str, plays: bool) {
    let place = Place::of(&Office { channels: 4, ..Office::default() });
    let (phone, other) = (free_port(), free_port());
    place.says(r#"reach = [{ to = "101" }]"#, &desk_phones(phone, other));
    place.says(r#"ring = "on-call", for = "5s""#, r#"ring = "Dana", for = "20s""#);
    place.bring_prompts();
    let mut desk = place.open();
    let (dana, lee) = (Handset::with_beeps(DANA_HZ), Handset::with_beeps(LEE_HZ));
    let mut phones = [
        desk_phone(
            "holds_and_transfers.xml",
            phone,
            &dana,
            &[("lee", &other.to_string()), ("hold", hold)],
            &place,
        ),
        desk_phone("picks_up.xml", other, &lee, &[], &place),
    ];
    let caller = place.call(CALLER, &format!("press 0\n{}", format!("say {WORDS}\n").repeat(40)));
    let words = sound::rendered("rms", WORDS);
    let words = sound::trimmed(&words);
    comes_true("Dana hears the caller", || hears_words(&dana.heard(), words));
    comes_true("Dana hears the caller in A-law", || hears_words(&dana.heard_in(Law::Pcma), words));
    comes_true("Dana hears the caller in µ-law again", || hears_words(&dana.heard_after(Law::Pcma), words));
    comes_true("Lee hears the caller", || hears_words(&lee.heard(), words));
    assert!(phones[0].ends_within(LIMIT).success(), "Dana's phone is free again, and went by its script");
    caller.hangs_up();
    assert!(phones[1].ends_within(LIMIT).success());
    let heard = caller.heard();
    assert_eq!(heard.result["packets"]["lost"], 0, "{}", heard.result);
    let record = place.record_within(LIMIT, CALLER);
    assert_eq!(record["outcome"], "transferred", "{record}");
    let heard = sound::read_wave(&heard.wave);
    for (who, hz) in [("Dana", DANA_HZ), ("Dana in A-law", DANA_HZ * 1.5), ("Lee", LEE_HZ)] {
        assert!(hears(&heard, &beep(hz)), "the caller heard {who}");
    }
    assert_eq!((hears(&heard, &music()), tells_of_music(&record)), (!plays, !plays), "{hold}: {record}");
    desk.has_calls(0);
    assert!(desk.stop(LIMIT).0.success());
}

/// Dana at one port and Lee at another, as the configuration says it after Dana's name.
fn desk_phones(dana: u16, lee: u16) -> String {
    format!(
        r#"reach = [{{ to = "sip:dana@127.0.0.1:{dana}", accept = "pick-up" }}]
[[person]]
name = "Lee"
reach = [{{ to = "sip:lee@127.0.0.1:{lee}", accept = "pick-up" }}]"#
    )
}

/// A phone on a desk, by this scenario: SIPp signals, and the handset has the sound.
fn desk_phone(
    scenario: &str,
    port: u16,
    handset: &Handset,
    knows: &[(&str, &str)],
    place: &Place,
) -> peers::Peer {
    let folder = place.folder().join(scenario.trim_end_matches(".xml"));
    fs::create_dir(&folder).unwrap();
    let mut sipp = peers::sipp(scenario, &folder);
    sipp.args(["-m", "1", "-p", &port.to_string(), "-key", "sound_port", &handset.port.to_string()]);
    for (name, value) in knows {
        sipp.args(["-key", name, value]);
    }
    peers::Peer::start(&mut sipp, &folder, "phone")
}

fn tried(step: &Value) -> Vec<&Value> {
    step["tried"].as_array().map(|rung| rung.iter().map(|ring| &ring[1]).collect()).unwrap_or_default()
}

/// Whether the caller's words are in what was heard last, as they were played.
fn hears_words(heard: &[i16], words: &[i16]) -> bool {
    hears(latest(heard), piece_of(words))
}

/// Half a second is enough to tell, and the search is not cheap.
fn piece_of(words: &[i16]) -> &[i16] {
    &words[..words.len().min(sound::RATE / 2)]
}

/// Whether the record says that the caller heard music of the desk's, and why.
fn tells_of_music(record: &Value) -> bool {
    let troubles = record["troubles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let told = |trouble: &&str| trouble.starts_with("the caller heard music of ours for ");
    troubles.filter(told).count() == 1
}
