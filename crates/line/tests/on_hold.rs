//! A caller whom a person puts on hold: what they are told, and what they hear where the person sends nothing. In virtual time.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod switchroom;

use std::time::Duration;

use desk::call::Tone;
use desk::record::Outcome;
use line::{Event, Habits, SoundEvent, SoundId};
use sip::sdp::{Capabilities, Codec, Direction, Protection};
use sip::{EndedBy, LegId, Notice, Order};
use switchroom::*;

/// Dana talks to the caller.
struct Talk {
    room: Switchroom,
    caller: LegId,
    dana: LegId,
}

const CALLERS: SoundId = SoundId(1);
const DANAS: SoundId = SoundId(2);

impl Talk {
    fn new() -> Talk {
        Talk::of_caller(&[Codec::Pcmu])
    }

    /// A caller whose telephone likes the first of these codecs best.
    fn of_caller(codecs: &[Codec]) -> Talk {
        let mut talk = Talk::between(codecs, Direction::SendRecv, |sdp| sdp);
        talk.room.orders.clear();
        talk.room.tones.clear();
        talk
    }

    /// Dana picks up in this direction, and her phone describes itself as changed.
    fn taken(direction: Direction, changed: impl FnOnce(String) -> String) -> Talk {
        Talk::between(&[Codec::Pcmu], direction, changed)
    }

    fn between(codecs: &[Codec], direction: Direction, changed: impl FnOnce(String) -> String) -> Talk {
        let mut room = Switchroom::with(Habits::default());
        let callers = Capabilities { codecs: codecs.to_vec(), ..theirs() };
        let offer = sip::sdp::offer(&callers, Direction::SendRecv);
        let caller = room.call(|invitation| invitation.offer = Some(offer));
        let placed = room.placed.last().unwrap();
        let dana = placed.leg;
        let sdp = changed(sip::sdp::answer(&placed.sdp, &theirs(), direction).unwrap().text);
        room.orders.clear();
        room.tones.clear();
        room.tell(Event::Sip(Notice::Answered { leg: dana, sdp }));
        room.tell(Event::Sip(Notice::Confirmed { leg: caller, sdp: None }));
        Talk { room, caller, dana }
    }

    /// A far end describes itself anew; what we offer the other side for it is answered as it has to be.
    fn offers(&mut self, leg: LegId, direction: Direction) -> Vec<(LegId, String)> {
        let offered = self.offers_then(leg, direction, &[Codec::Pcmu]);
        offered.into_iter().map(|(leg, sdp)| (leg, direction_of(&sdp))).collect()
    }

    /// The same by telephones that have these codecs; gives the descriptions.
    fn offers_then(&mut self, leg: LegId, direction: Direction, codecs: &[Codec]) -> Vec<(LegId, String)> {
        let theirs = Capabilities { codecs: codecs.to_vec(), ..theirs() };
        let offer = Some(sip::sdp::offer(&theirs, direction));
        self.room.tell(Event::Sip(Notice::Offered { leg, sdp: offer }));
        let offered: Vec<(LegId, String)> = std::mem::take(&mut self.room.orders)
            .into_iter()
            .filter_map(|order| match order {
                Order::Offer { leg, sdp } => Some((leg, sdp)),
                _ => None,
            })
            .collect();
        for (leg, sdp) in &offered {
            let answer = sip::sdp::answer(sdp, &theirs, Direction::SendRecv).unwrap().text;
            self.room.tell(Event::Sip(Notice::OfferAnswered { leg: *leg, sdp: answer }));
        }
        offered
    }

    fn sounds(&mut self, sound: SoundId, event: SoundEvent) {
        self.room.tell(Event::Sound { sound, event });
    }

    /// What the caller hears of ours since this was asked last. Nobody else hears anything.
    fn hears(&mut self) -> Vec<Tone> {
        let tones = std::mem::take(&mut self.room.tones);
        assert!(tones.iter().all(|(sound, _)| *sound == CALLERS), "{tones:?}");
        tones.into_iter().map(|(_, tone)| tone).collect()
    }
}

fn theirs() -> Capabilities {
    Capabilities {
        codecs: vec![Codec::Pcmu],
        telephone_event: true,
        rtcp_mux: false,
        address: "192.0.2.2".parse().unwrap(),
        port: 31_000,
        session_id: 2,
        version: 2,
        ptime_ms: 20,
        protection: Protection::Off,
    }
}

/// Payload numbers of the first sound formats of an offer, in its order.
fn likes(offered: &[(LegId, String)]) -> Vec<&str> {
    let [(_, sdp)] = offered else { panic!("one offer, and not {offered:?}") };
    let line = sdp.lines().find(|line| line.starts_with("m=audio")).unwrap();
    line.split(' ').skip(3).filter(|payload| ["0", "8"].contains(payload)).collect()
}

fn direction_of(sdp: &str) -> String {
    let known = ["sendrecv", "sendonly", "recvonly", "inactive"];
    known.into_iter().find(|known| sdp.contains(&format!("a={known}"))).unwrap_or("sendrecv").to_string()
}

#[test]
fn a_caller_who_is_held_without_any_sound_hears_music_at_once_until_they_are_taken_up_again() {
    let mut talk = Talk::new();
    let told = talk.offers(talk.dana, Direction::Inactive);
    assert_eq!(told, [(talk.caller, "sendonly".to_string())], "the caller is told that something comes");
    assert_eq!(talk.hears(), [Tone::Music]);
    talk.offers(talk.dana, Direction::Inactive);
    assert_eq!(talk.hears(), [], "a phone that says it again changes nothing");
    let told = talk.offers(talk.dana, Direction::SendRecv);
    assert_eq!((talk.hears(), told), (vec![Tone::Silence], vec![(talk.caller, "sendrecv".to_string())]));
    talk.room.caller_hangs_up(talk.caller);
    let troubles = &talk.room.records[0].troubles;
    assert!(troubles[0].starts_with("the caller heard music of ours for"), "{troubles:?}");
}

#[test]
fn a_caller_whom_a_person_takes_and_holds_at_once_hears_music_until_they_are_taken_up() {
    let hides_its_address = |sdp: String| sdp.replace("c=IN IP4 192.0.2.2", "c=IN IP4 0.0.0.0");
    for mut talk in [
        Talk::taken(Direction::Inactive, |sdp| sdp),
        Talk::taken(Direction::SendOnly, |sdp| sdp),
        Talk::taken(Direction::SendRecv, hides_its_address),
    ] {
        talk.sounds(DANAS, SoundEvent::HeldInSilence);
        assert_eq!(talk.hears().last(), Some(&Tone::Music));
        talk.sounds(DANAS, SoundEvent::Silent);
        assert!(talk.room.records.is_empty(), "who holds a caller is not gone");
        talk.offers(talk.dana, Direction::SendRecv);
        assert_eq!(talk.hears(), [Tone::Silence]);
    }
}

#[test]
fn a_caller_who_calls_and_holds_at_once_is_not_taken_for_gone() {
    let mut room = Switchroom::with(Habits::default());
    let offer = Some(sip::sdp::offer(&theirs(), Direction::Inactive));
    let caller = room.call(|invitation| invitation.offer = offer);
    room.phone_refuses(sip::Unanswered::Busy);
    room.tell(Event::Sip(Notice::Confirmed { leg: caller, sdp: None }));
    room.tell(Event::Sound { sound: CALLERS, event: SoundEvent::Silent });
    assert!(room.records.is_empty(), "they have not been taken up yet");
}

#[test]
fn music_of_a_person_s_own_is_left_alone_and_ours_fills_in_where_there_is_none() {
    let mut talk = Talk::new();
    talk.offers(talk.dana, Direction::SendOnly);
    assert_eq!(talk.hears(), [], "theirs may come");
    talk.sounds(DANAS, SoundEvent::HoldIsHeard);
    assert_eq!(talk.hears(), []);
    talk.sounds(DANAS, SoundEvent::HeldInSilence);
    talk.sounds(DANAS, SoundEvent::HeldInSilence);
    assert_eq!(talk.hears(), [Tone::Music]);
    talk.sounds(DANAS, SoundEvent::HoldIsHeard);
    assert_eq!(talk.hears(), [Tone::Silence]);
    talk.sounds(DANAS, SoundEvent::HeldInSilence);
    talk.offers(talk.dana, Direction::SendRecv);
    assert_eq!(talk.hears(), [Tone::Music, Tone::Silence]);
    // What was on its way when they were taken up is of no matter, now or at the next hold.
    talk.sounds(DANAS, SoundEvent::HeldInSilence);
    talk.offers(talk.dana, Direction::SendOnly);
    assert_eq!(talk.hears(), []);
}

#[test]
fn a_caller_who_is_put_through_to_a_phone_from_which_nothing_comes_hears_music_until_it_does() {
    let mut talk = Talk::new();
    talk.sounds(DANAS, SoundEvent::HeldInSilence);
    assert_eq!(talk.hears(), [Tone::Music]);
    talk.sounds(DANAS, SoundEvent::HoldIsHeard);
    assert_eq!(talk.hears(), [Tone::Silence]);
    talk.sounds(DANAS, SoundEvent::HeldInSilence);
    talk.sounds(DANAS, SoundEvent::Silent);
    assert_eq!(talk.hears(), [Tone::Music, Tone::Silence], "and none once it is given up");
}

#[test]
fn a_person_who_holds_and_sends_nothing_is_not_taken_for_gone() {
    let mut talk = Talk::new();
    talk.offers(talk.dana, Direction::SendOnly);
    talk.sounds(DANAS, SoundEvent::HeldInSilence);
    talk.room.pass(Duration::from_secs(20));
    talk.sounds(DANAS, SoundEvent::Silent);
    let hung_up = |order: &Order| matches!(order, Order::HangUp { .. });
    assert!(!talk.room.orders.iter().any(hung_up), "{:?}", talk.room.orders);
    talk.offers(talk.dana, Direction::SendRecv);
    talk.sounds(DANAS, SoundEvent::Silent);
    assert!(talk.room.orders.iter().any(hung_up), "who has taken the call up again is");
}

#[test]
fn a_person_of_whom_nothing_is_heard_is_hung_up_on_and_has_not_taken_the_call() {
    let mut talk = Talk::new();
    talk.sounds(DANAS, SoundEvent::Silent);
    let hung_up = |order: &Order| matches!(order, Order::HangUp { leg, .. } if *leg == talk.dana);
    assert!(talk.room.orders.iter().any(hung_up));
    assert!(talk.room.records.is_empty(), "the caller stays");
    talk.room.caller_hangs_up(talk.caller);
    let record = &talk.room.records[0];
    assert_eq!(record.outcome, Outcome::Abandoned);
    assert!(record.callback.is_some(), "{:?}", record.troubles);
}

#[test]
fn a_caller_whose_side_answers_nothing_more_has_not_hung_up() {
    let mut talk = Talk::new();
    talk.room.tell(Event::Sip(Notice::Ended { leg: talk.caller, by: EndedBy::Error }));
    let record = &talk.room.records[0];
    assert_eq!(record.ended_by, desk::record::EndedBy::Line);
    assert_eq!(record.troubles, ["the caller's side answered nothing more, or no longer knew the call"]);
}

#[test]
fn a_caller_who_holds_and_sends_nothing_is_not_taken_for_gone() {
    let mut talk = Talk::new();
    talk.offers(talk.caller, Direction::SendOnly);
    talk.room.pass(Duration::from_secs(20));
    talk.sounds(CALLERS, SoundEvent::Silent);
    assert!(talk.room.records.is_empty());
    talk.offers(talk.caller, Direction::SendRecv);
    talk.sounds(CALLERS, SoundEvent::Silent);
    assert_eq!(talk.room.records.len(), 1, "who has taken the call up again is");
}

#[test]
fn who_is_held_goes_on_in_the_codec_they_speak_and_may_still_choose_another() {
    let (pcmu, both) = ([Codec::Pcmu], [Codec::Pcma, Codec::Pcmu]);
    let mut talk = Talk::of_caller(&both);
    let held = talk.offers_then(talk.dana, Direction::SendOnly, &both);
    assert_eq!(likes(&held), ["8", "0"], "their telephone likes it best, though the trunk does not");
    talk.offers_then(talk.caller, Direction::SendRecv, &pcmu);
    let taken_up = talk.offers_then(talk.dana, Direction::SendRecv, &both);
    assert_eq!(likes(&taken_up), ["0", "8"]);
}

#[test]
fn a_person_whom_the_caller_holds_hears_no_music_of_ours() {
    for direction in [Direction::SendOnly, Direction::Inactive] {
        let mut talk = Talk::new();
        let told = talk.offers(talk.caller, direction);
        assert_eq!(told[0].0, talk.dana);
        talk.sounds(CALLERS, SoundEvent::HeldInSilence);
        assert_eq!(talk.hears(), []);
    }
}

#[test]
fn the_music_ends_with_a_person_who_hangs_up() {
    let mut talk = Talk::new();
    talk.offers(talk.dana, Direction::Inactive);
    talk.room.tell(Event::Sip(Notice::Ended { leg: talk.dana, by: EndedBy::FarEnd }));
    assert_eq!(talk.hears(), [Tone::Music, Tone::Silence]);
}
