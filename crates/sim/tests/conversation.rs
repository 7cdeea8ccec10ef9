//! The plumbing template in text: to a booking, to an urgent transfer, to a message, with the usual detours.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::sync::Arc;
use std::time::Duration;

use desk::business::{Business, Step, Whom};
use desk::record::Outcome;
use sim::{CallerDoes, Conversation, People, Reply, Shop, Shown};

struct Story {
    call: Conversation,
    last: Reply,
}

impl Story {
    fn begins(people: People) -> Story {
        Story::at(Shop::plumber(), people)
    }

    /// Callers wait for whoever is on call.
    fn queues(people: People) -> Story {
        let shop = Shop::plumber();
        let mut business = Business::clone(&shop.business);
        let whom = Whom::Rota("on-call".into());
        let steps = vec![Step::Queue { whom, wait: Duration::from_secs(300) }, Step::Message];
        for rule in business.plans.values_mut().flat_map(|plan| &mut plan.rules) {
            rule.steps = steps.clone();
        }
        Story::at(Shop { business: Arc::new(business), ..shop }, people)
    }

    fn at(shop: Shop, people: People) -> Story {
        let at = "2026-11-30T13:00:00Z".parse().unwrap();
        let line = "+13125550100".parse().unwrap();
        let from = "+13125550143".parse().unwrap();
        let begun = Conversation::begin(shop.setup(), &line, Some(&from), at, people);
        let (call, last) = begun.unwrap();
        Story { call, last }
    }

    fn does(&mut self, does: CallerDoes<'_>) -> &mut Self {
        assert!(self.last.record.is_none(), "the call is over");
        self.last = self.call.caller(does);
        self
    }

    fn says(&mut self, text: &str) -> &mut Self {
        self.does(CallerDoes::Says(text))
    }

    fn hears(&mut self, text: &str) -> &mut Self {
        assert!(self.last.text().contains(text), "not heard: {text:?} in {:?}", self.last.shown);
        self
    }

    fn outcome(&self) -> Outcome {
        self.last.record.as_ref().unwrap().outcome
    }
}

#[test]
fn a_caller_books_after_nonsense_silence_and_another_day() {
    let mut call = Story::begins(People::Absent);
    call.hears("How can I help?");
    call.says("purple monkey dishwasher").hears("did not get that");
    call.does(CallerDoes::Nothing).hears("Are you still there?");
    call.says("my kitchen sink is clogged").hears("I can offer these times");
    call.says("the first one").hears("Shall I book it?");
    call.says("no wednesday").hears("Wednesday");
    call.says("the first one").hears("Shall I book it?");
    assert_eq!(call.last.slots["service"], "drain");
    call.says("yes book it").hears("You are booked: Wednesday");
    assert_eq!(call.outcome(), Outcome::Booked);
    assert!(call.call.booking().is_some());
}

#[test]
fn a_burst_pipe_rings_people_and_ends_with_a_message_when_nobody_comes() {
    let mut call = Story::begins(People::Absent);
    call.says("a pipe burst").hears("Nobody can come to the phone").hears("leave a message");
    assert!(
        call.last.shown.contains(&Shown::Happens("rings Dana at 101".to_string())),
        "{:?}",
        call.last.shown
    );
    call.says("water is everywhere please hurry").hears("Your message is stored");
    assert_eq!(call.outcome(), Outcome::Message);
}

#[test]
fn an_agent_is_reached_when_people_answer() {
    let mut call = Story::begins(People::Answering);
    call.says("agent").hears("I am connecting you");
    assert!(call.last.shown.contains(&Shown::Happens("connected: you talk with a person now".to_string())));
    call.does(CallerDoes::HangsUp);
    assert_eq!(call.outcome(), Outcome::Transferred);
}

#[test]
fn keys_alone_lead_to_a_booking() {
    let mut call = Story::begins(People::Absent);
    for keys in ["1", "1", "1"] {
        call.does(CallerDoes::Presses(keys));
    }
    assert_eq!(call.outcome(), Outcome::Booked);
}

#[test]
fn a_number_that_is_no_line_is_told_with_those_that_are() {
    let at = "2026-11-30T13:00:00Z".parse().unwrap();
    let line = "+13125550199".parse().unwrap();
    let error = Conversation::begin(Shop::plumber().setup(), &line, None, at, People::Absent).unwrap_err();
    assert!(error.0.contains("+13125550100"), "{}", error.0);
}

#[test]
fn a_caller_in_a_queue_may_wait_or_be_called_back() {
    let mut call = Story::queues(People::Absent);
    call.hears("You are next in line. Press 1 at any time");
    call.does(CallerDoes::Nothing);
    call.does(CallerDoes::Presses("1")).hears("the office will call you back");
    assert_eq!(call.outcome(), Outcome::Callback);

    let mut call = Story::queues(People::Answering);
    assert!(call.last.text().is_empty(), "somebody was free at once: {:?}", call.last.shown);
    call.does(CallerDoes::HangsUp);
    assert_eq!(call.outcome(), Outcome::Transferred);
}
