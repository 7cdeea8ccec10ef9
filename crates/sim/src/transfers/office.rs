//! A small office for one transfer: one line, a person or two, and what the transfer's fate needs of it.

use std::sync::Arc;
use std::time::Duration;

use desk::business::{
    Accept, Arrives, Assistant, Business, Keeping, Kept, Line, Office, Person, Plan, Reach, RingOrder, Rule,
    Step, When, Whom,
};
use desk::greeting::Greeting;
use desk::hours::OfficeHours;
use desk::intake::Template;
use desk::number::{Country, E164};
use jiff::tz::TimeZone;
use line::{Outbound, Setup, Trunk};

use super::fate::Fate;
use crate::chance::Chance;
use crate::shop;

/// How long a phone rings here.
pub(super) const RINGS: Duration = Duration::from_secs(18);
/// The number that is dialled.
pub(super) const LINE: &str = "+13125550100";
/// Whom the caller is put through to, and who is rung beside.
pub(super) const DANA: &str = "+13125550143";
pub(super) const LEE: &str = "102";

/// What every office shares.
#[derive(Clone, Debug)]
pub(super) struct Offices {
    zone: TimeZone,
    hours: Arc<OfficeHours>,
    intake: Arc<Template>,
    line: E164,
}

/// What is up to chance about one office.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit {
    pub asks_for_key: bool,
    pub rings_first: bool,
    pub together: bool,
}

impl Habit {
    pub fn of(fate: Fate, chance: &mut Chance) -> Habit {
        let (key, first) = (chance.hits(0.5), chance.hits(0.3));
        Habit {
            asks_for_key: fate.asks_for_key().unwrap_or(key),
            rings_first: fate.rings_first().unwrap_or(first),
            together: fate == Fate::TwoPickUp,
        }
    }
}

impl Offices {
    pub fn new() -> Option<Offices> {
        let zone = TimeZone::get("America/Chicago").ok()?;
        let hours = OfficeHours::parse("24/7", &[], Country::US, zone.clone()).ok()?;
        let line = E164::parse(LINE, Country::US).ok()?;
        Some(Offices { zone, hours: Arc::new(hours), intake: Arc::new(Template::plumbing()), line })
    }

    pub fn setup(&self, fate: Fate, habit: Habit) -> Setup {
        let outbound = Outbound {
            paths: sip::Targets::only(shop::path()),
            domain: "192.0.2.2".to_string(),
            account: None,
        };
        let trunk = Trunk { outbound: Some(outbound), ..Trunk::default() };
        Setup {
            business: Arc::new(self.business(fate, habit)),
            country: Country::US,
            trunks: [("main".to_string(), trunk)].into(),
            diaries: [].into(),
            salt: 0,
            when_late: line::WhenLate::default(),
        }
    }

    fn business(&self, fate: Fate, habit: Habit) -> Business {
        let reach = |to: &str| Reach {
            to: to.to_string(),
            via: "main".to_string(),
            accept: if habit.asks_for_key { Accept::PressOne } else { Accept::PickUp },
        };
        let person = |to: &str| Person { office: "main".to_string(), reach: vec![reach(to)] };
        let people = [("Dana".to_string(), person(DANA)), ("Lee".to_string(), person(LEE))];
        let line = Line {
            trunk: "main".to_string(),
            office: "main".to_string(),
            plan: "only".to_string(),
            assistant: "Robin".to_string(),
            arrives: Arrives::Direct,
        };
        let assistant = Assistant {
            greeting: Greeting::of(
                "Rivera Plumbing. This is Robin, the automated assistant. How can I help?",
            ),
            voice: "slt".to_string(),
            intake: Arc::clone(&self.intake),
        };
        let rule = Rule { when: When::Always, steps: steps(habit) };
        Business {
            name: "Rivera Plumbing".to_string(),
            zone: self.zone.clone(),
            offices: [("main".to_string(), Office { hours: Arc::clone(&self.hours), calendar: None })].into(),
            people: people.into(),
            rotas: [].into(),
            lines: [(self.line.clone(), line)].into(),
            targets: [].into(),
            callers: [].into(),
            plans: [("only".to_string(), Plan { rules: vec![rule] })].into(),
            assistants: [("Robin".to_string(), assistant)].into(),
            channels: [("main".to_string(), channels(fate))].into(),
            hand_over: fate.is_left_to_the_trunk().then(|| "main".to_string()).into_iter().collect(),
            keeping: Keeping { transcripts: Kept::Announced, calls: Kept::Never, bridged: Kept::Never },
        }
    }
}

/// Enough for the caller, the person and one more, where nothing else is wanted.
fn channels(fate: Fate) -> u32 {
    match fate {
        _ if fate.lacks_a_channel() => 1,
        Fate::Joined(_) => 2,
        _ => 3,
    }
}

fn steps(habit: Habit) -> Vec<Step> {
    let (whom, order) = match habit.together {
        true => (Whom::Office("main".to_string()), RingOrder::Together),
        false => (Whom::Person("Dana".to_string()), RingOrder::InTurn),
    };
    let ring = Step::Ring { whom, ring_for: RINGS, order };
    match habit.rings_first {
        true => vec![ring, Step::Assistant, Step::Message],
        false => vec![Step::Assistant, ring, Step::Message],
    }
}
