//! Calls over lines that lose, delay and swap packets, go dark and move, with the program as it ships: real SIP and RTP on
//! loopback, and a forwarder of ours in between. The same with many seeds, in virtual time:
//! `crates/media/tests/rough_paths.rs`.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::stage::desk::Desk;
use crate::stage::forwarder::Forwarder;
use crate::stage::headset::{Headset, sound_of};
use crate::stage::imagined_path::{Came, longest_hole, played, spoken};
use crate::stage::office::Office;
use crate::stage::phone::{Phone, sound_in};
use crate::stage::waiting::{Turn, free_port, wait_until};
use crate::stage::{CALLER, e_model};
use media::{Codec, Digit, Order};

/// What a telephone waits before it plays the first packet: our path takes 40 to 80 ms.
const CUSHION: Duration = Duration::from_millis(60);
/// Nobody hears a hole of this length as one.
const UNHEARD: Duration = Duration::from_millis(60);

/// A telephone that calls the desk through a forwarder, and its call.
struct Line {
    phone: Phone,
    headset: Headset,
    forwarder: Forwarder,
    call: String,
    tag: String,
}

const CALL: &str = "rough";

impl Line {
    /// Calls, and is answered.
    fn calls(desk: &Desk, loss_ratio: f64, seed: u64) -> Line {
        let mut phone = Phone::at([127, 0, 0, 1], free_port(), desk);
        let headset = Headset::new(Codec::Pcmu);
        let forwarder = Forwarder::to(headset.at, loss_ratio, seed);
        phone.sounds_at(forwarder.near);
        let call = format!("{CALL}-{seed}");
        let (tag, _) = phone.is_answered(1, &call, "", "0 101");
        headset.talks_to(forwarder.far, &[]);
        Line { phone, headset, forwarder, call, tag }
    }

    fn hangs_up(&mut self) {
        self.phone.send("BYE", 2, &self.call, &self.tag);
        assert_eq!(self.phone.final_status("BYE", 2, &self.call).0, 200, "the call was up to its end");
    }
}

/// What was said and what was heard of it, at the same places, from the first packet that came.
fn beside(said: &[Came], came: &[Came]) -> (Vec<i16>, Vec<i16>) {
    let first = came[0].stamp;
    let said: Vec<Came> =
        said.iter().filter(|packet| packet.stamp.wrapping_sub(first) as i32 >= 0).cloned().collect();
    (played(&said, Duration::from_secs(1)), played(came, CUSHION))
}

fn wait(time: Duration) {
    std::thread::sleep(time);
}

#[test]
fn what_the_desk_says_has_no_hole_over_a_rough_line_and_the_record_knows_how_rough_it_was() {
    let _turn = Turn::beside_others();
    let desk = Desk::open(&Office::default());
    let mut line = Line::calls(&desk, 0.05, 11);
    wait(Duration::from_secs(16));
    let said = sound_of(&line.forwarder.said(), Codec::Pcmu);
    let came = line.headset.came();
    line.hangs_up();
    let (said, heard) = beside(&said, &came);
    assert!(spoken(&said) > Duration::from_secs(4), "hardly anything was said: {:?}", spoken(&said));
    let hole = longest_hole(&heard, &said);
    assert!(hole <= UNHEARD, "{hole:?} of nothing");
    let record = desk.record(CALLER);
    let quality = &record["quality"];
    let (lost, there) = (line.forwarder.lost_to_desk(), line.forwarder.lost_from_desk());
    let noted = |of: &serde_json::Value, name: &str| {
        of[name].as_f64().unwrap_or_else(|| panic!("no {name}: {record}"))
    };
    assert!((noted(quality, "loss_ratio") - lost).abs() <= 0.005, "{lost} was lost: {quality}");
    // Up to 80 ms on the way, a packet of 20 ms at each end.
    let truly = e_model::mos(120.0, lost);
    assert!((noted(quality, "mos") - truly).abs() <= 0.2, "{truly}: {quality}");
    // Reports come every five seconds: what was lost after the last of them is not in it.
    assert!((noted(&quality["there"], "loss_ratio") - there).abs() <= 0.02, "{there} was lost: {quality}");
    assert!((noted(quality, "to_trunk_ms") - 80.0).abs() <= 30.0, "half of 120 ms, and a packet: {quality}");
    let story = desk.explained(&record);
    assert!(story.contains("of the 150 ms"), "{story}");
}

#[test]
fn a_line_that_goes_dark_for_a_second_or_ten_is_not_given_up_and_is_heard_again_at_once() {
    let _turn = Turn::beside_others();
    let desk = Desk::open(&Office::default());
    let mut line = Line::calls(&desk, 0.0, 3);
    wait(Duration::from_secs(1));
    for dark in [Duration::from_secs(1), Duration::from_secs(10)] {
        line.forwarder.is_dark(true);
        wait(dark);
        line.forwarder.is_dark(false);
        let light = Instant::now();
        let back = wait_until("sound is back", Duration::from_secs(5), || line.headset.first_after(light));
        let after = back.duration_since(light);
        assert!(after <= Duration::from_millis(300), "dark for {dark:?}, back after {after:?}");
        wait(Duration::from_secs(1));
    }
    line.hangs_up();
    let record = desk.record(CALLER);
    assert_eq!(record["ended_by"], "caller", "{record}");
}

#[test]
fn two_who_are_put_through_hear_each_other_without_holes_whatever_they_speak() {
    let _turn = Turn::beside_others();
    let desk = Desk::open(&Office::default());
    // This voice never pauses, so that every silence is a hole. The desk's own words are over when they talk.
    let speech = crate::stage::sound::never_pausing(Duration::from_secs(40));
    let mut person = Phone::at([127, 0, 0, 1], desk.person, &desk);
    let ways = [(Codec::Pcmu, "0 101"), (Codec::Pcma, "8 101"), (Codec::G722, "9 101"), (Codec::Opus, "111")];
    for (nth, (codec, formats)) in ways.into_iter().enumerate() {
        let at_person = Headset::new(codec);
        person.sounds_at(at_person.at);
        let mut line = Line::calls(&desk, 0.05, 5 + nth as u64);
        wait(Duration::from_millis(1_500));
        line.headset.does(Order::SendDigit(Digit::from_char('0').unwrap()));
        let rung = person.receives(Duration::from_secs(15), |text| text.starts_with("INVITE"));
        let invite = rung.expect("the person is rung");
        person.answers_with(&invite, &format!(";tag=person-{nth}"), formats);
        at_person.talks_to(sound_in(&invite), &speech);
        line.headset.talks_to(line.forwarder.far, &speech);
        wait(Duration::from_secs(3)); // until both are through
        let (heard_before, there_before) = (line.headset.came().len(), at_person.came().len());
        wait(Duration::from_secs(6));
        let heard = played(&line.headset.came()[heard_before..], CUSHION);
        let there = played(&at_person.came()[there_before..], CUSHION);
        line.hangs_up();
        let bye = person.receives(Duration::from_secs(5), |text| text.starts_with("BYE"));
        person.answer(&bye.expect("the person's call ends with the caller's"), "");
        for (who, heard) in [("the caller", heard), ("the person", there)] {
            assert!(heard.len() > 5 * 8_000, "{codec:?}: {who} heard {} samples", heard.len());
            let hole = longest_hole(&heard, &speech);
            assert!(hole <= UNHEARD, "{codec:?}: {hole:?} of nothing for {who}");
        }
    }
    let records = wait_until("every call is on record", Duration::from_secs(20), || {
        let records = desk.shown(&["calls"]);
        (records.len() >= ways.len()).then_some(records)
    });
    assert_eq!(records.len(), ways.len());
    for record in records {
        assert_eq!(
            (&record["outcome"], &record["ended_by"]),
            (&"transferred".into(), &"caller".into()),
            "{record}"
        );
    }
}

#[test]
fn sound_comes_in_packets_as_long_as_a_telephone_asks_for() {
    let _turn = Turn::beside_others();
    let desk = Desk::open(&Office::default());
    for ms in [10, 30, 60] {
        let mut phone = Phone::at([127, 0, 0, 1], free_port(), &desk);
        let headset = Headset::new(Codec::Pcmu);
        phone.sounds_at(headset.at);
        phone.wants_packets_of(ms);
        let call = format!("{CALL}-{ms}-ms");
        let (tag, sound) = phone.is_answered(1, &call, "", "0 101");
        headset.talks_to(sound, &[]);
        wait(Duration::from_millis(1_500));
        let came = headset.came();
        assert!(came.iter().all(|packet| packet.payload.len() == ms as usize * 8), "{ms} ms");
        let steps = came.windows(2).map(|pair| pair[1].stamp.wrapping_sub(pair[0].stamp));
        assert!(steps.clone().all(|step| step == ms * 8), "{ms} ms: {:?}", steps.collect::<Vec<_>>());
        let whole = 1_500 / ms as usize;
        assert!((whole * 4 / 5..=whole * 6 / 5).contains(&came.len()), "{ms} ms: {} packets", came.len());
        phone.send("BYE", 2, &call, &tag);
        assert_eq!(phone.final_status("BYE", 2, &call).0, 200);
    }
}

#[test]
fn sound_follows_a_telephone_that_moves_and_a_stranger_changes_nothing_and_gets_nothing() {
    let _turn = Turn::beside_others();
    let desk = Desk::open(&Office::default());
    let mut phone = Phone::at([127, 0, 0, 1], free_port(), &desk);
    let (here, there) = (Headset::new(Codec::Pcmu), Headset::new(Codec::Pcmu));
    phone.sounds_at(here.at);
    let (tag, sound) = phone.is_answered(1, CALL, "", "0 101");
    here.talks_to(sound, &[]);
    wait(Duration::from_secs(1));
    // Somebody who has found the port sends sound and keys from another address of this machine.
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    stranger.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    for number in 0..100_u16 {
        let mut packet = crate::stage::sound::rtp(number, u32::from(number) * 160, &[0x55; 160]);
        if number % 10 == 5 {
            packet[1] = 101;
            packet.truncate(12);
            packet.extend([0, 0x80, 5, 0]); // the key 0, which would ring a person
        }
        stranger.send_to(&packet, sound).unwrap();
        wait(Duration::from_millis(10));
    }
    let mut buffer = [0; 2_048];
    assert!(stranger.recv(&mut buffer).is_err(), "a stranger was answered");
    let heard = here.came().len();
    assert!(heard > 80, "the telephone heard on: {heard} packets");
    // The telephone is at another address now.
    phone.sounds_at(there.at);
    let asked = Instant::now();
    let (_, sound) = phone.is_answered(2, CALL, &tag, "0 101");
    let first = wait_until("sound has moved", Duration::from_secs(5), || there.first_after(asked));
    let after = first.duration_since(asked);
    assert!(after <= Duration::from_millis(200), "sound moved after {after:?}");
    there.talks_to(sound, &[]);
    wait(Duration::from_millis(500));
    let last = here.last().unwrap();
    assert!(last <= first + Duration::from_millis(40), "the old place still gets sound");
    phone.send("BYE", 3, CALL, &tag);
    assert_eq!(phone.final_status("BYE", 3, CALL).0, 200);
    let record = desk.record(CALLER);
    assert_ne!(record["outcome"], "transferred", "{record}");
    assert!(
        record["steps"].to_string().matches("ring").count() == 0,
        "a stranger's key rang a person: {record}"
    );
}
