//! What is tried for a caller: the owner's plans, and those that are built in.
//!
//! Invariant: every rule of a plan can hold and every step of a rule can be reached; the built-in plans end in a
//! message, which needs nobody to pick up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use desk::business::{Plan, RingOrder, Rule, Step, When, Whom};
use desk::intake::{Directory, DirectoryError};

use super::document::At;
use super::file::{
    ForwardForm, OnlyForm, OrderForm, PlanForm, QueueForm, RingForm, RuleForm, StepForm, StepWord, WhenForm,
};
use super::meaning::Reading;
use super::refusal::instead;

/// A plan that needs no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BuiltIn {
    /// The assistant answers every call.
    Always,
    /// The office answers while it is open, the assistant otherwise.
    AfterHours,
    /// The office rings first while it is open and somebody is free; whoever it does not reach, the assistant takes.
    Overflow,
}

impl BuiltIn {
    const ALL: [BuiltIn; 3] = [BuiltIn::Always, BuiltIn::AfterHours, BuiltIn::Overflow];

    fn name(self) -> &'static str {
        match self {
            BuiltIn::Always => "always",
            BuiltIn::AfterHours => "after-hours",
            BuiltIn::Overflow => "overflow",
        }
    }

    fn named(name: &str) -> Option<BuiltIn> {
        BuiltIn::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// The plan of a line whose office names none.
pub(super) const USUAL: &str = "overflow";

/// The rota the built-in plans ring after the assistant.
const ON_CALL: &str = "on-call";
/// Four to five rings: an office that is there has picked up by then.
const OFFICE_RINGS: Duration = Duration::from_secs(15);
/// In hours nobody else is asked, so the office gets longer.
const OFFICE_RINGS_ALONE: Duration = Duration::from_secs(30);
/// Just before a cell's voicemail picks up.
const ON_CALL_RINGS: Duration = desk::business::BEFORE_VOICEMAIL;

/// Every plan, by name: the owner's, and the built-in ones as each office has them.
pub(super) fn plans(reading: &mut Reading<'_>) -> BTreeMap<String, Plan> {
    let mut plans = BTreeMap::new();
    let offices = reading.file.office.iter().map(|office| office.name.as_str());
    for office in offices {
        for built_in in BuiltIn::ALL {
            plans.insert(built_in_name(reading, built_in, office), build(reading, built_in, office));
        }
    }
    for (index, form) in reading.file.plan.iter().enumerate() {
        let at = At::top().key("plan").item(index);
        let offices = reading.file.office.iter().map(|office| &office.name);
        if is_built_in(&form.name, offices) {
            reading.refuse(&at.key("name"), format!("{:?} is built in; name this plan otherwise", form.name));
        }
        let plan = plan(reading, form, &at);
        plans.insert(form.name.clone(), plan);
    }
    plans
}

/// The name under which a line finds its plan.
pub(super) fn plan_of_line(
    reading: &mut Reading<'_>,
    name: &str,
    office: Option<&str>,
    at: &At,
) -> Option<String> {
    if let Some(built_in) = BuiltIn::named(name) {
        return Some(built_in_name(reading, built_in, office?));
    }
    if reading.file.plan.iter().any(|plan| plan.name == name) {
        return Some(name.to_string());
    }
    let mut known: Vec<&str> = BuiltIn::ALL.map(BuiltIn::name).to_vec();
    known.extend(reading.file.plan.iter().map(|plan| plan.name.as_str()));
    reading.refuse(
        at,
        format!("there is no plan named {name:?}; {}", instead(name, &known, "add a [[plan]] of this name")),
    );
    None
}

/// Whether this is the name of a built-in plan, or of one as an office has it.
pub(super) fn is_built_in<'o>(name: &str, mut offices: impl Iterator<Item = &'o String>) -> bool {
    let of = |office: &String| BuiltIn::ALL.iter().any(|one| name == format!("{} at {office}", one.name()));
    BuiltIn::named(name).is_some() || offices.any(of)
}

/// With one office a built-in plan has its plain name; with several, each office has its own.
fn built_in_name(reading: &Reading<'_>, built_in: BuiltIn, office: &str) -> String {
    match reading.file.office.len() {
        0 | 1 => built_in.name().to_string(),
        _ => format!("{} at {office}", built_in.name()),
    }
}

fn build(reading: &Reading<'_>, built_in: BuiltIn, office: &str) -> Plan {
    let staffed = staffed(reading, office);
    let ring_office = |ring_for| Step::Ring {
        whom: Whom::Office(office.to_string()),
        ring_for,
        order: RingOrder::Together,
    };
    let on_call = if reading.file.rota.iter().any(|rota| rota.name == ON_CALL) {
        let whom = Whom::Rota(ON_CALL.to_string());
        Some(Step::Ring { whom, ring_for: ON_CALL_RINGS, order: RingOrder::InTurn })
    } else {
        staffed.then(|| ring_office(ON_CALL_RINGS))
    };
    let assisted: Vec<Step> =
        [Some(Step::Assistant), on_call, Some(Step::Message)].into_iter().flatten().collect();
    let always = Rule { when: When::Always, steps: assisted.clone() };
    let rules = match built_in {
        BuiltIn::AfterHours if staffed => {
            vec![
                Rule { when: When::Open, steps: vec![ring_office(OFFICE_RINGS_ALONE), Step::Message] },
                always,
            ]
        }
        BuiltIn::Overflow if staffed => {
            let steps = std::iter::once(ring_office(OFFICE_RINGS)).chain(assisted.clone()).collect();
            let full = Rule { when: When::TeamBusy, steps: assisted };
            vec![full, Rule { when: When::Open, steps }, always]
        }
        BuiltIn::Always | BuiltIn::AfterHours | BuiltIn::Overflow => vec![always],
    };
    Plan { rules }
}

fn staffed(reading: &Reading<'_>, office: &str) -> bool {
    let only = reading.file.office.len() == 1;
    reading.file.person.iter().any(|person| person.office.as_deref().map_or(only, |of| of == office))
}

fn plan(reading: &mut Reading<'_>, form: &PlanForm, at: &At) -> Plan {
    let at = at.key("rule");
    if form.rule.is_empty() {
        reading.refuse(&at, "this plan has no rule; add a [[plan.rule]] with when and steps".to_string());
    }
    let mut rules: Vec<Rule> = Vec::new();
    for (index, form) in form.rule.iter().enumerate() {
        let at = at.item(index);
        let when = when(form.when);
        if let Some(before) = rules.iter().find(|rule| covers(rule.when, when)) {
            let says = format!(
                "this rule never holds: {:?} above it holds first; move it up or take it out",
                before.when.name()
            );
            reading.refuse(&at.key("when"), says);
        }
        if let Some(says) = never_met(reading, when) {
            reading.refuse(&at.key("when"), says.to_string());
        }
        if form.afterwards.len() > 1 {
            reading
                .refuse(&at.key("afterwards"), "this says the same twice; write [\"callback\"]".to_string());
        }
        rules.push(Rule { when, steps: steps(reading, form, &at.key("steps")) });
    }
    Plan { rules }
}

fn when(form: WhenForm) -> When {
    match form {
        WhenForm::Open => When::Open,
        WhenForm::Closed => When::Closed,
        WhenForm::Holiday => When::Holiday,
        WhenForm::TeamBusy => When::TeamBusy,
        WhenForm::KnownCaller => When::KnownCaller,
        WhenForm::Blocked => When::Blocked,
        WhenForm::Suspect => When::Suspect,
        WhenForm::Always => When::Always,
    }
}

/// Whether whatever the later condition holds for, the earlier one holds for too. A holiday is closed, and blocked
/// callers look for their own rule wherever it stands.
fn covers(earlier: When, later: When) -> bool {
    match (earlier, later) {
        (When::Always, When::Blocked) => false,
        (When::Always, _) | (When::Closed, When::Holiday) => true,
        (_, _) => earlier == later,
    }
}

/// Why a rule can never hold with the callers that this file tells of.
fn never_met(reading: &Reading<'_>, when: When) -> Option<&'static str> {
    let tells_of = |blocked: bool| reading.file.caller.iter().any(|caller| caller.blocked == blocked);
    match when {
        When::KnownCaller if !tells_of(false) => {
            Some("this rule never holds: no caller is known; add a [[caller]] with name and numbers")
        }
        When::Blocked if !tells_of(true) => {
            Some("this rule never holds: no caller is blocked; add a [[caller]] with blocked = true")
        }
        _ => None,
    }
}

fn steps(reading: &mut Reading<'_>, form: &RuleForm, at: &At) -> Vec<Step> {
    if form.steps.is_empty() || form.steps.len() > MOST_STEPS {
        reading.refuse(at, format!("a rule has 1 to {MOST_STEPS} steps, like [\"assistant\", \"message\"]"));
    }
    let mut steps: Vec<Step> = Vec::new();
    for (index, form) in form.steps.iter().enumerate() {
        let at = at.item(index);
        if let Some(last @ (Step::Message | Step::Refuse)) = steps.last() {
            let last = if *last == Step::Refuse { "refuse" } else { "message" };
            reading.refuse(
                &at,
                format!("this step is never reached: {last:?} before it ends the call; take it out"),
            );
            break;
        }
        steps.extend(step(reading, form, &at));
    }
    steps
}

/// Each step can cost a caller its ring time; nobody stays for more.
const MOST_STEPS: usize = 12;

fn step(reading: &mut Reading<'_>, form: &StepForm, at: &At) -> Option<Step> {
    match form {
        StepForm::Word(StepWord::Assistant) => Some(Step::Assistant),
        StepForm::Word(StepWord::Message) => Some(Step::Message),
        StepForm::Word(StepWord::Refuse) => Some(Step::Refuse),
        StepForm::Word(StepWord::Offices) => offices(reading, at).map(Step::Offices),
        StepForm::Ring(form) => ring(reading, form, at),
        StepForm::Queue(form) => queue(reading, form, at),
        StepForm::Forward(form) => forward(reading, form, at),
    }
}

fn queue(reading: &mut Reading<'_>, form: &QueueForm, at: &At) -> Option<Step> {
    let most = format!("{}m", desk::business::LONGEST_WAIT.as_secs() / 60);
    let wait = reading.within(&form.wait, ("30s", &most), &at.key("for"));
    let whom = whom(reading, &form.queue, &at.key("queue"))?;
    Some(only(form.only, Step::Queue { whom, wait }))
}

fn forward(reading: &mut Reading<'_>, form: &ForwardForm, at: &At) -> Option<Step> {
    let ring_for = ring_time(reading, &form.ring_for, at);
    let known: Vec<&str> = reading.file.target.iter().map(|one| one.name.as_str()).collect();
    let name = reading.one_of(Some(&form.forward), &known, "target", &at.key("forward"))?;
    let ring = Step::Ring { whom: Whom::Target(name), ring_for, order: RingOrder::InTurn };
    Some(only(form.only, ring))
}

fn ring_time(reading: &mut Reading<'_>, written: &str, at: &At) -> Duration {
    let most = format!("{}s", desk::business::LONGEST_RING.as_secs());
    reading.within(written, ("5s", &most), &at.key("for"))
}

fn ring(reading: &mut Reading<'_>, form: &RingForm, at: &At) -> Option<Step> {
    let ring_for = ring_time(reading, &form.ring_for, at);
    let whom = whom(reading, &form.ring, &at.key("ring"))?;
    let order = match (form.order, &whom) {
        (Some(OrderForm::Together), _) | (None, Whom::Office(_)) => RingOrder::Together,
        (Some(OrderForm::InTurn), _) | (None, Whom::Person(_) | Whom::Rota(_) | Whom::Target(_)) => {
            RingOrder::InTurn
        }
    };
    let ring = Step::Ring { whom, ring_for, order };
    Some(only(form.only, ring))
}

fn only(whom: Option<OnlyForm>, step: Step) -> Step {
    match whom {
        Some(OnlyForm::Urgent) => Step::Urgent(Box::new(step)),
        None => step,
    }
}

/// Every office that callers can ask for.
fn offices(reading: &mut Reading<'_>, at: &At) -> Option<Arc<Directory>> {
    let file = reading.file;
    let mut offices = Vec::new();
    for form in file.office.iter().filter(|office| !office.known_as.is_empty()) {
        let front = reading.front(&form.name, at)?;
        offices.push((front, form.known_as.clone()));
    }
    let directory = Directory::new(offices).map_err(|error| match error {
        DirectoryError::Count(_) => format!("{error}; give offices the words `known_as`"),
        other => format!("{other}; change the words of `known_as`"),
    });
    reading.taken(directory, at).map(Arc::new)
}

fn whom(reading: &mut Reading<'_>, name: &str, at: &At) -> Option<Whom> {
    let ringable = reading.ringable();
    let kinds: Vec<&str> =
        ringable.iter().filter(|(_, names)| names.contains(name)).map(|(kind, _)| *kind).collect();
    match kinds.as_slice() {
        ["person"] => Some(Whom::Person(name.to_string())),
        ["office"] if staffed(reading, name) => Some(Whom::Office(name.to_string())),
        ["office"] => {
            reading.refuse(
                at,
                format!("nobody belongs to office {name:?}, so nobody would be rung; add a [[person]]"),
            );
            None
        }
        ["rota"] => Some(Whom::Rota(name.to_string())),
        [_, ..] => {
            reading.refuse(
                at,
                format!("{name:?} is a {} and a {}; give one of them another name", kinds[0], kinds[1]),
            );
            None
        }
        [] => {
            let known: Vec<&str> = ringable.iter().flat_map(|(_, names)| names.iter().copied()).collect();
            let says = format!(
                "there is no person, office or rota named {name:?}; {}",
                instead(name, &known, "add a [[person]] of this name")
            );
            reading.refuse(at, says);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use desk::business::{Accept, Business};

    use super::*;
    use crate::config::Config;

    const DESK: &str = r#"
        [business]
        name = "Rivera Plumbing"
        trade = "plumbing"
        timezone = "America/Chicago"
        [[trunk]]
        name = "main"
        accept_from = ["192.0.2.10"]
        [[assistant]]
        name = "Robin"
        [[line]]
        number = "(312) 555-0100"
        office = "main"
        [[office]]
        name = "main"
        hours = "Mo-Fr 08:00-17:00"
    "#;

    fn business(more: &str) -> Business {
        let config = Config::from_text("desk", &format!("{DESK}{more}"), Path::new("")).unwrap();
        Business::clone(&config.business)
    }

    fn said(step: &Step) -> String {
        match step {
            Step::Ring { whom, ring_for, order } => {
                format!("{} {}s {order:?}", whom.name(), ring_for.as_secs())
            }
            Step::Queue { whom, wait } => format!("queue {} {}s", whom.name(), wait.as_secs()),
            Step::Urgent(step) => format!("urgent {}", said(step)),
            Step::Offices(_) => "offices".to_string(),
            Step::Assistant => "assistant".to_string(),
            Step::Message => "message".to_string(),
            Step::Refuse => "refuse".to_string(),
        }
    }

    fn steps(business: &Business, plan: &str) -> Vec<String> {
        let rules = &business.plans[plan].rules;
        rules
            .iter()
            .map(|r| {
                format!("{}: {}", r.when.name(), r.steps.iter().map(said).collect::<Vec<_>>().join(", "))
            })
            .collect()
    }

    #[test]
    fn an_office_without_people_has_an_assistant_and_a_message() {
        let business = business("");
        for plan in ["always", "after-hours", "overflow"] {
            assert_eq!(steps(&business, plan), ["always: assistant, message"], "{plan}");
        }
    }

    #[test]
    fn the_built_in_plans_ring_the_office_while_it_is_open_and_whoever_is_on_call_after_the_assistant() {
        let dana = "[[person]]\nname = \"Dana\"\nreach = [{ to = \"101\" }]\n";
        let without_rota = business(dana);
        assert_eq!(steps(&without_rota, "always"), ["always: assistant, main 20s Together, message"]);
        let business = business(&format!("{dana}[[rota]]\nname = \"on-call\"\npeople = [\"Dana\"]\n"));
        assert_eq!(steps(&business, "always"), ["always: assistant, on-call 20s InTurn, message"]);
        assert_eq!(
            steps(&business, "overflow"),
            [
                "team-busy: assistant, on-call 20s InTurn, message",
                "open: main 15s Together, assistant, on-call 20s InTurn, message",
                "always: assistant, on-call 20s InTurn, message"
            ]
        );
        assert_eq!(
            steps(&business, "after-hours"),
            ["open: main 30s Together, message", "always: assistant, on-call 20s InTurn, message"]
        );
    }

    #[test]
    fn people_are_rung_waited_for_or_replaced_for_urgent_callers_only() {
        let business = business(
            "[[person]]\nname = \"Dana\"\nreach = [{ to = \"101\" }]\n[[target]]\nname = \"service\"\nto = \"+13125550188\"\n\
             [[plan]]\nname = \"door\"\n[[plan.rule]]\nwhen = \"always\"\nsteps = [\"assistant\", \
             { ring = \"Dana\", for = \"20s\", only = \"urgent\" }, { queue = \"Dana\", for = \"5m\", only = \"urgent\" }, \
             { forward = \"service\", for = \"30s\", only = \"urgent\" }, \"message\"]\n",
        );
        assert_eq!(
            steps(&business, "door"),
            [
                "always: assistant, urgent Dana 20s InTurn, urgent queue Dana 300s, urgent service 30s InTurn, message"
            ]
        );
    }

    #[test]
    fn with_several_offices_each_has_its_own_built_in_plans() {
        let business = business(
            "[[office]]\nname = \"north\"\nhours = \"24/7\"\n[[line]]\nnumber = \"+13125550101\"\noffice = \"north\"\n\
             [[person]]\nname = \"Lee\"\noffice = \"north\"\nreach = [{ to = \"+13125550144\" }]\n",
        );
        let plans: Vec<&str> = business.lines.values().map(|line| line.plan.as_str()).collect();
        assert_eq!(plans, ["overflow at main", "overflow at north"]);
        assert_eq!(steps(&business, "overflow at main"), ["always: assistant, message"]);
        assert_eq!(
            steps(&business, "overflow at north")[1],
            "open: north 15s Together, assistant, north 20s Together, message"
        );
        assert_eq!(business.people["Lee"].reach[0].accept, Accept::PressOne);
    }

    #[test]
    fn a_callback_that_is_asked_for_comes_as_it_always_does() {
        let rule = "[[plan]]\nname = \"door\"\n[[plan.rule]]\nwhen = \"always\"\nsteps = [\"message\"]\n";
        let read = |afterwards: &str| {
            let text = format!("{DESK}{rule}afterwards = {afterwards}\n");
            Config::from_text("desk", &text, Path::new(""))
                .map(|config| config.business.plans["door"].rules.len())
        };
        assert_eq!(read("[\"callback\"]").ok(), Some(1));
        assert_eq!(read("[]").ok(), Some(1));
        for (afterwards, says) in [
            ("[\"text-back\"]", "\"text-back\" is not available yet; available is \"callback\""),
            ("[\"callback\", \"callback\"]", "this says the same twice; write [\"callback\"]"),
        ] {
            let refused = read(afterwards).unwrap_err().to_string();
            assert!(refused.ends_with(says), "{refused}");
        }
    }

    #[test]
    fn every_built_in_rule_ends_in_a_message_that_needs_nobody() {
        let business = business("[[person]]\nname = \"Dana\"\nreach = [{ to = \"sip:dana@192.0.2.20\" }]\n");
        let last = business.plans.values().flat_map(|plan| &plan.rules).map(|rule| rule.steps.last());
        assert!(last.into_iter().all(|step| step == Some(&Step::Message)));
    }
}
