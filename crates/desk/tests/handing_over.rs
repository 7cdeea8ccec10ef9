//! A caller for whom no channel is free is put through by the trunk itself, and never dropped. Time is given.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use desk::business::{
    Accept, Arrives, Assistant, Business, Keeping, Kept, Line, Office, Person, Plan, Reach, RingOrder, Rule,
    Step, When, Whom,
};
use desk::call::{Action, Arrival, Call, Event, Leg, LineFault, Sound, Tone, Why};
use desk::greeting::Greeting;
use desk::hours::OfficeHours;
use desk::intake::Template;
use desk::machine::Moment;
use desk::number::{Country, E164};
use desk::private::Private;
use desk::record::{CallId, EndedBy, Outcome, Record, StepResult, Tried};
use desk::{explain::explain, sayings};
use jiff::tz::TimeZone;

/// One call on a trunk without a free channel.
struct Rush {
    call: Call,
    now: Moment,
    orders: Vec<Action>,
    record: Option<Record>,
}

/// Dana and Lee, each at one phone.
struct Phones {
    dana: (&'static str, Accept),
    lee: (&'static str, Accept),
}

const BOTH: Phones = Phones { dana: ("main", Accept::PickUp), lee: ("main", Accept::PickUp) };

impl Rush {
    fn new(takes_refer: bool, phones: &Phones, order: RingOrder) -> Rush {
        let now = Moment { mono: Duration::from_secs(100), wall: "2026-01-18T05:40:00Z".parse().unwrap() };
        let ring = Step::Ring { whom: Whom::Office("main".into()), ring_for: Duration::from_secs(20), order };
        let business = office(takes_refer, phones, vec![ring, Step::Message]);
        let line: E164 = "+13125550100".parse().unwrap();
        let arrival = Arrival {
            id: CallId("c-1".into()),
            line: line.clone(),
            from: Some(Private::new("+13125550199".parse().unwrap())),
            diverted_by: None,
            diverted_because: None,
            verification: None,
            busy_offices: Default::default(),
            voice_refused: false,
        };
        let call = Call::new(Arc::new(business.clone()), business.lines[&line].clone(), arrival, now);
        let mut rush = Rush { call, now, orders: Vec::new(), record: None };
        rush.tell(Event::Arrived);
        rush
    }

    fn tell(&mut self, event: Event) {
        self.call.handle(event, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.call.poll_action() {
            if let Action::File(record) = &action {
                assert!(self.record.replace((**record).clone()).is_none(), "a call has one record");
            }
            self.orders.push(action);
        }
        assert!(self.call.is_over() || self.call.poll_deadline().is_some(), "a live call has a deadline");
    }

    /// Lets whatever is awaited fail to happen.
    fn nothing_happens(&mut self) -> (Why, Duration) {
        let deadline = self.call.poll_deadline().expect("a live call has a deadline");
        let waited = deadline.at.saturating_sub(self.now.mono);
        self.now = self.now.after(waited);
        self.call.handle_deadline(self.now);
        self.drain();
        (deadline.why, waited)
    }

    fn no_channel_for(&mut self, leg: u16) {
        self.tell(Event::PersonFailed { leg, tried: Tried::ChannelsFull });
    }

    /// The legs that the trunk was asked to put the caller through to.
    fn handed_over(&self) -> Vec<u16> {
        let wish = |order: &Action| match order {
            Action::HandOver { leg, .. } => Some(*leg),
            _ => None,
        };
        self.orders.iter().filter_map(wish).collect()
    }

    fn has(&self, action: &Action) -> bool {
        self.orders.contains(action)
    }

    fn said(&self, sentence: &str) -> bool {
        self.orders.iter().any(|order| match order {
            Action::Say { phrases, .. } => phrases.iter().any(|phrase| phrase.text == sentence),
            _ => false,
        })
    }

    fn close(&mut self) -> Record {
        self.tell(Event::Sounded(Sound::default()));
        self.record.clone().expect("a finished call has a record")
    }

    fn tried(record: &Record) -> Vec<(&str, Tried)> {
        let all = record.steps.iter().flat_map(|step| &step.tried);
        all.map(|(person, tried)| (person.as_str(), *tried)).collect()
    }
}

fn office(takes_refer: bool, phones: &Phones, steps: Vec<Step>) -> Business {
    let zone = TimeZone::get("America/Chicago").unwrap();
    let hours = OfficeHours::parse("24/7", &[], Country::US, zone.clone()).unwrap();
    let person = |to: &str, (via, accept): (&str, Accept)| Person {
        office: "main".into(),
        reach: vec![Reach { to: to.into(), via: via.into(), accept }],
    };
    let line = Line {
        trunk: "main".into(),
        office: "main".into(),
        plan: "rush".into(),
        assistant: "Robin".into(),
        arrives: Arrives::Direct,
    };
    let (greeting, intake) = (Greeting::of("Hello."), Arc::new(Template::plumbing()));
    let robin = Assistant { greeting, voice: "slt".into(), intake };
    Business {
        name: "Rivera Plumbing".into(),
        zone,
        offices: BTreeMap::from([("main".into(), Office { hours: Arc::new(hours), calendar: None })]),
        people: BTreeMap::from([
            ("Dana".into(), person("+13125550143", phones.dana)),
            ("Lee".into(), person("+13125550144", phones.lee)),
        ]),
        rotas: BTreeMap::new(),
        lines: BTreeMap::from([("+13125550100".parse().unwrap(), line)]),
        plans: BTreeMap::from([("rush".into(), Plan { rules: vec![Rule { when: When::Always, steps }] })]),
        targets: BTreeMap::new(),
        callers: BTreeMap::new(),
        assistants: BTreeMap::from([("Robin".into(), robin)]),
        channels: BTreeMap::from([("main".into(), 1), ("pbx".into(), 1)]),
        hand_over: if takes_refer { BTreeSet::from(["main".into()]) } else { BTreeSet::new() },
        keeping: Keeping { transcripts: Kept::Never, calls: Kept::Never, bridged: Kept::Never },
    }
}

#[test]
fn without_a_channel_the_trunk_puts_the_caller_through_to_whoever_picks_up() {
    let mut rush = Rush::new(true, &BOTH, RingOrder::InTurn);
    rush.no_channel_for(1);
    assert_eq!(rush.handed_over(), [], "Lee may still be rung here");
    rush.no_channel_for(2);
    assert_eq!(rush.handed_over(), [3]);
    let answered = rush.orders.iter().position(|order| *order == Action::Answer);
    let ringing =
        rush.orders.iter().position(|order| *order == Action::Tone { to: Leg::Caller, tone: Tone::Ringback });
    assert!(answered < ringing, "the caller is answered for it, and hears ringing on");
    rush.tell(Event::HandedOver { leg: 3 });
    assert!(rush.has(&Action::HangUp { leg: Leg::Caller }), "only our side is left to be hung up");
    let record = rush.close();
    assert_eq!((record.outcome, record.ended_by), (Outcome::Transferred, EndedBy::Desk));
    assert_eq!(Rush::tried(&record), [("Dana", Tried::HandedOver)]);
    assert_eq!(record.steps[0].result, StepResult::PersonTook);
    let story = explain(&record, &TimeZone::UTC).join("\n");
    assert!(
        story.contains("Dana took the call, which the trunk handed over because no channel was free"),
        "{story}"
    );
    assert_eq!(record.callback, None);
}

#[test]
fn whoever_does_not_take_a_handed_over_call_gives_the_caller_back() {
    for tried in [
        Tried::Busy,
        Tried::Declined,
        Tried::NoAnswer,
        Tried::Unreachable,
        Tried::HandoverRefused,
        Tried::HandoverUntold,
    ] {
        let mut rush = Rush::new(true, &BOTH, RingOrder::Together);
        rush.no_channel_for(1);
        rush.no_channel_for(2);
        rush.tell(Event::PersonFailed { leg: 3, tried });
        assert_eq!(rush.handed_over(), [3, 4], "then to the next, one after the other");
        rush.tell(Event::PersonFailed { leg: 4, tried });
        assert!(rush.said(sayings::NOBODY_FREE) && rush.said(sayings::LEAVE_MESSAGE), "{tried:?}");
        assert!(!rush.has(&Action::HangUp { leg: Leg::Caller }));
        rush.tell(Event::CallerGone);
        assert_eq!(Rush::tried(&rush.close()), [("Dana", tried), ("Lee", tried)]);
    }
}

#[test]
fn a_trunk_that_tells_nothing_is_not_waited_for() {
    let mut rush = Rush::new(true, &BOTH, RingOrder::InTurn);
    rush.no_channel_for(1);
    rush.no_channel_for(2);
    assert_eq!(rush.nothing_happens(), (Why::HandoverUntold, Duration::from_secs(30)));
    assert_eq!(rush.nothing_happens(), (Why::HandoverUntold, Duration::from_secs(30)));
    assert!(rush.said(sayings::LEAVE_MESSAGE));
    // Dana's phone rang on over there, and was picked up: the caller is with her.
    rush.tell(Event::HandedOver { leg: 3 });
    assert!(rush.has(&Action::HangUp { leg: Leg::Caller }));
    let record = rush.close();
    assert_eq!((record.outcome, record.ended_by), (Outcome::Transferred, EndedBy::Desk));
    let untold = Tried::HandoverUntold;
    assert_eq!(Rush::tried(&record), [("Dana", untold), ("Lee", untold), ("Dana", Tried::HandedOver)]);
}

#[test]
fn nobody_is_handed_over_to_who_is_to_press_one_or_over_another_trunk_or_where_it_was_not_said() {
    let key = Phones { dana: ("main", Accept::PressOne), lee: ("pbx", Accept::PickUp) };
    for (takes_refer, phones) in [(true, &key), (false, &BOTH)] {
        let mut rush = Rush::new(takes_refer, phones, RingOrder::Together);
        rush.no_channel_for(1);
        rush.no_channel_for(2);
        assert_eq!(rush.handed_over(), []);
        rush.tell(Event::CallerGone);
        let record = rush.close();
        assert_eq!(Rush::tried(&record), [("Dana", Tried::ChannelsFull), ("Lee", Tried::ChannelsFull)]);
    }
}

#[test]
fn nobody_is_rung_while_the_trunk_puts_the_caller_through() {
    let mixed = Phones { dana: ("main", Accept::PickUp), lee: ("pbx", Accept::PickUp) };
    let mut rush = Rush::new(true, &mixed, RingOrder::Together);
    rush.no_channel_for(1);
    assert_eq!(rush.handed_over(), [], "Lee's phone rings");
    rush.tell(Event::PersonFailed { leg: 2, tried: Tried::Busy });
    assert_eq!(rush.handed_over(), [3]);
    rush.tell(Event::HandedOver { leg: 3 });
    assert_eq!(Rush::tried(&rush.close()), [("Lee", Tried::Busy), ("Dana", Tried::HandedOver)]);
}

#[test]
fn a_caller_who_hangs_up_while_put_through_has_a_callback_all_the_same() {
    for fault in [Event::CallerGone, Event::LineBroke(LineFault::NoSound)] {
        let mut rush = Rush::new(true, &BOTH, RingOrder::InTurn);
        rush.no_channel_for(1);
        rush.no_channel_for(2);
        rush.tell(fault);
        // The word comes when it is too late: whoever it is about has gone.
        rush.tell(Event::HandedOver { leg: 3 });
        let record = rush.close();
        assert_eq!(Rush::tried(&record), [("Dana", Tried::HandoverUntold)]);
        assert!(record.callback.is_some(), "{record:?}");
    }
}

#[test]
fn two_who_talk_may_be_joined_by_the_trunk_and_the_record_knows_who_took_the_call() {
    let mut rush = Rush::new(true, &BOTH, RingOrder::InTurn);
    rush.tell(Event::PersonAnswered { leg: 1 });
    assert!(rush.has(&Action::Connect { leg: 1 }));
    rush.tell(Event::HandedOver { leg: 1 });
    for leg in [Leg::Caller, Leg::Person(1)] {
        assert!(rush.has(&Action::HangUp { leg }));
    }
    let record = rush.close();
    assert_eq!((record.outcome, record.ended_by), (Outcome::Answered, EndedBy::Desk));
    assert_eq!(Rush::tried(&record), [("Dana", Tried::Answered)]);
}

/// Dana talks to the caller, and her phone puts them through to Lee.
fn put_through(attended: bool, lee: Accept) -> Rush {
    let phones = Phones { dana: ("main", Accept::PickUp), lee: ("main", lee) };
    let mut rush = Rush::new(false, &phones, RingOrder::InTurn);
    rush.tell(Event::PersonAnswered { leg: 1 });
    rush.tell(Event::PutThrough { leg: 1, person: "Lee".into(), way: 0, attended });
    rush
}

fn told(leg: u16, came: Tried) -> Action {
    Action::TellPerson { leg, came }
}

#[test]
fn a_person_puts_the_caller_through_to_another_who_takes_the_call() {
    let mut rush = put_through(false, Accept::PickUp);
    assert!(rush.has(&Action::Part { leg: 1 }));
    assert!(rush.has(&Action::Tone { to: Leg::Caller, tone: Tone::Ringback }));
    assert!(!rush.has(&Action::HangUp { leg: Leg::Person(1) }), "Dana stays until Lee has the call");
    rush.tell(Event::PersonAnswered { leg: 2 });
    assert!(rush.has(&Action::Connect { leg: 2 }));
    assert!(rush.has(&told(1, Tried::Answered)) && rush.has(&Action::HangUp { leg: Leg::Person(1) }));
    rush.tell(Event::PersonGone { leg: 1 });
    assert!(!rush.has(&Action::HangUp { leg: Leg::Caller }), "that Dana has gone changes nothing");
    rush.tell(Event::CallerGone);
    let record = rush.close();
    assert_eq!(Rush::tried(&record), [("Dana", Tried::Answered), ("Lee", Tried::Answered)]);
    assert_eq!(record.steps[1].step, "ring Lee");
    assert!(rush.has(&Action::HangUp { leg: Leg::Person(2) }));
}

#[test]
fn a_caller_who_was_held_in_silence_hears_ringing_while_they_are_put_through() {
    let phones = Phones { dana: ("main", Accept::PickUp), lee: ("main", Accept::PickUp) };
    let mut rush = Rush::new(false, &phones, RingOrder::InTurn);
    rush.tell(Event::PersonAnswered { leg: 1 });
    rush.tell(Event::HeldInSilence { leg: 1 });
    rush.tell(Event::PutThrough { leg: 1, person: "Lee".into(), way: 0, attended: true });
    let tones = |rush: &Rush| {
        let tone = |order: &Action| match order {
            Action::Tone { to: Leg::Caller, tone } => Some(*tone),
            _ => None,
        };
        rush.orders.iter().filter_map(tone).collect::<Vec<_>>()
    };
    assert!(tones(&rush).ends_with(&[Tone::Music, Tone::Silence, Tone::Ringback]), "{:?}", tones(&rush));
    rush.tell(Event::PersonFailed { leg: 2, tried: Tried::Busy });
    // She still holds: told anew, since she has the caller again.
    rush.tell(Event::HeldInSilence { leg: 1 });
    assert!(tones(&rush).ends_with(&[Tone::Silence, Tone::Music]), "{:?}", tones(&rush));
    rush.tell(Event::PersonGone { leg: 1 });
    rush.tell(Event::CallerGone);
    rush.close();
}

#[test]
fn a_person_whose_colleague_does_not_take_the_call_has_the_caller_back() {
    for came in [Tried::Busy, Tried::Declined, Tried::Unreachable, Tried::ChannelsFull] {
        let mut rush = put_through(false, Accept::PickUp);
        rush.tell(Event::PersonFailed { leg: 2, tried: came });
        assert!(rush.has(&told(1, came)));
        let again = rush.orders.iter().filter(|order| **order == Action::Connect { leg: 1 }).count();
        assert_eq!(again, 2, "Dana and the caller talk again");
        rush.tell(Event::PersonGone { leg: 1 });
        assert_eq!(Rush::tried(&rush.close()), [("Dana", Tried::Answered), ("Lee", came)]);
    }
    let mut rush = put_through(false, Accept::PickUp);
    assert_eq!(rush.nothing_happens(), (Why::PersonDidNotAnswer, Duration::from_secs(20)));
    assert!(rush.has(&told(1, Tried::NoAnswer)) && rush.has(&Action::HangUp { leg: Leg::Person(2) }));
}

#[test]
fn a_person_who_has_gone_leaves_a_caller_nobody_took_to_the_desk() {
    let mut rush = put_through(false, Accept::PickUp);
    rush.tell(Event::PersonGone { leg: 1 });
    rush.tell(Event::PersonFailed { leg: 2, tried: Tried::Busy });
    assert!(rush.said(sayings::NOBODY_FREE) && rush.said(sayings::LEAVE_MESSAGE));
    assert!(!rush.has(&told(1, Tried::Busy)), "nobody is left to be told");
    rush.tell(Event::CallerGone);
    assert_eq!(Rush::tried(&rush.close()), [("Dana", Tried::Answered), ("Lee", Tried::Busy)]);
}

#[test]
fn who_is_put_through_to_without_a_word_presses_one_and_after_a_word_does_not() {
    let mut rush = put_through(false, Accept::PressOne);
    rush.tell(Event::PersonAnswered { leg: 2 });
    assert!(!rush.has(&Action::Connect { leg: 2 }) && rush.said(sayings::PRESS_ONE));
    let at = rush.now.mono;
    rush.tell(Event::Digit { leg: Leg::Person(2), digit: '1', at });
    assert!(rush.has(&Action::Connect { leg: 2 }));
    let mut rush = put_through(true, Accept::PressOne);
    rush.tell(Event::PersonAnswered { leg: 2 });
    assert!(rush.has(&Action::Connect { leg: 2 }), "they have talked already");
}

#[test]
fn a_caller_who_leaves_while_being_put_through_leaves_nothing_behind() {
    let mut rush = put_through(false, Accept::PickUp);
    rush.tell(Event::CallerGone);
    for leg in [1, 2] {
        assert!(rush.has(&Action::HangUp { leg: Leg::Person(leg) }));
    }
    assert!(rush.has(&told(1, Tried::Stopped)));
    assert_eq!(Rush::tried(&rush.close()), [("Dana", Tried::Answered), ("Lee", Tried::Stopped)]);
}

#[test]
fn a_wish_that_comes_from_nobody_who_talks_is_answered_and_not_followed() {
    let mut rush = put_through(false, Accept::PickUp);
    rush.tell(Event::PutThrough { leg: 2, person: "Dana".into(), way: 0, attended: false });
    assert!(rush.has(&told(2, Tried::Unreachable)));
    rush.tell(Event::PersonAnswered { leg: 2 });
    rush.tell(Event::PutThrough { leg: 2, person: "Nobody".into(), way: 0, attended: false });
    let rung = rush.orders.iter().filter(|order| matches!(order, Action::RingPerson { .. })).count();
    assert_eq!(rung, 2);
}
