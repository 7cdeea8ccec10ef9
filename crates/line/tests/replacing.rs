//! A telephone takes the place of another that is in a call with us, or rings for it (Replaces): the call goes on with it. In
//! virtual time.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod switchroom;

use desk::business::{Accept, Kept, Person, Reach, Step};
use desk::call::{Event as DeskEvent, Leg, TapeOrder};
use desk::private::Private;
use desk::record::{Outcome, Tried};
use line::{Event, Habits, SoundEvent, SoundId, SoundOrder};
use sip::sdp::{Capabilities, Codec, Direction, Protection};
use sip::{EndedBy, Invitation, LegId, Notice, Order, Path, Refusal};
use switchroom::*;

const CALLERS: SoundId = SoundId(1);
const DANAS: SoundId = SoundId(2);
/// Where the new telephone is.
const ELSEWHERE: &str = "192.0.2.77";

/// The caller and Dana, whose phone rings.
fn ringing() -> (Switchroom, LegId, LegId) {
    ring_in(Switchroom::with(Habits::default()))
}

fn ring_in(mut room: Switchroom) -> (Switchroom, LegId, LegId) {
    let caller = room.call(|_| ());
    let dana = room.placed.last().unwrap().leg;
    (room, caller, dana)
}

/// They talk.
fn talking() -> (Switchroom, LegId, LegId) {
    talk_in(Switchroom::with(Habits::default()))
}

fn talk_in(room: Switchroom) -> (Switchroom, LegId, LegId) {
    let (mut room, caller, dana) = ring_in(room);
    let sdp = room.placed.last().unwrap().sdp.replace("192.0.2.1", "192.0.2.2");
    room.tell(Event::Sip(Notice::Answered { leg: dana, sdp }));
    room.tell(Event::Sip(Notice::Confirmed { leg: caller, sdp: None }));
    room.orders.clear();
    room.sounds.clear();
    (room, caller, dana)
}

fn new_telephone(direction: Direction) -> String {
    let theirs = Capabilities {
        codecs: vec![Codec::Pcma],
        telephone_event: true,
        rtcp_mux: false,
        address: ELSEWHERE.parse().unwrap(),
        port: 41_000,
        session_id: 9,
        version: 1,
        ptime_ms: 20,
        protection: Protection::Off,
    };
    sip::sdp::offer(&theirs, direction)
}

impl Switchroom {
    /// Another telephone wants the place of this leg.
    fn wants_place_of(&mut self, old: LegId, changed: impl FnOnce(&mut Invitation)) -> LegId {
        self.call(|invitation| {
            invitation.replaces = Some(old);
            invitation.request_user = String::new();
            invitation.path = Path::udp(address("192.0.2.1:5060"), address("192.0.2.77:5060"));
            invitation.offer = Some(new_telephone(Direction::SendRecv));
            changed(invitation);
        })
    }

    /// The answer it was given.
    fn answered(&self, leg: LegId) -> Option<&str> {
        self.orders.iter().find_map(|order| match order {
            Order::Answer { leg: answered, sdp } if *answered == leg => Some(sdp.as_str()),
            _ => None,
        })
    }

    /// Whose sound goes to a new telephone, and where that is.
    fn taken_over(&self) -> Vec<(SoundId, String)> {
        let moved = |(sound, order): &(SoundId, SoundOrder)| match order {
            SoundOrder::TakenOver { agreed, signalled_by } => {
                assert_eq!(signalled_by.to_string(), ELSEWHERE);
                Some((*sound, agreed.remote.to_string()))
            }
            _ => None,
        };
        self.sounds.iter().filter_map(moved).collect()
    }

    fn hung_up(&self, leg: LegId) -> bool {
        self.orders.iter().any(|order| matches!(order, Order::HangUp { leg: hung_up, .. } if *hung_up == leg))
    }

    fn taken(&self) -> u32 {
        self.exchange.board().channels().map(|(_, taken, _)| taken).sum()
    }

    fn replaced(&self) -> Vec<(Leg, Option<&str>)> {
        let told = |event: &'_ DeskEvent| matches!(event, DeskEvent::Replaced { .. });
        let told = self.journal.iter().filter(|event| told(event));
        told.filter_map(|event| match event {
            DeskEvent::Replaced { leg, from } => {
                Some((*leg, from.as_ref().map(|from| from.reveal().as_str())))
            }
            _ => None,
        })
        .collect()
    }
}

#[test]
fn a_callers_place_is_taken_and_the_talk_goes_on_with_the_new_telephone() {
    let (mut room, caller, dana) = talking();
    let opened = room.opened.len();
    let new = room.wants_place_of(caller, |_| ());
    assert!(
        room.answered(new).unwrap().contains("m=audio 20002 "),
        "at the address there was: {:?}",
        room.answered(new)
    );
    assert_eq!(room.taken_over(), [(CALLERS, "192.0.2.77:41000".to_string())]);
    assert_eq!(
        (room.opened.len(), room.taken()),
        (opened, 2),
        "neither a socket nor a channel is taken for it"
    );
    assert_eq!(room.replaced(), [(Leg::Caller, Some(CALLER))]);
    // The user agent hangs the old one up: nothing of that counts.
    for told in [Notice::Ended { leg: caller, by: EndedBy::Us }, Notice::Released { leg: caller }] {
        room.tell(Event::Sip(told));
    }
    room.tell(Event::Sip(Notice::Confirmed { leg: new, sdp: None }));
    assert!(room.records.is_empty() && !room.hung_up(dana));
    room.tell(Event::Sip(Notice::Ended { leg: new, by: EndedBy::FarEnd }));
    assert!(room.hung_up(dana));
    let record = &room.records[0];
    assert_eq!((record.outcome, room.taken(), room.exchange.calls_up()), (Outcome::Answered, 0, 0));
    assert_eq!(record.troubles, ["another telephone took the place of the caller's in this call"]);
}

#[test]
fn a_caller_who_is_somebody_else_now_is_on_record_as_that() {
    let (mut room, caller, _) = talking();
    let other = |invitation: &mut Invitation| invitation.from = party("+13125550166");
    let new = room.wants_place_of(caller, other);
    assert_eq!(room.replaced(), [(Leg::Caller, Some("+13125550166"))]);
    room.caller_hangs_up(new);
    let record = &room.records[0];
    assert_eq!(record.from, Some(Private::new(number(CALLER))), "who called");
    assert_eq!(
        record.troubles,
        [
            "another telephone took the place of the caller's in this call, and shows another number than the caller's"
        ]
    );
}

#[test]
fn a_persons_place_is_taken_and_taken_again() {
    let (mut room, caller, dana) = talking();
    let second = room.wants_place_of(dana, |_| ());
    assert_eq!(room.taken_over(), [(DANAS, "192.0.2.77:41000".to_string())]);
    room.tell(Event::Sip(Notice::Ended { leg: dana, by: EndedBy::Us }));
    let third = room.wants_place_of(second, |_| ());
    room.tell(Event::Sip(Notice::Confirmed { leg: third, sdp: None }));
    assert!(room.answered(third).is_some() && !room.hung_up(caller));
    let late = room.wants_place_of(dana, |_| ());
    assert_eq!(room.refused, [(late, Refusal::Declined)], "her first telephone is long out of it");
    room.tell(Event::Sip(Notice::Ended { leg: third, by: EndedBy::FarEnd }));
    assert!(room.hung_up(caller), "who hangs up now is who took the place");
    assert_eq!(room.replaced().len(), 2);
}

#[test]
fn a_person_who_puts_the_caller_through_and_goes_over_to_another_phone_is_not_left_waiting_at_the_first() {
    let mut business = business(&[LINE], DANA, 4);
    let reach = Reach { to: "102".to_string(), via: "main".to_string(), accept: Accept::PickUp };
    business.people.insert("Lee".to_string(), Person { office: "main".to_string(), reach: vec![reach] });
    let (mut room, caller, dana) = talk_in(Switchroom::answering(business, Habits::default()));
    let to = Box::new("sip:102@192.0.2.2".parse().unwrap());
    room.tell(Event::Sip(Notice::ReferralWanted { leg: dana, name: 5, to, replaces: None }));
    let lee = room.placed.last().unwrap().clone();
    let new = room.wants_place_of(dana, |_| ());
    let told =
        |order: &Order| matches!(order, Order::TellReferral { leg, name: 5, status: 487 } if *leg == dana);
    assert!(room.orders.iter().any(told), "{:?}", room.orders);
    room.tell(Event::Sip(Notice::Answered { leg: lee.leg, sdp: lee.sdp.replace("192.0.2.1", "192.0.2.2") }));
    assert!(room.hung_up(new), "Lee has the caller");
    room.caller_hangs_up(caller);
    assert_eq!((room.taken(), room.exchange.calls_up()), (0, 0));
}

#[test]
fn a_phone_that_rings_is_picked_up_at_another_one() {
    let (mut room, caller, dana) = ringing();
    let new = room.wants_place_of(dana, |_| ());
    assert!(room.answered(new).is_some() && room.answered(caller).is_some(), "both are answered");
    let connected = |(sound, order): &(SoundId, SoundOrder)| {
        *sound == DANAS
            && matches!(order, SoundOrder::Connect { agreed, .. } if agreed.remote.to_string() == "192.0.2.77:41000")
    };
    assert!(room.sounds.iter().any(connected), "{:?}", room.sounds);
    assert!(room.sounds.contains(&(CALLERS, SoundOrder::Bridge { with: DANAS })));
    // Her own phone is let go, or was picked up too late.
    let why = sip::Unanswered::Cancelled;
    room.tell(Event::Sip(Notice::Refused {
        leg: dana,
        status: 487,
        reason: String::new(),
        retry_after: None,
        why,
    }));
    let sdp = new_telephone(Direction::SendRecv);
    room.tell(Event::Sip(Notice::Answered { leg: dana, sdp }));
    assert!(room.records.is_empty());
    room.caller_hangs_up(caller);
    assert!(room.hung_up(new));
    assert_eq!(room.records[0].steps[0].tried, [("Dana".to_string(), Tried::Answered)]);
    assert_eq!((room.taken(), room.exchange.calls_up()), (0, 0));
}

#[test]
fn what_cannot_be_taken_over_leaves_the_call_as_it_was() {
    let other_codec = |invitation: &mut Invitation| {
        invitation.offer = invitation
            .offer
            .take()
            .map(|offer| offer.replace(" 8 101", " 3").replace("a=rtpmap:8 PCMA/8000\r\n", ""));
    };
    let other_family = |invitation: &mut Invitation| {
        invitation.offer =
            invitation.offer.take().map(|offer| offer.replace("IP4 192.0.2.77", "IP6 2001:db8::77"));
    };
    let cases: [&dyn Fn(&mut Invitation); 2] = [&other_codec, &other_family];
    for changed in cases {
        let (mut room, caller, dana) = talking();
        let new = room.wants_place_of(caller, changed);
        assert_eq!(room.refused, [(new, Refusal::NotAcceptable)]);
        assert_eq!(
            (room.because.len(), room.sounds.len(), room.replaced().len()),
            (1, 0, 0),
            "{:?}",
            room.sounds
        );
        room.caller_hangs_up(caller);
        assert!(room.hung_up(dana) && room.records.len() == 1);
    }
}

#[test]
fn nobody_takes_the_place_of_who_is_not_there_yet_or_no_more() {
    let (mut room, caller, dana) = ringing();
    let early = room.wants_place_of(caller, |_| ());
    assert_eq!(room.refused, [(early, Refusal::Declined)], "the caller is not answered");
    let (mut gone, ..) = talking();
    gone.caller_hangs_up(caller);
    for leg in [caller, dana] {
        let late = gone.wants_place_of(leg, |_| ());
        assert_eq!(gone.refused.last(), Some(&(late, Refusal::Declined)));
    }
    assert_eq!((gone.exchange.calls_up(), gone.taken()), (0, 0));
}

#[test]
fn a_telephone_that_wants_our_offer_is_heard_once_it_has_answered_it() {
    let (mut room, caller, _) = talking();
    let new = room.wants_place_of(caller, |invitation| invitation.offer = None);
    let offer = room.answered(new).unwrap().to_string();
    assert_eq!(room.taken_over(), []);
    let answer = sip::sdp::answer(&offer, &theirs(), Direction::SendRecv).unwrap().text;
    room.tell(Event::Sip(Notice::Confirmed { leg: new, sdp: Some(answer) }));
    assert_eq!(room.taken_over(), [(CALLERS, "192.0.2.77:41000".to_string())]);
}

#[test]
fn a_telephone_that_takes_a_place_and_never_says_where_its_sound_is_is_taken_for_gone() {
    for answer in [None, Some("v=0\r\n".to_string())] {
        for of_caller in [true, false] {
            let (mut room, caller, dana) = talking();
            let old = if of_caller { caller } else { dana };
            let new = room.wants_place_of(old, |invitation| invitation.offer = None);
            room.tell(Event::Sip(Notice::Confirmed { leg: new, sdp: answer.clone() }));
            assert!(room.hung_up(new), "{:?}", room.orders);
            assert_eq!(room.records.len(), 1, "and nobody is left listening to nothing");
        }
    }
}

fn theirs() -> Capabilities {
    Capabilities {
        codecs: vec![Codec::Pcmu],
        telephone_event: true,
        rtcp_mux: false,
        address: ELSEWHERE.parse().unwrap(),
        port: 41_000,
        session_id: 9,
        version: 1,
        ptime_ms: 20,
        protection: Protection::Off,
    }
}

#[test]
fn whoever_takes_the_place_of_one_on_hold_is_off_hold_and_one_who_is_held_stays_so() {
    // Dana holds: the caller's new telephone is told to listen.
    let (mut room, caller, dana) = talking();
    let hold = Some(new_telephone(Direction::SendOnly));
    room.tell(Event::Sip(Notice::Offered { leg: dana, sdp: hold }));
    let new = room.wants_place_of(caller, |_| ());
    assert!(room.answered(new).unwrap().contains("a=sendonly"), "{:?}", room.answered(new));
    // And her own new telephone holds nobody.
    room.orders.clear();
    room.wants_place_of(dana, |_| ());
    let freed = |order: &Order| matches!(order, Order::Offer { leg, sdp } if *leg == new && sdp.contains("a=sendrecv"));
    assert!(room.orders.iter().any(freed), "{:?}", room.orders);
}

#[test]
fn a_new_telephone_that_never_confirms_is_taken_for_gone() {
    let (mut room, caller, dana) = talking();
    let new = room.wants_place_of(dana, |_| ());
    room.tell(Event::Sip(Notice::AckNeverCame { leg: new }));
    assert!(room.hung_up(caller));
    let (mut room, caller, dana) = talking();
    room.tell(Event::Sip(Notice::AckNeverCame { leg: dana }));
    assert!(
        room.hung_up(caller),
        "and so is a person whose phone never confirms what it wanted inside the call"
    );
}

#[test]
fn who_comes_into_a_talk_that_is_recorded_is_told_so_before_they_are() {
    let mut business = business(&[LINE], DANA, 4);
    business.keeping.bridged = Kept::Announced;
    let steps = &mut business.plans.get_mut("people").unwrap().rules[0].steps;
    assert!(matches!(steps[0], Step::Ring { .. }));
    let mut room = Switchroom::answering(business, Habits::default());
    let caller = room.call(|_| ());
    let placed = room.placed.last().unwrap();
    let (dana, sdp) = (placed.leg, placed.sdp.replace("192.0.2.1", "192.0.2.2"));
    room.tell(Event::Sip(Notice::Answered { leg: dana, sdp }));
    room.tell(Event::Sip(Notice::Confirmed { leg: caller, sdp: None }));
    assert_eq!((room.sayings.len(), room.tapes.len()), (2, 0));
    room.is_heard(0);
    room.is_heard(1);
    assert!(matches!(room.tapes[..], [TapeOrder::Begin { .. }]), "{:?}", room.tapes);
    room.wants_place_of(dana, |_| ());
    assert!(matches!(room.tapes[1..], [TapeOrder::Pause { .. }]), "{:?}", room.tapes);
    assert_eq!((room.sayings.len(), room.sayings[2].0), (3, DANAS));
    room.is_heard(2);
    assert_eq!(room.tapes.last(), Some(&TapeOrder::Resume));
}

impl Switchroom {
    /// What was said as the nth is heard to its end.
    fn is_heard(&mut self, nth: usize) {
        let (sound, saying) = self.sayings[nth];
        let event = SoundEvent::Said { saying, at: self.now.mono, whole: true };
        self.tell(Event::Sound { sound, event });
    }
}
