//! Businesses that nobody has opened yet: offices, hours, people, rotas, channels, rules and steps drawn by chance, as an owner
//! might put them together, each lived through a day with every fault of a rehearsal and every promise held against it.
//!
//! `FIRSTRING_SOAK_DAYS` says how many; `FIRSTRING_SOAK_SEED` where their seeds begin.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop, and may look at its environment"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use desk::booking::DiaryRules;
use desk::business::{
    Accept, Arrives, Business, Front, Keeping, Kept, KnownCaller, Line, Office, Person, Plan, Reach,
    RingOrder, Rota, Rule, Step, Turn, When, Whom,
};
use desk::greeting::Greeting;
use desk::hours::OfficeHours;
use desk::intake::Directory;
use desk::number::Country;
use desk::record::Outcome;
use desk::sayings;
use jiff::civil::date;
use jiff::tz::TimeZone;
use sim::{Alone, Chance, Fault, Faults, Report, Shop, World};

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn one_of<T: Clone>(chance: &mut Chance, from: &[T]) -> T {
    chance.pick(from).cloned().unwrap()
}

/// The plumber, and an answering service that calls can be sent on to.
fn plumber() -> Business {
    let mut business = (*Shop::plumber().business).clone();
    business.targets.insert("answering service".to_string(), answering_service("main"));
    business
}

fn answering_service(via: &str) -> Reach {
    Reach { to: "+13125550177".to_string(), via: via.to_string(), accept: Accept::PickUp }
}

fn seconds(chance: &mut Chance, least: u64, most: u64) -> Duration {
    Duration::from_secs(least + chance.below(most as usize - least as usize + 1) as u64)
}

// --- plans ---

/// Everybody a step can name who leads to somebody.
fn ringable(business: &Business) -> Vec<Whom> {
    let people = business.people.keys().cloned().map(Whom::Person);
    let staffed = business.offices.keys().filter(|office| !business.staff(office).is_empty());
    let offices = staffed.cloned().map(Whom::Office);
    people.chain(offices).chain(business.rotas.keys().cloned().map(Whom::Rota)).collect()
}

fn step(chance: &mut Chance, business: &Business) -> Step {
    let order = one_of(chance, &[RingOrder::Together, RingOrder::InTurn]);
    let whom = chance.pick(&ringable(business)).cloned();
    let step = match (chance.below(8), whom) {
        (0..=2, Some(whom)) => Step::Ring { whom, ring_for: seconds(chance, 5, 40), order },
        (3, _) => {
            let whom = Whom::Target("answering service".to_string());
            Step::Ring { whom, ring_for: seconds(chance, 5, 40), order }
        }
        (4, Some(whom)) => Step::Queue { whom, wait: seconds(chance, 30, 300) },
        (5..=7, _) | (_, None) => return Step::Assistant,
        (_, Some(_)) => return Step::Message,
    };
    if chance.hits(0.2) { Step::Urgent(Box::new(step)) } else { step }
}

/// A few steps, often with one at the end that needs nobody.
fn steps(chance: &mut Chance, business: &Business) -> Vec<Step> {
    let many = 1 + chance.below(4);
    let mut steps: Vec<Step> = (0..many).map(|_| step(chance, business)).collect();
    match chance.below(10) {
        0..=4 => steps.push(Step::Message),
        5 => steps.push(Step::Refuse),
        _ => {}
    }
    steps
}

fn plan(chance: &mut Chance, business: &Business) -> Plan {
    let mut rules = Vec::new();
    for when in [When::Suspect, When::TeamBusy, When::KnownCaller, When::Holiday, When::Open, When::Closed] {
        if chance.hits(0.4) {
            rules.push(Rule { when, steps: steps(chance, business) });
        }
    }
    if chance.hits(0.9) {
        rules.push(Rule { when: When::Always, steps: steps(chance, business) });
    }
    Plan { rules }
}

/// By name, as the lines of the plumber name them.
fn plans(mut plan: impl FnMut() -> Plan) -> BTreeMap<String, Plan> {
    ["assistant", "team-first", "people"].map(|name| (name.to_string(), plan())).into()
}

// --- offices ---

const OFFICES: [&str; 3] = ["main", "north", "lakeview"];
const PEOPLE: [&str; 5] = ["Dana", "Ines", "Lee", "Omar", "Ruth"];
const HOURS: [&str; 8] = [
    "Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off",
    "24/7",
    "24/7; PH off",
    "Mo-Su 22:00-06:00",
    "Fr-Sa 18:00-03:00; PH off; PH -1 day off",
    "Jan-Mar Mo-Fr 09:00-17:00; Apr-Dec Tu-Th 10:00-12:00,13:00-15:00",
    "Mo[1] 09:00-12:00",
    "off",
];
const EXCEPTIONS: [&str; 3] =
    ["2026 Dec 24 12:00-24:00 off", "2026 Mar 01-2026 Apr 30 off", "2026 Nov 01 00:00-04:00"];
const ZONES: [&str; 4] = ["America/Chicago", "America/Denver", "Europe/London", "Asia/Kolkata"];
const TRUNKS: [&str; 3] = ["main", "pbx", "spare"];

fn office(chance: &mut Chance, name: &str) -> (String, Office) {
    let zone = TimeZone::get(one_of(chance, &ZONES)).unwrap();
    let except: Vec<String> =
        EXCEPTIONS.iter().filter(|_| chance.hits(0.2)).map(|text| text.to_string()).collect();
    let hours = OfficeHours::parse(one_of(chance, &HOURS), &except, Country::US, zone).unwrap();
    let calendar = chance.hits(0.8).then(|| format!("visits {name}"));
    (name.to_string(), Office { hours: Arc::new(hours), calendar })
}

fn reach(chance: &mut Chance, place: usize, nth: usize) -> Reach {
    let number = 10 * place + nth;
    let to = match chance.below(3) {
        0 => format!("+131255501{number:02}"),
        1 => format!("2{number:02}"),
        _ => format!("sip:p{number}@192.0.2.20"),
    };
    let accept = one_of(chance, &[Accept::PickUp, Accept::PressOne]);
    Reach { to, via: one_of(chance, &TRUNKS).to_string(), accept }
}

fn person(chance: &mut Chance, place: usize) -> Person {
    let many = 1 + chance.below(3);
    let reach = (0..many).map(|nth| reach(chance, place, nth)).collect();
    Person { office: one_of(chance, &OFFICES).to_string(), reach }
}

fn rota(chance: &mut Chance, people: &BTreeMap<String, Person>) -> Rota {
    let from = date(2026, 1, 5);
    let turn = one_of(chance, &[Turn::InOrder, Turn::Daily(from), Turn::Weekly(from)]);
    Rota { people: people.keys().cloned().collect(), turn }
}

fn front(office: &str) -> Front {
    Front { office: office.to_string(), plan: format!("at {office}"), assistant: "Robin".to_string() }
}

/// The words by which callers choose among the offices.
fn directory() -> Arc<Directory> {
    let words = [("main", "downtown"), ("north", "north side"), ("lakeview", "lake view")];
    let doors = words.map(|(office, word)| (front(office), vec![word.to_string()]));
    Arc::new(Directory::new(doors.into()).unwrap())
}

fn line(chance: &mut Chance, plans: &[String]) -> Line {
    Line {
        trunk: one_of(chance, &TRUNKS).to_string(),
        office: one_of(chance, &OFFICES).to_string(),
        plan: one_of(chance, plans),
        assistant: "Robin".to_string(),
        arrives: one_of(chance, &[Arrives::Direct, Arrives::Forwarded]),
    }
}

fn keeping(chance: &mut Chance) -> Keeping {
    let mut kept = || one_of(chance, &[Kept::Never, Kept::Announced]);
    Keeping { transcripts: kept(), calls: kept(), bridged: kept() }
}

/// Callers the owner has told of: one who is known, one who is blocked, and one office's client.
fn callers() -> BTreeMap<desk::number::E164, KnownCaller> {
    let known =
        [KnownCaller::Known { plan: None }, KnownCaller::Blocked, KnownCaller::Client(front("north"))];
    let numbers = ["+13125550191", "+13125550192", "+13125550193"].map(|number| number.parse().unwrap());
    numbers.into_iter().zip(known).collect()
}

/// Three offices of every kind, behind a main number where callers choose.
fn business(chance: &mut Chance) -> Business {
    let mut business = plumber();
    business.keeping = keeping(chance);
    if business.keeping.calls == Kept::Announced
        && let Some(robin) = business.assistants.get_mut("Robin")
    {
        let told = robin.greeting.text().replace("How can", &format!("{} How can", sayings::RECORDED));
        robin.greeting = Greeting::of(&told);
    }
    business.offices = OFFICES.iter().map(|name| office(chance, name)).collect();
    let many = chance.below(PEOPLE.len() + 1);
    let people = PEOPLE.iter().take(many).enumerate();
    business.people = people.map(|(place, name)| (name.to_string(), person(chance, place))).collect();
    business.rotas.clear();
    if !business.people.is_empty() {
        business.rotas.insert("on-call".to_string(), rota(chance, &business.people));
    }
    business.targets.insert("answering service".to_string(), answering_service(one_of(chance, &TRUNKS)));
    business.channels = TRUNKS.iter().map(|name| (name.to_string(), 1 + chance.below(8) as u32)).collect();
    business.hand_over = TRUNKS.iter().filter(|_| chance.hits(0.2)).map(|name| name.to_string()).collect();
    business.callers = callers();
    let mut plans: BTreeMap<String, Plan> =
        OFFICES.iter().map(|office| (format!("at {office}"), plan(chance, &business))).collect();
    let asked = [vec![Step::Offices(directory())], steps(chance, &business)].concat();
    let main_number = Plan { rules: vec![Rule { when: When::Always, steps: asked }] };
    plans.insert("main number".to_string(), main_number);
    let names: Vec<String> = plans.keys().cloned().collect();
    business.plans = plans;
    for line_of in business.lines.values_mut() {
        *line_of = line(chance, &names);
    }
    business
}

/// Where visits are booked that take five minutes or a day.
fn calendars(chance: &mut Chance, business: &Business) -> Vec<DiaryRules> {
    let hour = |hours: u64| Duration::from_secs(hours * 3_600);
    let rules = |(_, office): (&String, &Office)| {
        Some(DiaryRules {
            tenant: business.name.clone(),
            calendar: office.calendar.clone()?,
            hours: Arc::clone(&office.hours),
            visit: one_of(chance, &[Duration::from_secs(300), hour(2), hour(24)]),
            lead: one_of(chance, &[hour(0), hour(2)]),
            horizon: one_of(chance, &[hour(48), hour(24 * 14)]),
            crews: one_of(chance, &[1, 2, 9]),
            offers: 3,
        })
    };
    business.offices.iter().filter_map(rules).collect()
}

fn shop(chance: &mut Chance) -> Shop {
    let business = business(chance);
    let calendars = calendars(chance, &business);
    Shop::new(Arc::new(business), Country::US, calendars)
}

// --- days ---

/// Lives one day in each of these worlds; stops at the first broken promise with its seed and its journal.
fn live(world: impl Fn(&mut Chance) -> (World, String), (faults, many): (&Faults, u64)) -> Report {
    let mut report = Report::default();
    let first = number("FIRSTRING_SOAK_SEED", 1);
    for seed in first..first + number("FIRSTRING_SOAK_DAYS", many) {
        let (world, told) = world(&mut Chance::new(seed));
        match world.day(seed, faults) {
            Ok(day) => report.add(&day),
            Err(trouble) => panic!("{trouble}\nby {told}"),
        }
        let arrived =
            report.alone(Alone::PickedUp) + report.alone(Alone::Closed) + report.alone(Alone::AllBusy);
        assert_eq!(arrived, report.calls + report.turned_away, "every call counts once, seed {seed}");
    }
    assert!(report.longest_silence < Duration::from_secs(4), "{:?}", report.longest_silence);
    assert!(report.ended(Outcome::Lost) * 500 <= report.calls, "{:#?}", report.outcomes);
    report
}

/// Days of the plumber by other plans.
fn planned(
    calls: usize,
    plans: impl Fn(&mut Chance) -> BTreeMap<String, Plan>,
    days: (&Faults, u64),
) -> Report {
    let shop = Shop { business: Arc::new(plumber()), ..Shop::plumber() };
    let world = World::new(shop).calling(calls);
    let by = |chance: &mut Chance| {
        let plans = plans(chance);
        (world.planned(plans.clone()), format!("{plans:?}"))
    };
    live(by, days)
}

/// Days of businesses of every shape.
fn opened(calls: usize, days: (&Faults, u64)) -> Report {
    let first = World::new(shop(&mut Chance::new(1))).calling(calls);
    let by = |chance: &mut Chance| {
        let shop = shop(chance);
        let told = format!("{:?}", shop.business.plans);
        (first.moved_to(shop), told)
    };
    live(by, days)
}

#[test]
fn a_plan_of_any_shape_keeps_every_promise_when_everything_goes_wrong() {
    let business = plumber();
    let any = |chance: &mut Chance| plans(|| plan(chance, &business));
    let report = planned(100, any, (&Faults::rehearsal(), 60));
    let declined = report.thrown.get(&Fault::PersonDeclines);
    assert!(declined.is_some_and(|times| *times > 100), "{:?}", report.thrown);
}

#[test]
fn a_plan_of_any_shape_keeps_every_promise_on_a_perfect_day() {
    let business = plumber();
    let any = |chance: &mut Chance| plans(|| plan(chance, &business));
    let report = planned(100, any, (&Faults::none(), 40));
    assert_eq!(report.ended(Outcome::Lost), 0);
}

#[test]
fn a_business_of_any_shape_keeps_every_promise_when_everything_goes_wrong() {
    let report = opened(100, (&Faults::rehearsal(), 80));
    for outcome in [Outcome::Booked, Outcome::Transferred, Outcome::Message, Outcome::Refused] {
        assert!(report.ended(outcome) > 20, "{outcome:?}: {:#?}", report.outcomes);
    }
}

#[test]
fn a_business_of_any_shape_keeps_every_promise_on_a_perfect_day() {
    let report = opened(100, (&Faults::none(), 40));
    assert_eq!(report.ended(Outcome::Lost), 0);
}

/// Everybody waits for somebody of the team first.
fn queueing(wait: Duration) -> Plan {
    let queue = Step::Queue { whom: Whom::Office("main".to_string()), wait };
    Plan { rules: vec![Rule { when: When::Always, steps: vec![queue, Step::Assistant, Step::Message] }] }
}

#[test]
fn callers_in_a_queue_are_put_through_or_helped_otherwise_and_none_is_forgotten() {
    let all = |chance: &mut Chance| {
        let wait = seconds(chance, 30, 90);
        plans(|| queueing(wait))
    };
    let report = planned(400, all, (&Faults::rehearsal(), 20));
    let through = report.ended(Outcome::Transferred);
    assert!(through * 4 > report.calls && through * 10 < 9 * report.calls, "{:#?}", report.outcomes);
}
