//! Callers of a business with several offices behind one number. Time is given; nothing rings.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod evening;

use std::sync::Arc;
use std::time::Duration;

use desk::business::{
    Accept, Assistant, Business, Front, KnownCaller, Line, Office, Person, Plan, Reach, RingOrder, Rule,
    Step, When, Whom,
};
use desk::call::{Event, Leg};
use desk::greeting::Greeting;
use desk::hours::OfficeHours;
use desk::intake::{Directory, Template};
use desk::number::Country;
use desk::record::{Outcome, StepResult};
use desk::sayings;
use evening::{DANA, Evening, number, plumber, ring};
use jiff::tz::TimeZone;

/// Two offices behind one number: while it is open an office is rung, at night only the lawyer on duty, and only for what
/// cannot wait.
fn law_firm() -> Business {
    let law = Arc::new(Template::law());
    let office = |hours: &str, zone: &str| {
        let zone = TimeZone::get(zone).unwrap();
        let hours = OfficeHours::parse(hours, &[], Country::US, zone).unwrap();
        Office { hours: Arc::new(hours), calendar: Some("meetings".into()) }
    };
    let reach = |to: &str| vec![Reach { to: to.into(), via: "main".into(), accept: Accept::PickUp }];
    let person = |office: &str, to: &str| Person { office: office.into(), reach: reach(to) };
    let jo = |name: &str| Assistant {
        greeting: Greeting::of(&format!("Hello, this is {name}, the automated assistant.")),
        voice: "slt".into(),
        intake: law.clone(),
    };
    let front = |office: &str| Front { office: office.into(), plan: office.into(), assistant: office.into() };
    let known_as = |words: &[&str]| words.iter().map(|text| (*text).to_string()).collect();
    let offices = vec![
        (front("town"), known_as(&["downtown", "criminal law"])),
        (front("denver"), known_as(&["denver", "immigration"])),
    ];
    let offices = Arc::new(Directory::new(offices).unwrap());
    let duty = || Step::Urgent(Box::new(ring()));
    let staff = |office: &str| Step::Ring {
        whom: Whom::Office(office.into()),
        ring_for: Duration::from_secs(15),
        order: RingOrder::Together,
    };
    let plan = |office: &str| {
        let open = vec![staff(office), Step::Assistant, duty(), Step::Message];
        let night = vec![Step::Assistant, duty(), Step::Message];
        let rules = vec![Rule { when: When::Open, steps: open }, Rule { when: When::Always, steps: night }];
        (office.to_string(), Plan { rules })
    };
    let main = vec![Step::Offices(offices), duty(), staff("town"), Step::Message];
    let main = Plan { rules: vec![Rule { when: When::Always, steps: main }] };
    Business {
        offices: [
            ("town".to_string(), office("Mo-Fr 08:00-17:00", "America/Chicago")),
            ("denver".to_string(), office("Mo-Fr 09:00-18:00", "America/Denver")),
        ]
        .into(),
        people: [
            ("Dana".to_string(), person("town", DANA)),
            ("Lee".to_string(), person("denver", "+13035550144")),
        ]
        .into(),
        plans: [("main".to_string(), main), plan("town"), plan("denver")].into(),
        assistants: ["Jo", "town", "denver"].map(|name| (name.to_string(), jo(name))).into(),
        callers: [(number(CLIENT), KnownCaller::Client(front("denver")))].into(),
        lines: [(
            number("+13125550100"),
            Line {
                plan: "main".into(),
                assistant: "Jo".into(),
                ..line_of(&plumber(Vec::new(), Accept::PickUp), "town")
            },
        )]
        .into(),
        ..plumber(Vec::new(), Accept::PickUp)
    }
}

fn line_of(business: &Business, office: &str) -> Line {
    Line { office: office.into(), ..business.lines.values().next().unwrap().clone() }
}

const CLIENT: &str = "+13035550190";
/// Monday, half past five in the afternoon in Chicago, and half past four in Denver.
const LATE: &str = "2026-01-19T23:30:00Z";
/// The night after.
const NIGHT: &str = "2026-01-20T08:00:00Z";

fn calls_the_firm(from: &str, at: &str) -> Evening {
    Evening::of(law_firm(), ("+13125550100", from), at, None)
}

#[test]
fn a_caller_of_the_main_number_finds_the_office_that_is_still_open() {
    let mut call = calls_the_firm("+13125550199", LATE);
    assert!(call.said("Which office would you like: downtown, or denver?"));
    call.caller_says("the denver office please");
    assert!(call.said("All right, denver."));
    assert_eq!(call.rung(), [1], "Denver is open, and its people are rung");
    call.nothing_happens();
    assert!(call.said("What is it about?"), "the greeting was heard already");
    assert!(!call.said("Hello, this is denver, the automated assistant."));
    let record = call.caller_hangs_up();
    assert_eq!((record.office.as_str(), record.plan.as_str(), record.rule), ("denver", "denver", When::Open));
    let steps: Vec<_> = record.steps.iter().map(|step| (step.step.as_str(), step.result)).collect();
    assert_eq!(
        steps,
        [
            ("offices", StepResult::OfficeFound),
            ("ring denver", StepResult::NobodyTook),
            ("assistant", StepResult::CallerHungUp)
        ]
    );
    assert_eq!(
        record.because,
        [
            "rule `always` holds for every call",
            "the caller asked for office `denver`, whose plan is `denver`",
            "rule `open` held: office `denver` is open"
        ]
    );
}

#[test]
fn a_key_chooses_an_office_too_and_a_closed_one_is_not_rung() {
    let mut call = calls_the_firm("+13125550199", LATE);
    call.finish_speaking();
    let at = call.now.mono;
    call.tell(Event::Digit { leg: Leg::Caller, digit: '1', at });
    assert!(call.said("All right, downtown."));
    assert!(call.rung().is_empty(), "downtown closed half an hour ago");
    let record = call.caller_hangs_up();
    assert_eq!((record.office.as_str(), record.rule), ("town", When::Always));
}

#[test]
fn whoever_is_held_by_the_police_reaches_the_lawyer_on_duty_at_night_and_nobody_else_wakes_them() {
    for from_the_door in [true, false] {
        let mut night = calls_the_firm("+13125550199", NIGHT);
        if !from_the_door {
            night.caller_says("denver");
        }
        night.caller_says("my son was arrested");
        assert_eq!(night.rung(), [1], "whichever question was open");
        night.tell(Event::PersonAnswered { leg: 1 });
        let record = night.caller_hangs_up();
        assert_eq!(record.outcome, Outcome::Transferred);
    }
    let mut night = calls_the_firm("+13125550199", NIGHT);
    night.caller_says("denver");
    night.caller_says("agent");
    assert!(night.rung().is_empty());
    assert!(night.said(sayings::NOBODY_FREE), "and the caller is told so");
    assert!(night.said(sayings::LEAVE_MESSAGE));
    let record = night.caller_hangs_up();
    let duty = record.steps.iter().find(|step| step.step == "ring Dana");
    assert!(duty.is_none_or(|step| step.result == StepResult::NotUrgent));
}

#[test]
fn a_client_is_received_at_their_own_office_and_asked_nothing_before() {
    let call = calls_the_firm(CLIENT, LATE);
    assert_eq!(call.rung(), [1]);
    assert!(!call.said("Which office would you like: downtown, or denver?"));
    assert_eq!(call.call.office(), "denver");
    let (plan, rule, because) = call.call.routed();
    assert_eq!((plan, rule), ("denver", When::Open));
    assert_eq!(because[0], "the caller is a client of office `denver`");
}

#[test]
fn a_caller_who_cannot_say_which_office_gets_a_person() {
    let mut call = calls_the_firm("+13125550199", "2026-01-19T17:00:00Z");
    for _ in 0..3 {
        call.caller_says("purple monkey dishwasher");
    }
    assert_eq!(call.rung(), [1], "the office of the main number");
    let record = call.caller_hangs_up();
    assert_eq!(record.steps[0].result, StepResult::NotUnderstood);
}
