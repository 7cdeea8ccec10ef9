//! One call at the desk, its clock, and everything the desk has ordered. Time is given; nothing rings.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use desk::business::{
    Accept, Arrives, Assistant, Business, Keeping, Kept, Line, Office, Person, Plan, Reach, RingOrder, Rule,
    Step, When, Whom,
};
use desk::call::{Action, Arrival, Call, Event, Heard, Leg, ListenId, SayingId, Sound, TapeOrder, Why};
use desk::greeting::Greeting;
use desk::hours::OfficeHours;
use desk::intake::{Template, Words};
use desk::machine::{Ask, Moment};
use desk::number::{Country, E164};
use desk::private::Private;
use desk::record::{CallId, CallbackReason, Record, Urgency};
use jiff::tz::TimeZone;

pub const DANA: &str = "+13125550143";

/// One call, its clock, and everything the desk has ordered.
pub struct Evening {
    pub call: Call,
    pub now: Moment,
    pub orders: Vec<Action>,
    pub record: Option<Record>,
}

impl Evening {
    pub fn with(steps: Vec<Step>, accept: Accept, forwarded_by: Option<&str>) -> Evening {
        Evening::at_night(plumber(steps, accept), forwarded_by)
    }

    /// At an office that records, and says so.
    pub fn recorded(steps: Vec<Step>, calls: Kept, bridged: Kept) -> Evening {
        let mut business = plumber(steps, Accept::PickUp);
        business.keeping = Keeping { calls, bridged, ..business.keeping };
        let robin = business.assistants.get_mut("Robin").unwrap();
        if calls == Kept::Announced {
            let told = "Hello, this is the automated assistant. This call is recorded. How can I help?";
            robin.greeting = Greeting::of(told);
        }
        Evening::at_night(business, None)
    }

    pub fn at_night(business: Business, forwarded_by: Option<&str>) -> Evening {
        Evening::of(business, ("+13125550100", "+13125550199"), "2026-01-18T05:40:00Z", forwarded_by)
    }

    pub fn of(business: Business, (to, from): (&str, &str), at: &str, forwarded_by: Option<&str>) -> Evening {
        Evening::arrives(business, to, at, |arrival| {
            arrival.from = Some(Private::new(from.parse().unwrap()));
            arrival.diverted_by = forwarded_by.map(|number| Private::new(number.to_string()));
        })
    }

    /// While the machine is short of a core.
    pub fn short_of_a_core(business: Business) -> Evening {
        Evening::arrives(business, "+13125550100", "2026-01-18T05:40:00Z", |arrival| {
            arrival.from = Some(Private::new("+13125550199".parse().unwrap()));
            arrival.voice_refused = true;
        })
    }

    fn arrives(business: Business, to: &str, at: &str, told: impl FnOnce(&mut Arrival)) -> Evening {
        let now = Moment { mono: Duration::from_secs(100), wall: at.parse().unwrap() };
        let business = Arc::new(business);
        let number = number(to);
        let line = business.lines[&number].clone();
        let mut arrival = Arrival {
            id: CallId("c-1".into()),
            line: number,
            from: None,
            diverted_by: None,
            diverted_because: None,
            verification: None,
            busy_offices: BTreeSet::new(),
            voice_refused: false,
        };
        told(&mut arrival);
        let call = Call::new(business, line, arrival, now);
        let mut evening = Evening { call, now, orders: Vec::new(), record: None };
        evening.tell(Event::Arrived);
        evening
    }

    pub fn new(steps: Vec<Step>) -> Evening {
        Evening::with(steps, Accept::PickUp, None)
    }

    pub fn tell(&mut self, event: Event) {
        self.call.handle(event, self.now);
        self.drain();
    }

    pub fn drain(&mut self) {
        while let Some(action) = self.call.poll_action() {
            if let Action::File(record) = &action {
                assert!(self.record.is_none(), "a call has one record");
                self.record = Some((**record).clone());
            }
            self.orders.push(action);
        }
        let over = self.call.is_over();
        assert!(over || self.call.poll_deadline().is_some(), "a live call has a named deadline");
    }

    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.call.handle_deadline(self.now);
        self.drain();
    }

    /// Lets whatever is awaited fail to happen.
    pub fn nothing_happens(&mut self) -> Why {
        let deadline = self.call.poll_deadline().expect("a live call has a deadline");
        self.pass(deadline.at.saturating_sub(self.now.mono));
        deadline.why
    }

    pub fn caller_says(&mut self, words: &str) {
        let listen = self.listening();
        let at = self.now.mono;
        self.tell(Event::SpeechStarted { at });
        self.tell(Event::SpeechEnded { at });
        self.finish_speaking();
        self.tell(Event::Heard { listen, heard: Heard::Words(Words::typed(words)) });
    }

    pub fn caller_says_over_ours(&mut self, words: &str) {
        self.hears_over_ours(Heard::Words(Words::typed(words)));
    }

    pub fn hears_over_ours(&mut self, heard: Heard) -> ListenId {
        let (at, listen) = (self.now.mono, self.listening());
        self.tell(Event::SpeechStarted { at });
        self.tell(Event::SpeechEnded { at });
        self.tell(Event::Heard { listen, heard });
        listen
    }

    pub fn finish_speaking(&mut self) {
        for saying in self.sayings() {
            let at = self.now.mono;
            self.tell(Event::Spoke { saying, at, gap: None });
            self.tell(Event::Said { saying, at, whole: true });
        }
    }

    pub fn sayings(&self) -> Vec<SayingId> {
        self.orders
            .iter()
            .filter_map(|order| match order {
                Action::Say { saying, to: Leg::Caller, .. } => Some(*saying),
                _ => None,
            })
            .collect()
    }

    pub fn said_to_person(&self) -> Vec<SayingId> {
        let to_person = |order: &Action| match order {
            Action::Say { saying, to: Leg::Person(_), .. } => Some(*saying),
            _ => None,
        };
        self.orders.iter().filter_map(to_person).collect()
    }

    /// Everything a person was told, sentence by sentence.
    pub fn whispered(&self) -> Vec<&str> {
        let to_person = |order: &'_ Action| matches!(order, Action::Say { to: Leg::Person(_), .. });
        let phrases = self.orders.iter().filter(|order| to_person(order)).flat_map(|order| match order {
            Action::Say { phrases, .. } => phrases.as_slice(),
            _ => &[],
        });
        phrases.map(|phrase| phrase.text.as_str()).collect()
    }

    pub fn listening(&self) -> ListenId {
        let listens = self.orders.iter().rev().find_map(|order| match order {
            Action::Listen { listen, .. } => Some(*listen),
            _ => None,
        });
        listens.expect("the desk listens")
    }

    pub fn rung(&self) -> Vec<u16> {
        self.orders
            .iter()
            .filter_map(|order| match order {
                Action::RingPerson { leg, .. } => Some(*leg),
                _ => None,
            })
            .collect()
    }

    pub fn said(&self, sentence: &str) -> bool {
        self.orders.iter().any(|order| match order {
            Action::Say { phrases, .. } => phrases.iter().any(|phrase| phrase.text == sentence),
            _ => false,
        })
    }

    /// Everything the recording was told.
    pub fn taped(&self) -> Vec<TapeOrder> {
        let tape = |order: &Action| match order {
            Action::Tape(order) => Some(*order),
            _ => None,
        };
        self.orders.iter().filter_map(tape).collect()
    }

    pub fn key(&mut self, leg: Leg, digit: char) {
        self.tell(Event::Digit { leg, digit, at: self.now.mono });
    }

    pub fn hung_up(&self, leg: Leg) -> bool {
        self.orders.contains(&Action::HangUp { leg })
    }

    pub fn callback(&self) -> Option<(Ask, CallbackReason, Urgency)> {
        self.orders.iter().find_map(|order| match order {
            Action::StoreCallback { ask, callback } => Some((*ask, callback.reason, callback.urgency)),
            _ => None,
        })
    }

    pub fn leave_message(&mut self) -> Ask {
        self.finish_speaking();
        let at = self.now.mono;
        self.tell(Event::SpeechStarted { at });
        self.pass(Duration::from_secs(5));
        self.tell(Event::SpeechEnded { at: self.now.mono });
        self.tell(Event::MessageEnded { seconds: 5.0 });
        let stored = self.orders.iter().rev().find_map(|order| match order {
            Action::StoreMessage { ask, .. } => Some(*ask),
            _ => None,
        });
        stored.expect("a message is stored")
    }

    pub fn caller_hangs_up(&mut self) -> Record {
        self.tell(Event::CallerGone);
        self.close()
    }

    pub fn close(&mut self) -> Record {
        self.tell(Event::Sounded(Sound::default()));
        self.record.clone().expect("a finished call has a record")
    }
}

pub fn number(text: &str) -> E164 {
    text.parse().unwrap()
}

pub fn plumber(steps: Vec<Step>, accept: Accept) -> Business {
    let zone = TimeZone::get("America/Chicago").unwrap();
    let hours = OfficeHours::parse("Mo-Fr 08:00-17:00", &[], Country::US, zone.clone()).unwrap();
    let office = Office { hours: Arc::new(hours), calendar: None };
    let reach = vec![Reach { to: DANA.into(), via: "main".into(), accept }];
    let line = Line {
        trunk: "main".into(),
        office: "main".into(),
        plan: "night".into(),
        assistant: "Robin".into(),
        arrives: Arrives::Direct,
    };
    let robin = Assistant {
        greeting: Greeting::of("Hello, this is the automated assistant. How can I help?"),
        voice: "slt".into(),
        intake: Arc::new(Template::plumbing()),
    };
    Business {
        name: "Rivera Plumbing".into(),
        zone,
        offices: BTreeMap::from([("main".into(), office)]),
        people: BTreeMap::from([("Dana".into(), Person { office: "main".into(), reach })]),
        rotas: BTreeMap::new(),
        lines: BTreeMap::from([(number("+13125550100"), line)]),
        plans: BTreeMap::from([("night".into(), Plan { rules: vec![Rule { when: When::Always, steps }] })]),
        targets: BTreeMap::new(),
        callers: BTreeMap::new(),
        assistants: BTreeMap::from([("Robin".into(), robin)]),
        channels: BTreeMap::from([("main".into(), 4)]),
        hand_over: [].into(),
        keeping: Keeping { transcripts: Kept::Announced, calls: Kept::Never, bridged: Kept::Never },
    }
}

pub fn ring() -> Step {
    let whom = Whom::Person("Dana".into());
    Step::Ring { whom, ring_for: Duration::from_secs(20), order: RingOrder::InTurn }
}
