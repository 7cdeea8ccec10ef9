//! Which rule decides over a call, for every kind of caller and every state of the office.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;

use desk::business::{Arrives, Business, Keeping, Kept, KnownCaller, Line, Office, Plan, Rule, Step, When};
use desk::call::Arrival;
use desk::hours::OfficeHours;
use desk::number::{Country, E164};
use desk::private::Private;
use desk::record::{CallId, Verification};
use desk::routing::{Routed, route};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Friday in opening hours, and Sunday.
const OPEN: &str = "2026-01-16T16:00:00Z";
const CLOSED: &str = "2026-01-18T16:00:00Z";
const REGULAR: &str = "+13125550143";
const FAVOURITE: &str = "+13125550144";
const BLOCKED: &str = "+13125550145";

fn number(text: &str) -> E164 {
    text.parse().unwrap()
}

fn plan(rules: &[When]) -> Plan {
    Plan { rules: rules.iter().map(|when| Rule { when: *when, steps: vec![Step::Assistant] }).collect() }
}

fn business(rules: &[When]) -> Business {
    let zone = TimeZone::get("America/Chicago").unwrap();
    let hours = OfficeHours::parse("Mo-Fr 08:00-17:00", &[], Country::US, zone.clone()).unwrap();
    let office = Office { hours: Arc::new(hours), calendar: None };
    let line = Line {
        trunk: "main".into(),
        office: "main".into(),
        plan: "front-door".into(),
        assistant: "Robin".into(),
        arrives: Arrives::Direct,
    };
    let callers = [
        (REGULAR, KnownCaller::Known { plan: None }),
        (FAVOURITE, KnownCaller::Known { plan: Some("best".into()) }),
        (BLOCKED, KnownCaller::Blocked),
    ];
    Business {
        name: "Rivera Plumbing".into(),
        zone,
        offices: BTreeMap::from([("main".into(), office)]),
        people: BTreeMap::new(),
        rotas: BTreeMap::new(),
        lines: BTreeMap::from([(number("+13125550100"), line)]),
        plans: BTreeMap::from([
            ("front-door".into(), plan(rules)),
            ("best".into(), plan(&[When::KnownCaller])),
        ]),
        targets: BTreeMap::new(),
        callers: callers.into_iter().map(|(caller, known)| (number(caller), known)).collect(),
        assistants: BTreeMap::new(),
        channels: BTreeMap::new(),
        hand_over: [].into(),
        keeping: Keeping { transcripts: Kept::Never, calls: Kept::Never, bridged: Kept::Never },
    }
}

/// A call, as it comes in.
struct Comes {
    from: Option<&'static str>,
    at: &'static str,
    verification: Option<Verification>,
    team_busy: bool,
}

impl Comes {
    fn from(caller: &'static str) -> Comes {
        Comes { from: Some(caller), at: OPEN, verification: None, team_busy: false }
    }

    fn meets(&self, rules: &[When]) -> Routed {
        let business = business(rules);
        let line = number("+13125550100");
        let arrival = Arrival {
            id: CallId("c-1".into()),
            line: line.clone(),
            from: self.from.map(|from| Private::new(number(from))),
            diverted_by: None,
            diverted_because: None,
            verification: self.verification,
            busy_offices: self.team_busy.then(|| "main".to_string()).into_iter().collect(),
            voice_refused: false,
        };
        route(&business, &business.lines[&line], &arrival, self.at.parse::<Timestamp>().unwrap())
    }
}

const EVERY: [When; 5] = [When::Suspect, When::KnownCaller, When::TeamBusy, When::Open, When::Always];

#[test]
fn the_first_rule_that_holds_decides_and_each_before_it_says_why_it_did_not() {
    let stranger = || Comes::from("+13125550199");
    for (comes, rule) in [
        (stranger(), When::Open),
        (Comes { at: CLOSED, ..stranger() }, When::Always),
        (Comes { team_busy: true, ..stranger() }, When::TeamBusy),
        (Comes { from: None, ..stranger() }, When::Open),
        (Comes::from(REGULAR), When::KnownCaller),
        (Comes { verification: Some(Verification::Failed), ..Comes::from(REGULAR) }, When::Suspect),
        (Comes { verification: Some(Verification::PassedC), ..stranger() }, When::Open),
    ] {
        let routed = comes.meets(&EVERY);
        assert_eq!(routed.rule, rule, "{:?}", routed.because);
        let place = EVERY.iter().position(|when| *when == rule).unwrap();
        assert_eq!(routed.because.len(), place + 1, "{:?}", routed.because);
        assert!(
            routed.because[..place].iter().all(|why| why.contains("did not hold: ")),
            "{:?}",
            routed.because
        );
    }
}

#[test]
fn where_nobody_belongs_to_the_office_nobody_is_said_to_be_free() {
    let routed = Comes::from("+13125550199").meets(&EVERY);
    assert_eq!(routed.because[2], "rule `team-busy` did not hold: nobody belongs to office `main`");
}

#[test]
fn a_caller_with_a_plan_of_their_own_meets_it_on_every_line() {
    let routed = Comes::from(FAVOURITE).meets(&EVERY);
    assert_eq!((routed.plan.as_str(), routed.rule), ("best", When::KnownCaller));
    assert_eq!(routed.because[0], "the caller has a plan of their own, `best`");
}

#[test]
fn a_blocked_caller_is_refused_whatever_else_would_hold() {
    let routed = Comes::from(BLOCKED).meets(&EVERY);
    assert_eq!((routed.rule, routed.steps.as_slice()), (When::Blocked, &[Step::Refuse][..]));
    assert_eq!(
        routed.because,
        [
            "the caller is on the list of blocked callers",
            "no rule of plan `front-door` is for such callers, so the call is refused"
        ]
    );
}

#[test]
fn a_rule_for_blocked_callers_is_found_wherever_it_stands() {
    let routed = Comes::from(BLOCKED).meets(&[When::Always, When::Blocked]);
    assert_eq!((routed.rule, routed.steps.as_slice()), (When::Blocked, &[Step::Assistant][..]));
    let routed = Comes::from(REGULAR).meets(&[When::Blocked]);
    assert_eq!(
        (routed.rule, routed.steps.as_slice()),
        (When::Always, &[Step::Message][..]),
        "only for the blocked"
    );
    assert_eq!(routed.because[0], "rule `blocked` did not hold: the caller is not blocked");
}
