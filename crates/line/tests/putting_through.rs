//! A person's phone wants the caller put through to somebody else: who may be named, and what the phone is told.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod switchroom;

use desk::business::{Accept, Person, Reach};
use desk::record::Tried;
use line::{Event, Habits};
use sip::{EndedBy, Extra, LegId, Notice, Order, Unanswered};
use switchroom::*;

const LEE: &str = "+13125550188";

/// Dana talks to the caller; Lee has a cell and an extension. Gives the caller's leg and Dana's.
fn room() -> (Switchroom, LegId, LegId) {
    let mut business = business(&[LINE], DANA, 8);
    let reach = |to: &str| Reach { to: to.to_string(), via: "main".to_string(), accept: Accept::PickUp };
    let ways = vec![reach(LEE), reach("102"), reach("sip:lee@192.0.2.30:5070")];
    business.people.insert("Lee".to_string(), Person { office: "main".to_string(), reach: ways });
    let mut room = Switchroom::answering(business, Habits::default());
    let caller = room.call(|_| ());
    let dana = room.picks_up();
    room.tell(Event::Sip(Notice::Confirmed { leg: caller, sdp: None }));
    room.orders.clear();
    (room, caller, dana)
}

impl Switchroom {
    /// The phone that was rung last is picked up; gives its leg.
    fn picks_up(&mut self) -> LegId {
        let placed = self.placed.last().unwrap();
        let (leg, sdp) = (placed.leg, placed.sdp.replace("192.0.2.1", "192.0.2.2"));
        self.tell(Event::Sip(Notice::Answered { leg, sdp }));
        leg
    }

    fn wants(&mut self, leg: LegId, to: &str, replaces: Option<&str>) {
        let (to, replaces) = (Box::new(to.parse().unwrap()), replaces.map(str::to_string));
        self.tell(Event::Sip(Notice::ReferralWanted { leg, name: 5, to, replaces }));
    }

    /// What a phone was told of its wish: decisions and statuses.
    fn told_of_it(&mut self) -> Vec<String> {
        let orders = std::mem::take(&mut self.orders).into_iter();
        let told = |order| match order {
            Order::TakeReferral { name: 5, .. } => Some("taken".to_string()),
            Order::RefuseReferral { name: 5, refusal, .. } => Some(format!("{refusal:?}")),
            Order::TellReferral { name: 5, status, .. } => Some(status.to_string()),
            _ => None,
        };
        orders.filter_map(told).collect()
    }

    fn taken(&self) -> u32 {
        self.exchange.board().channels().map(|(_, taken, _)| taken).sum()
    }
}

#[test]
fn a_person_may_name_people_of_ours_in_whatever_form_and_they_are_called_in_our_own_words() {
    for (named, called) in [
        ("sip:+13125550188@192.0.2.2", "sip:+13125550188@sip.example.com:5080"),
        ("sip:3125550188@pbx.example.com;user=phone", "sip:+13125550188@sip.example.com:5080"),
        ("tel:+13125550188", "sip:+13125550188@sip.example.com:5080"),
        ("sip:102@192.0.2.2:5060;transport=udp", "sip:102@sip.example.com:5080"),
        ("sip:lee@192.0.2.30:5070", "sip:lee@192.0.2.30:5070"),
    ] {
        let (mut room, _, dana) = room();
        room.wants(dana, named, None);
        assert_eq!(room.told_of_it(), ["taken"], "{named}");
        let placed = room.placed.last().unwrap();
        assert_eq!((room.placed.len(), placed.target.to_string().as_str()), (2, called));
        assert_eq!(placed.extra.iter().filter(|(name, _)| *name == Extra::Replaces).count(), 0);
    }
}

#[test]
fn nobody_else_is_called_and_nobody_else_may_ask() {
    for named in [
        "tel:+19005550199",
        "sip:103@192.0.2.2",
        "sip:lee@198.51.100.9:5070",
        "sip:+13125550177@192.0.2.2", // Dana herself
        "sip:+13125550100@192.0.2.2", // our own line
    ] {
        let (mut room, _, dana) = room();
        room.wants(dana, named, None);
        assert_eq!((room.told_of_it(), room.placed.len()), (vec!["Forbidden".to_string()], 1), "{named}");
    }
    let (mut room, caller, dana) = room();
    room.wants(caller, "tel:+13125550188", None);
    assert_eq!(room.told_of_it(), ["Forbidden"], "callers put nobody through");
    room.wants(dana, "tel:+13125550188", None);
    room.wants(dana, "sip:102@192.0.2.2", None);
    assert_eq!(room.told_of_it(), ["taken", "Declined"], "one wish at a time");
    let lee = room.placed.last().unwrap().leg;
    room.wants(lee, "sip:102@192.0.2.2", None);
    assert_eq!(room.told_of_it(), ["Declined"], "who has not taken the call puts nobody through");
    assert_eq!(room.placed.len(), 2);
}

#[test]
fn a_phone_is_told_that_the_other_rings_and_takes_the_call_and_is_hung_up() {
    let (mut room, caller, dana) = room();
    room.wants(dana, "tel:+13125550188", None);
    let lee = room.placed.last().unwrap().leg;
    for _ in 0..2 {
        room.tell(Event::Sip(Notice::Ringing { leg: lee, status: 180, sdp: None }));
    }
    assert_eq!(room.told_of_it(), ["taken", "180"]);
    room.picks_up();
    assert!(room.orders.iter().any(|order| matches!(order, Order::HangUp { leg, .. } if *leg == dana)));
    assert_eq!((room.told_of_it(), room.taken()), (vec!["200".to_string()], 2));
    room.caller_hangs_up(caller);
    let tried: Vec<Tried> =
        room.records[0].steps.iter().flat_map(|step| step.tried.iter().map(|(_, tried)| *tried)).collect();
    assert_eq!((tried, room.taken()), (vec![Tried::Answered, Tried::Answered], 0));
}

#[test]
fn a_phone_is_told_why_nobody_took_the_call_in_the_words_of_a_call() {
    for (why, status) in [
        (Unanswered::Busy, "486"),
        (Unanswered::Declined, "603"),
        (Unanswered::RangOut, "480"),
        (Unanswered::NotFound, "503"),
    ] {
        let (mut room, caller, dana) = room();
        room.wants(dana, "tel:+13125550188", None);
        room.phone_refuses(why);
        assert_eq!(room.told_of_it(), ["taken", status], "{why:?}");
        assert!(room.records.is_empty(), "Dana has the caller back");
        room.wants(dana, "sip:102@192.0.2.2", None);
        assert_eq!(room.told_of_it(), ["taken"], "and may try somebody else");
        // She leaves, and nobody takes the call: the desk goes on with the caller.
        room.tell(Event::Sip(Notice::Ended { leg: dana, by: EndedBy::FarEnd }));
        room.phone_refuses(why);
        assert_eq!((room.told_of_it(), room.taken()), (vec![], 1));
        room.caller_hangs_up(caller);
        assert_eq!((room.taken(), room.exchange.calls_up()), (0, 0));
    }
}

#[test]
fn a_call_between_two_persons_is_replaced_by_the_callers() {
    let (mut room, _, dana) = room();
    let call = "a@b;to-tag=7;from-tag=9";
    room.wants(dana, "sip:102@192.0.2.2", Some(call));
    let placed = room.placed.last().unwrap();
    assert!(placed.extra.contains(&(Extra::Replaces, call.to_string())), "{:?}", placed.extra);
    room.picks_up();
    assert_eq!(room.told_of_it(), ["taken", "200"]);
}

#[test]
fn what_a_stranger_to_the_call_wants_is_refused_also_when_the_caller_has_gone() {
    let (mut room, caller, dana) = room();
    room.caller_hangs_up(caller);
    room.wants(dana, "tel:+13125550188", None);
    assert_eq!(room.placed.len(), 1);
    assert_ne!(room.told_of_it(), ["taken"]);
}
