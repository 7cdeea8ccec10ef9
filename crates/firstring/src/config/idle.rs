//! The part of `check` that looks for what is written and never comes to pass: hours at which nobody is ever there, rules that
//! never hold, visits that fit nowhere, and names that nothing leads to.
//!
//! What cannot be meant at all is refused where it is read; this is what can, and is most likely a slip. Invariant: nothing here
//! is about a call that is served worse than its rules say, so that no finding keeps anybody from running the desk.

use std::collections::{BTreeMap, BTreeSet};

use desk::booking::Diary;
use desk::business::{Business, Front, KnownCaller, Plan, Step, When};
use desk::hours::{OfficeHours, Openness};
use desk::understand::Wish;
use jiff::{SignedDuration, Timestamp};

use super::look::Finding;
use super::{Config, plans};

/// What happens once a year has happened by then.
const A_YEAR: SignedDuration = SignedDuration::from_hours(24 * 366);
/// A state of an office does not end sooner where people write hours.
const A_MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// Everything of the kind.
pub(super) fn look(config: &Config, now: Timestamp) -> Vec<Finding> {
    let business = &*config.business;
    let walked = walked(business);
    let offices: BTreeSet<&str> = walked.values().flatten().copied().collect();
    let mut found = Vec::new();
    found.extend(offices.iter().flat_map(|office| hours(business, office, now)));
    let of_owner = walked.iter().filter(|(plan, _)| !plans::is_built_in(plan, business.offices.keys()));
    found.extend(of_owner.flat_map(|(plan, offices)| rules(business, plan, offices, now)));
    found.extend(config.calendars.iter().filter_map(|calendar| visits(&calendar.rules, now)));
    found.extend(names(config, &walked, &offices));
    found
}

/// Every plan that calls go by, and the offices for which they do.
pub(super) fn walked(business: &Business) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut walked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in business.lines.values() {
        walked.entry(&line.plan).or_default().insert(&line.office);
    }
    let offices: BTreeSet<&str> = business.lines.values().map(|line| line.office.as_str()).collect();
    for caller in business.callers.values() {
        match caller {
            KnownCaller::Known { plan: Some(plan) } => walked.entry(plan).or_default().extend(&offices),
            KnownCaller::Client(front) => drop(walked.entry(&front.plan).or_default().insert(&front.office)),
            KnownCaller::Known { plan: None } | KnownCaller::Blocked => {}
        }
    }
    let plans: Vec<&str> = walked.keys().copied().collect();
    for front in plans.into_iter().flat_map(|plan| fronts(business, plan)) {
        walked.entry(&front.plan).or_default().insert(&front.office);
    }
    walked
}

/// The trunks whose callers can come to a plan.
pub(super) fn trunks_to<'b>(business: &'b Business, plan: &str) -> BTreeSet<&'b str> {
    let is_a_callers = business.callers.values().any(|caller| caller.plan() == Some(plan));
    let leads = |of: &str| of == plan || fronts(business, of).any(|front| front.plan == plan);
    let lines = business.lines.values().filter(|line| is_a_callers || leads(&line.plan));
    lines.map(|line| line.trunk.as_str()).collect()
}

/// Where the callers of a plan can choose to go on.
fn fronts<'b>(business: &'b Business, plan: &str) -> impl Iterator<Item = &'b Front> {
    let doors = steps(business, plan).filter_map(|step| match step {
        Step::Offices(directory) => Some(directory.doors()),
        _ => None,
    });
    doors.flatten().map(|door| &door.front)
}

fn steps<'b>(business: &'b Business, plan: &str) -> impl Iterator<Item = &'b Step> {
    let rules = business.plans.get(plan).map(|plan| plan.rules.as_slice()).unwrap_or_default();
    rules.iter().flat_map(|rule| &rule.steps).map(Step::done)
}

fn hours(business: &Business, name: &str, now: Timestamp) -> Vec<Finding> {
    let about = format!("office {name}");
    let Some(office) = business.offices.get(name) else { return Vec::new() };
    let mut found = Vec::new();
    if !kinds_of_time(&office.hours, now).contains(&Openness::Open) {
        let says = "nobody is ever there in the coming year, so it is always closed to callers";
        found.push(Finding::weak(about.clone(), says, "correct its hours, unless that is what you want"));
    }
    if let Some(day) = office.hours.holiday_not_kept(now) {
        let says = format!("it is open on {day}, a public holiday: what stands after \"PH off\" counts more");
        found.push(Finding::weak(about, says, "write \"PH off\" at the end of its hours"));
    }
    found
}

/// Whether the office is open, closed, or closed for a holiday at some time of the coming year. Looked at where it opens and closes,
/// and every noon.
fn kinds_of_time(hours: &OfficeHours, now: Timestamp) -> Vec<Openness> {
    let year = now.saturating_add(A_YEAR).unwrap_or(now);
    let open = hours.open_intervals(now, year);
    let edges = open.iter().flat_map(|(from, to)| [*from, from.saturating_sub(A_MINUTE).unwrap_or(now), *to]);
    let today = now.to_zoned(hours.zone().clone()).date();
    let noons = today.series(jiff::Span::new().days(1)).take(366);
    let noons = noons.filter_map(|day| day.at(12, 0, 0, 0).to_zoned(hours.zone().clone()).ok());
    let mut kinds = Vec::new();
    for at in edges.chain(noons.map(|noon| noon.timestamp())).filter(|at| (now..year).contains(at)) {
        let kind = hours.openness(at);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// Rules that no call meets, and calls that no rule meets.
fn rules(business: &Business, name: &str, offices: &BTreeSet<&str>, now: Timestamp) -> Vec<Finding> {
    let Some(plan) = business.plans.get(name) else { return Vec::new() };
    let mut left: Vec<Openness> = Vec::new();
    for office in offices.iter().filter_map(|office| business.offices.get(*office)) {
        left.extend(kinds_of_time(&office.hours, now));
    }
    let is_staffed = offices.iter().any(|office| !business.staff(office).is_empty());
    let mut found = Vec::new();
    for rule in &plan.rules {
        if let Some(why) = never_holds(rule.when, &left, is_staffed) {
            let says = format!("its rule {:?} never holds: {why}", rule.when.name());
            found.push(Finding::weak(format!("plan {name}"), says, "correct it, or take it out"));
        }
        left.retain(|kind| !holds_for(rule.when, *kind));
    }
    found.extend(meets_nothing(plan, &left, name));
    found
}

fn never_holds(when: When, left: &[Openness], is_staffed: bool) -> Option<&'static str> {
    let any = |of: &[Openness]| left.iter().any(|kind| of.contains(kind));
    match when {
        // Whoever writes it last wants to be sure.
        When::Always | When::Blocked => None,
        _ if left.is_empty() => Some("those above it hold for every call"),
        When::Open if !any(&[Openness::Open]) => Some("the office is not open in the coming year"),
        When::Closed if !any(&[Openness::Closed, Openness::Holiday]) => {
            Some("the office is not closed in the coming year")
        }
        When::Holiday if !any(&[Openness::Holiday]) => Some(
            "in the coming year the office is not closed for a holiday; \"PH off\" in its hours, or `except`, would close it",
        ),
        When::TeamBusy if !is_staffed => Some("nobody belongs to the office"),
        When::Open | When::Closed | When::Holiday | When::TeamBusy | When::KnownCaller | When::Suspect => {
            None
        }
    }
}

fn holds_for(when: When, kind: Openness) -> bool {
    match when {
        When::Always => true,
        When::Open => kind == Openness::Open,
        When::Closed => kind != Openness::Open,
        When::Holiday => kind == Openness::Holiday,
        When::TeamBusy | When::KnownCaller | When::Blocked | When::Suspect => false,
    }
}

fn meets_nothing(plan: &Plan, left: &[Openness], name: &str) -> Option<Finding> {
    let at = match left.first()? {
        _ if plan.rules.iter().any(|rule| rule.when == When::Always) => return None,
        Openness::Open => "while the office is open",
        Openness::Closed => "while the office is closed",
        Openness::Holiday => "on a holiday",
    };
    let says = format!("a call {at} may meet none of its rules, and then a message is taken at once");
    Some(Finding::weak(format!("plan {name}"), says, "add a [[plan.rule]] with when = \"always\""))
}

/// A calendar that has nothing to offer although nothing is booked in it.
fn visits(rules: &desk::booking::DiaryRules, now: Timestamp) -> Option<Finding> {
    let wish = Wish { soonest: true, ..Wish::default() };
    if !Diary::new(rules.clone()).find(&wish, "", now).is_empty() {
        return None;
    }
    let says =
        "no visit fits into the hours of its office before the horizon, so every caller is called back";
    let remedy = "shorten `visit` or `lead`, or lengthen `horizon`";
    Some(Finding::weak(format!("calendar {}", rules.calendar), says, remedy))
}

/// What is named in the file, and where no call ever comes.
fn names(config: &Config, walked: &BTreeMap<&str, BTreeSet<&str>>, offices: &BTreeSet<&str>) -> Vec<Finding> {
    let business = &*config.business;
    let called: BTreeSet<&str> = walked
        .keys()
        .flat_map(|plan| steps(business, plan))
        .filter_map(|step| match step {
            Step::Ring { whom, .. } | Step::Queue { whom, .. } => Some(whom),
            _ => None,
        })
        .flat_map(|whom| business.people_of(whom, Timestamp::UNIX_EPOCH).into_iter().chain([whom.name()]))
        .collect();
    let heard = voices(business, walked);
    let booked: BTreeSet<&str> =
        business.offices.values().filter_map(|office| office.calendar.as_deref()).collect();
    let of_owner = business.plans.keys().filter(|plan| !plans::is_built_in(plan, business.offices.keys()));
    let calendars = config.calendars.iter().map(|calendar| &calendar.rules.calendar);
    type Unused<'a> = (&'a str, Vec<&'a String>, &'a str, &'a str);
    let kinds: [Unused<'_>; 7] = [
        (
            "office",
            left(business.offices.keys(), offices),
            "no line and no caller leads to it",
            "add a [[line]] for it, or take it out",
        ),
        (
            "plan",
            left(of_owner, &walked.keys().copied().collect()),
            "no call goes by it",
            "name it as the `plan` of a line, or take it out",
        ),
        (
            "person",
            left(business.people.keys(), &called),
            "no plan that a call goes by rings them; only somebody who has the caller can put one through",
            "name them in a step, or take them out",
        ),
        (
            "rota",
            left(business.rotas.keys(), &called),
            "no plan that a call goes by rings it",
            "name it in a step, or take it out",
        ),
        (
            "target",
            left(business.targets.keys(), &called),
            "no plan that a call goes by leads to it",
            "name it in a step, or take it out",
        ),
        (
            "assistant",
            left(business.assistants.keys(), &heard),
            "no caller hears it",
            "name it as the `assistant` of a line, or take it out",
        ),
        (
            "calendar",
            left(calendars, &booked),
            "no office books visits in it",
            "name it as the `calendar` of an office, or take it out",
        ),
    ];
    let told = |(kind, names, says, remedy): Unused<'_>| -> Vec<Finding> {
        names.into_iter().map(|name| Finding::weak(format!("{kind} {name}"), says, remedy)).collect()
    };
    kinds.into_iter().flat_map(told).collect()
}

/// The names that are not led to.
fn left<'a>(names: impl Iterator<Item = &'a String>, led_to: &BTreeSet<&str>) -> Vec<&'a String> {
    names.filter(|name| !led_to.contains(name.as_str())).collect()
}

/// Every assistant that a caller can come to.
fn voices<'b>(business: &'b Business, walked: &BTreeMap<&'b str, BTreeSet<&str>>) -> BTreeSet<&'b str> {
    let lines = business.lines.values().map(|line| line.assistant.as_str());
    let clients = business.callers.values().filter_map(|caller| match caller {
        KnownCaller::Client(front) => Some(front),
        KnownCaller::Known { .. } | KnownCaller::Blocked => None,
    });
    let chosen = walked.keys().flat_map(|plan| fronts(business, plan));
    lines.chain(clients.chain(chosen).map(|front| front.assistant.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const DESK: &str = r#"
        [business]
        name = "Rivera Plumbing"
        trade = "plumbing"
        timezone = "America/Chicago"
        [[trunk]]
        name = "main"
        accept_from = ["192.0.2.10"]
        outbound_proxy = "192.0.2.10"
        [[assistant]]
        name = "Robin"
        [[person]]
        name = "Dana"
        office = "main"
        reach = [{ to = "101" }]
        [[rota]]
        name = "duty"
        people = ["Dana"]
        [[line]]
        number = "(312) 555-0100"
        office = "main"
        assistant = "Robin"
        plan = "front-door"
        [[calendar]]
        name = "jobs"
        office = "main"
        visit = "2h"
        [[office]]
        name = "main"
        hours = "Mo-Fr 08:00-17:00; PH off"
        [[plan]]
        name = "front-door"
        [[plan.rule]]
        when = "open"
        steps = [{ ring = "duty" }, "message"]
        [[plan.rule]]
        when = "always"
        steps = ["assistant"]
    "#;

    /// What is found once this is written instead.
    fn found(instead: &[(&str, &str)]) -> Vec<String> {
        let text = instead.iter().fold(DESK.to_string(), |text, (right, slip)| {
            assert!(text.contains(right), "{right}");
            text.replacen(right, slip, 1)
        });
        let config = Config::from_text("desk", &text, Path::new("")).unwrap();
        let now = "2026-01-05T15:00:00Z".parse().unwrap();
        look(&config, now).into_iter().map(|finding| format!("{}: {}", finding.about, finding.says)).collect()
    }

    #[test]
    fn a_desk_whose_every_word_counts_gives_nothing_to_say() {
        assert_eq!(found(&[]), [""; 0]);
    }

    #[test]
    fn hours_at_which_nobody_is_there_are_told() {
        let says = "office main: nobody is ever there in the coming year, so it is always closed to callers";
        for never in ["off", "2020 Mo-Fr 08:00-17:00", "Mo-Fr 08:00-17:00; 24/7 off"] {
            let found = found(&[("Mo-Fr 08:00-17:00; PH off", never)]);
            assert!(found.iter().any(|one| one == says), "{never}: {found:?}");
        }
    }

    #[test]
    fn a_rule_for_holidays_that_does_nothing_is_told() {
        assert_eq!(
            found(&[("Mo-Fr 08:00-17:00; PH off", "PH off; Mo-Fr 08:00-17:00")]),
            [
                "office main: it is open on 2026-01-19, a public holiday: what stands after \"PH off\" counts more"
            ]
        );
    }

    #[test]
    fn rules_that_no_call_meets_are_told_with_the_reason() {
        let rule = |when: &str| format!("[[plan.rule]]\nwhen = \"{when}\"\nsteps = [\"message\"]\n");
        let with = |whens: &[&str], hours: &str| {
            let first = "[[plan.rule]]\n        when = \"open\"";
            let rules: String = whens.iter().map(|when| rule(when)).collect();
            found(&[("Mo-Fr 08:00-17:00; PH off", hours), (first, &format!("{rules}{first}"))])
        };
        let week = "Mo-Fr 08:00-17:00; PH off";
        assert_eq!(with(&["holiday", "closed"], week), [""; 0]);
        assert_eq!(
            with(&["holiday"], "24/7"),
            [
                "plan front-door: its rule \"holiday\" never holds: in the coming year the office is not closed for a holiday; \
              \"PH off\" in its hours, or `except`, would close it"
            ]
        );
        assert_eq!(
            with(&["closed"], "24/7"),
            ["plan front-door: its rule \"closed\" never holds: the office is not closed in the coming year"]
        );
        let third = (
            "when = \"always\"",
            "when = \"closed\"\nsteps = [\"message\"]\n[[plan.rule]]\nwhen = \"team-busy\"",
        );
        assert_eq!(
            found(&[third]),
            ["plan front-door: its rule \"team-busy\" never holds: those above it hold for every call"]
        );
    }

    #[test]
    fn a_plan_that_says_nothing_of_some_calls_is_told() {
        assert_eq!(
            found(&[("when = \"always\"", "when = \"holiday\"")]),
            [
                "plan front-door: a call while the office is closed may meet none of its rules, and then a message is taken at once"
            ]
        );
        assert_eq!(found(&[("when = \"always\"", "when = \"closed\"")]), [""; 0]);
    }

    #[test]
    fn visits_that_fit_nowhere_are_told() {
        assert_eq!(
            found(&[("visit = \"2h\"", "visit = \"10h\"")]),
            [
                "calendar jobs: no visit fits into the hours of its office before the horizon, so every caller is called back"
            ]
        );
    }

    #[test]
    fn names_that_nothing_leads_to_are_told() {
        let more = "[[office]]\nname = \"north\"\nhours = \"24/7\"\n[[plan]]\nname = \"spare\"\n[[plan.rule]]\nwhen = \"always\"\n\
                    steps = [{ ring = \"weekend\" }]\n[[person]]\nname = \"Lee\"\noffice = \"north\"\nreach = [{ to = \"102\" }]\n\
                    [[rota]]\nname = \"weekend\"\npeople = [\"Lee\"]\n[[target]]\nname = \"service\"\nto = \"+13125550177\"\n\
                    [[assistant]]\nname = \"Wren\"\n[[calendar]]\nname = \"more\"\noffice = \"main\"\n[[office]]\nname = \"main\"";
        let found = found(&[("[[office]]\n        name = \"main\"", more)]);
        let about: Vec<&str> = found.iter().filter_map(|one| one.split(':').next()).collect();
        assert_eq!(
            about,
            [
                "office north",
                "plan spare",
                "person Lee",
                "rota weekend",
                "target service",
                "assistant Wren",
                "calendar more"
            ]
        );
    }

    #[test]
    fn an_office_that_callers_choose_at_the_main_number_is_led_to_and_so_is_everybody_there() {
        let more = "known_as = [\"downtown\"]\n[[office]]\nname = \"north\"\nhours = \"24/7\"\nassistant = \"Wren\"\n\
                    plan = \"at north\"\nknown_as = [\"north side\"]\n[[person]]\nname = \"Lee\"\noffice = \"north\"\n\
                    reach = [{ to = \"102\" }]\n[[assistant]]\nname = \"Wren\"\n[[plan]]\nname = \"at north\"\n\
                    [[plan.rule]]\nwhen = \"always\"\nsteps = [{ ring = \"Lee\" }, \"message\"]\n[[plan]]\nname = \"front-door\"";
        let slips = [
            ("PH off\"", "PH off\"\nassistant = \"Robin\""),
            ("[[plan]]\n        name = \"front-door\"", more),
            ("steps = [\"assistant\"]", "steps = [\"offices\", \"message\"]"),
        ];
        assert_eq!(found(&slips), [""; 0]);
    }
}
