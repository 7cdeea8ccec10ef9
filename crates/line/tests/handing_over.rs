//! Callers whom the trunk is asked to put through by itself, because no channel is free. One exchange, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod switchroom;

use desk::business::{Accept, Business, Kept};
use desk::record::{Outcome, Tried};
use line::{Event, Habits};
use sip::{EndedBy, LegId, Notice, Order, ReferTo, Referral, Refusal, Unanswered};
use switchroom::*;

/// One channel or more, on a trunk that puts callers through by itself, where picking up is enough.
fn room(channels: u32, changed: impl FnOnce(&mut Business)) -> Switchroom {
    let mut business = business(&[LINE], DANA, channels);
    business.hand_over = ["main".to_string()].into();
    changed(&mut business);
    Switchroom::answering(business, Habits::default())
}

impl Switchroom {
    fn referred(&mut self, leg: LegId, name: u32, end: Referral) {
        self.tell(Event::Sip(Notice::Referred { leg, name, end }));
    }

    fn confirms(&mut self, leg: LegId) {
        self.tell(Event::Sip(Notice::Confirmed { leg, sdp: None }));
    }

    /// What the trunk was asked to do: leg, name, whom.
    fn asked(&mut self) -> Vec<(LegId, u32, String)> {
        let orders = std::mem::take(&mut self.orders).into_iter();
        let wish = |order| match order {
            Order::Refer { leg, name, to: ReferTo::Somebody(uri) } => Some((leg, name, uri.to_string())),
            Order::Refer { leg, name, to: ReferTo::FarEndOf(other) } => Some((leg, name, other.to_string())),
            _ => None,
        };
        orders.filter_map(wish).collect()
    }

    fn taken(&self) -> u32 {
        self.exchange.board().channels().map(|(_, taken, _)| taken).sum()
    }

    fn first_phone(&self) -> Tried {
        self.records.last().unwrap().steps[0].tried[0].1
    }
}

#[test]
fn a_caller_on_the_last_channel_is_put_through_by_the_trunk_once_they_have_confirmed_our_answer() {
    let mut room = room(1, |_| ());
    let caller = room.call(|_| ());
    assert_eq!(room.asked(), []);
    room.confirms(caller);
    assert_eq!(room.asked(), [(caller, 2, "sip:+13125550177@sip.example.com:5080".to_string())]);
    assert_eq!(room.placed.len(), 0, "no channel of ours is taken for it");
    room.referred(caller, 2, Referral::Taken);
    let hung_up = |order: &Order| matches!(order, Order::HangUp { leg, .. } if *leg == caller);
    assert!(room.orders.iter().any(hung_up), "{:?}", room.orders);
    room.tell(Event::Sip(Notice::Ended { leg: caller, by: EndedBy::Us }));
    assert_eq!((room.records[0].outcome, room.first_phone()), (Outcome::Transferred, Tried::HandedOver));
    assert_eq!((room.taken(), room.exchange.calls_up()), (0, 0));
}

#[test]
fn a_caller_whom_the_trunk_does_not_put_through_stays() {
    let not_taken = |why| Referral::NotTaken { status: 486, why };
    for (end, tried) in [
        (not_taken(Unanswered::Busy), Tried::Busy),
        (not_taken(Unanswered::Declined), Tried::Declined),
        (not_taken(Unanswered::Absent), Tried::NoAnswer),
        (not_taken(Unanswered::NotFound), Tried::Unreachable),
        (Referral::Refused { status: 405 }, Tried::HandoverRefused),
        (Referral::Untold, Tried::HandoverUntold),
    ] {
        let mut room = room(1, |_| ());
        let caller = room.call(|_| ());
        room.confirms(caller);
        room.referred(caller, 2, end);
        assert_eq!((room.taken(), room.exchange.calls_up()), (1, 1), "{end:?}");
        room.caller_hangs_up(caller);
        assert_eq!(room.first_phone(), tried);
        assert_eq!((room.taken(), room.exchange.calls_up()), (0, 0));
    }
}

#[test]
fn a_caller_who_leaves_before_the_trunk_was_asked_is_not_put_through() {
    let mut room = room(1, |_| ());
    let caller = room.call(|_| ());
    room.caller_hangs_up(caller);
    room.confirms(caller);
    assert_eq!(room.asked(), []);
    assert_eq!(room.first_phone(), Tried::HandoverUntold);
}

#[test]
fn whoever_has_to_press_one_is_never_rung_by_the_trunk() {
    let mut room = room(1, |business| {
        business.people.values_mut().for_each(|person| person.reach[0].accept = Accept::PressOne);
    });
    let caller = room.call(|_| ());
    room.confirms(caller);
    assert_eq!(room.asked(), []);
    room.caller_hangs_up(caller);
    assert_eq!(room.first_phone(), Tried::ChannelsFull);
}

#[test]
fn a_cell_that_sends_the_put_through_caller_back_to_us_is_busy() {
    // Both channels are kept for callers.
    let mut business = business(&[LINE], DANA, 2);
    business.hand_over = ["main".to_string()].into();
    let mut room = Switchroom::answering(business, Habits { reserved: 2, ..Habits::default() });
    let caller = room.call(|call| call.from = party("+13125550199"));
    room.confirms(caller);
    assert_eq!(room.asked().len(), 1);
    let back = room.call(|call| {
        call.from = party("+13125550199");
        call.diversion = vec!["<sip:+13125550177@192.0.2.2>;reason=no-answer".to_string()];
    });
    assert_eq!(room.refused, [(back, Refusal::Busy)]);
    assert!(room.because[0].contains("forwards its calls back"), "{:?}", room.because);
    let other = room.call(|call| call.from = party("+13125550188"));
    assert!(room.refused.iter().all(|(leg, _)| *leg != other), "somebody else is a caller of their own");
}

/// Dana has picked up and talks to the caller; gives the caller's leg and hers.
fn talking(room: &mut Switchroom) -> (LegId, LegId) {
    let caller = room.call(|_| ());
    let placed = room.placed.last().unwrap();
    let (dana, offer) = (placed.leg, placed.sdp.clone());
    let sdp = offer.replace("192.0.2.1", "192.0.2.2");
    room.tell(Event::Sip(Notice::Answered { leg: dana, sdp }));
    room.confirms(caller);
    (caller, dana)
}

#[test]
fn two_who_talk_over_a_trunk_that_is_short_of_channels_are_left_to_it() {
    let mut room = room(2, |_| ());
    let (caller, dana) = talking(&mut room);
    let [(leg, name, to)] = &room.asked()[..] else { panic!("{:?}", room.orders) };
    assert_eq!((*leg, to), (caller, &dana.to_string()));
    room.referred(caller, *name, Referral::Taken);
    let hung_up =
        |leg| room.orders.iter().any(|order| matches!(order, Order::HangUp { leg: one, .. } if *one == leg));
    assert!(hung_up(caller) && hung_up(dana));
    for leg in [caller, dana] {
        room.tell(Event::Sip(Notice::Ended { leg, by: EndedBy::Us }));
    }
    assert_eq!((room.records[0].outcome, room.first_phone()), (Outcome::Answered, Tried::Answered));
    assert_eq!((room.taken(), room.exchange.calls_up()), (0, 0), "both channels are free again");
}

#[test]
fn two_who_talk_are_left_alone_where_channels_are_free_or_the_trunk_will_not() {
    let mut free = room(3, |_| ());
    talking(&mut free);
    assert_eq!(free.asked(), []);
    let mut recorded = room(2, |business| business.keeping.bridged = Kept::Announced);
    talking(&mut recorded);
    assert_eq!(recorded.asked(), [], "what is recorded stays here");
    for end in [
        Referral::Refused { status: 603 },
        Referral::NotTaken { status: 481, why: Unanswered::Other },
        Referral::Untold,
    ] {
        let mut room = room(2, |_| ());
        let (caller, dana) = talking(&mut room);
        let name = room.asked()[0].1;
        room.referred(caller, name, end);
        assert_eq!((room.taken(), room.exchange.calls_up()), (2, 1), "they talk on");
        room.tell(Event::Sip(Notice::Ended { leg: dana, by: EndedBy::FarEnd }));
        room.caller_hangs_up(caller);
        assert_eq!(room.taken(), 0);
    }
}
