//! A business to imagine calls for: what the exchange is set up with, and which lines ring how often.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use desk::booking::{Diary, DiaryRules};
use desk::business::{
    Accept, Arrives, Assistant, Business, Keeping, Kept, Line, Office, Person, Plan, Reach, RingOrder, Rota,
    Rule, Step, Turn, When, Whom,
};
use desk::greeting::Greeting;
use desk::hours::OfficeHours;
use desk::intake::Template;
use desk::number::{Country, E164};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use line::{Outbound, Setup, Trunk};

/// A business with its calendars, as configured.
#[derive(Clone, Debug)]
pub struct Shop {
    /// In the desk's words.
    pub business: Arc<Business>,
    /// How a number without + is read.
    pub country: Country,
    /// Where visits are booked.
    pub calendars: Vec<DiaryRules>,
    /// Trunks that people can be called over.
    pub outbound: Vec<String>,
}

/// Our side of every imagined path.
const OURS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);
/// The carrier's side.
const THEIRS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 5060);

/// What keys would be taken from. Nobody here encrypts, so it need not be secret.
pub(crate) fn secrets() -> sip::sdp::Secrets {
    sip::sdp::Secrets::new([7; sip::sdp::Secrets::LEN])
}

pub(crate) fn path() -> sip::Path {
    sip::Path::udp(OURS, THEIRS)
}

impl Shop {
    /// Every office, and how many people it has.
    pub(crate) fn staff(&self) -> impl Iterator<Item = (String, usize)> {
        let people =
            |office: &str| self.business.people.values().filter(|person| person.office == office).count();
        self.business.offices.keys().map(move |office| (office.clone(), people(office)))
    }

    /// The imagined host of a trunk.
    fn host_of(&self, trunk: &str) -> String {
        let place = self.business.channels.keys().position(|name| name == trunk).unwrap_or_default();
        format!("trunk{place}.example.com")
    }

    /// The trunk whose imagined host this is.
    pub(crate) fn trunk_at(&self, host: &str) -> Option<String> {
        self.business.channels.keys().find(|trunk| self.host_of(trunk) == host).cloned()
    }

    /// The person or the target that is reached at this number or address; itself if nobody is.
    pub(crate) fn who_is_at(&self, to: &str) -> String {
        let people = self.business.people.iter();
        let person = people.filter(|(_, person)| person.reach.iter().any(|reach| reach.to == to));
        let target = self.business.targets.iter().filter(|(_, reach)| reach.to == to);
        let mut names = person.map(|(name, _)| name).chain(target.map(|(name, _)| name));
        names.next().cloned().unwrap_or_else(|| to.to_string())
    }

    /// What an exchange of this shop starts with: empty diaries.
    pub fn setup(&self) -> Setup {
        let trunk = |name: &String| {
            let outbound = self.outbound.contains(name);
            let outbound = outbound.then(|| Outbound {
                paths: sip::Targets::only(path()),
                domain: self.host_of(name),
                account: None,
            });
            (name.clone(), Trunk { outbound, ..Trunk::default() })
        };
        let diary = |rules: &DiaryRules| (rules.calendar.clone(), Diary::new(rules.clone()));
        Setup {
            business: Arc::clone(&self.business),
            country: self.country,
            trunks: self.business.channels.keys().map(trunk).collect(),
            diaries: self.calendars.iter().map(diary).collect(),
            salt: 0,
            when_late: line::WhenLate::default(),
        }
    }

    /// A plumber: one office, two people, an on-call rota, an assistant who books.
    ///
    /// Three lines: one the assistant answers, one the team answers first, one that only rings people.
    ///
    /// # Panics
    /// Never: a test builds this very shop.
    pub fn plumber() -> Shop {
        let zone = TimeZone::get("America/Chicago").expect("the tables are built in");
        let hours =
            OfficeHours::parse("Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off", &[], Country::US, zone.clone())
                .expect("a test reads these hours");
        let hours = Arc::new(hours);
        let hour = |hours: u64| Duration::from_secs(hours * 3600);
        let rules = DiaryRules {
            tenant: "Rivera Plumbing".to_string(),
            calendar: "jobs".to_string(),
            hours: Arc::clone(&hours),
            visit: hour(2),
            lead: hour(2),
            horizon: hour(24 * 14),
            crews: 2,
            offers: 3,
        };
        let business = Business {
            name: "Rivera Plumbing".to_string(),
            zone,
            offices: [("main".to_string(), Office { hours, calendar: Some("jobs".to_string()) })].into(),
            people: people(),
            rotas: [("on-call".to_string(), rota())].into(),
            lines: lines(),
            targets: BTreeMap::new(),
            callers: BTreeMap::new(),
            plans: plans(),
            assistants: [("Robin".to_string(), assistant())].into(),
            channels: [("main".to_string(), 6), ("pbx".to_string(), 3)].into(),
            hand_over: [].into(),
            keeping: Keeping { transcripts: Kept::Announced, calls: Kept::Never, bridged: Kept::Never },
        };
        let outbound = vec!["main".to_string(), "pbx".to_string()];
        Shop { business: Arc::new(business), country: Country::US, calendars: vec![rules], outbound }
    }
}

fn people() -> BTreeMap<String, Person> {
    let reach =
        |to: &str, via: &str, accept: Accept| Reach { to: to.to_string(), via: via.to_string(), accept };
    let person = |reach: Vec<Reach>| Person { office: "main".to_string(), reach };
    let dana =
        person(vec![reach("101", "pbx", Accept::PickUp), reach("+13125550143", "main", Accept::PressOne)]);
    let lee = person(vec![reach("102", "pbx", Accept::PickUp)]);
    [("Dana".to_string(), dana), ("Lee".to_string(), lee)].into()
}

fn rota() -> Rota {
    let from = Date::constant(2026, 1, 5);
    Rota { people: vec!["Dana".to_string(), "Lee".to_string()], turn: Turn::Weekly(from) }
}

fn assistant() -> Assistant {
    let greeting = "Thanks for calling Rivera Plumbing. This is Robin, the automated assistant. \
                    This call is transcribed. How can I help?";
    Assistant {
        greeting: Greeting::of(greeting),
        voice: "slt".to_string(),
        intake: Arc::new(Template::plumbing()),
    }
}

fn lines() -> BTreeMap<E164, Line> {
    let plans = [
        ("+13125550100", "assistant", Arrives::Direct),
        ("+13125550101", "team-first", Arrives::Direct),
        ("+13125550102", "people", Arrives::Forwarded),
    ];
    let line = |(number, plan, arrives): (&str, &str, Arrives)| {
        let number = E164::parse(number, Country::US).ok()?;
        let line = Line {
            trunk: "main".to_string(),
            office: "main".to_string(),
            plan: plan.to_string(),
            assistant: "Robin".to_string(),
            arrives,
        };
        Some((number, line))
    };
    plans.into_iter().filter_map(line).collect()
}

fn plans() -> BTreeMap<String, Plan> {
    let ring = |whom: Whom, seconds: u64, order: RingOrder| Step::Ring {
        whom,
        ring_for: Duration::from_secs(seconds),
        order,
    };
    let on_call = || ring(Whom::Rota("on-call".to_string()), 25, RingOrder::InTurn);
    let team = || ring(Whom::Office("main".to_string()), 15, RingOrder::Together);
    let always = |steps: Vec<Step>| Rule { when: When::Always, steps };
    let served = || vec![Step::Assistant, on_call(), Step::Message];
    let open = Rule { when: When::Open, steps: [vec![team()], served()].concat() };
    let plans = [
        ("assistant", vec![always(served())]),
        ("team-first", vec![open, always(served())]),
        ("people", vec![always(vec![ring(Whom::Person("Lee".to_string()), 20, RingOrder::InTurn)])]),
    ];
    plans.into_iter().map(|(name, rules)| (name.to_string(), Plan { rules })).collect()
}

impl Shop {
    /// A shop as it is configured. Every trunk is imagined to reach whoever is called over it.
    pub fn new(business: Arc<Business>, country: Country, calendars: Vec<DiaryRules>) -> Shop {
        let outbound = business.channels.keys().cloned().collect();
        Shop { business, country, calendars, outbound }
    }
}
