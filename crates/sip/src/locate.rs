//! Where calls and registrations for a host go: RFC 3263 section 4, with the weights of RFC 2782.
//!
//! A [`Search`] says what name servers are to be asked, and makes [`Targets`] of what they answer; asking is the shell's
//! work. Targets are put in order anew for each use, because that is how weights spread calls. Which of them failed
//! lately is kept in [`Penalties`].
//!
//! Invariants: a search asks a bounded number of questions, wherever records point; an order holds each target once,
//! and never leaves one out because it failed: a door that is closed is better than none.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::order::Transport;

/// The name of a transport's SRV records, before the host. RFC 3263 section 4.1.
fn in_srv(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "_sip._udp.",
        Transport::Tcp => "_sip._tcp.",
        Transport::Tls => "_sips._tcp.",
    }
}

/// How a NAPTR record names it. RFC 3263 section 4.1.
fn in_naptr(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "SIP+D2U",
        Transport::Tcp => "SIP+D2T",
        Transport::Tls => "SIPS+D2T",
    }
}

/// Something to ask a name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name, without a dot at its end.
    pub name: String,
    /// The kind of record.
    pub kind: RecordKind,
}

/// The kinds of records that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RecordKind {
    Naptr,
    Srv,
    A,
    Aaaa,
}

/// One record of an answer; names without a dot at their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// RFC 3403.
    Naptr {
        /// The lowest first.
        order: u16,
        /// Among equals of order, the lowest first.
        preference: u16,
        /// `s` leads to an SRV record.
        flags: String,
        /// For instance `SIP+D2U`.
        service: String,
        /// Where it leads.
        replacement: String,
    },
    /// RFC 2782.
    Srv {
        /// The lowest first.
        priority: u16,
        /// The share among equals.
        weight: u16,
        /// The port.
        port: u16,
        /// The host; empty: there is decidedly no such service.
        target: String,
    },
    /// A or AAAA.
    Address(IpAddr),
}

/// What name servers said to one question. No record at all means that there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The records.
    pub records: Vec<Record>,
    /// For how long they hold.
    pub lasts: Duration,
}

/// SRV names taken from NAPTR records, and hosts taken from SRV records: no more are asked for.
const MOST_SERVICES: usize = 4;
const MOST_HOSTS: usize = 16;
/// Addresses of one host: no more are taken.
const MOST_ADDRESSES: usize = 8;

/// A search under way. Ask all [`questions`](Search::questions), side by side, hand in what came of them, and go on
/// until there are none.
#[derive(Debug)]
pub struct Search {
    host: String,
    transport: Transport,
    step: Step,
    questions: Vec<Question>,
    hosts: Vec<Host>,
    lasts: Option<Duration>,
    whole: bool,
    refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Naptr,
    Srv,
    Addresses,
    Over,
}

/// A host to be asked for its addresses.
#[derive(Debug)]
struct Host {
    name: String,
    port: u16,
    priority: u32,
    weight: u16,
    addresses: Vec<IpAddr>,
}

/// What a search has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where to go; may be empty.
    pub targets: Targets<SocketAddr>,
    /// For how long that holds; `None`: for ever, nobody was asked.
    pub lasts: Option<Duration>,
    /// Every question was answered. If not, what was known before may be better.
    pub whole: bool,
    /// The host says that it decidedly takes no calls this way (RFC 2782, a target of `.`).
    pub refused: bool,
}

impl Search {
    /// Looks for a host. One with a port, or an address, has no services to be asked for (RFC 3263 section 4.2).
    pub fn new(host: &str, port: Option<u16>, transport: Transport) -> Search {
        let mut search = Search {
            host: host.to_owned(),
            transport,
            step: Step::Naptr,
            questions: vec![Question { name: host.to_owned(), kind: RecordKind::Naptr }],
            hosts: Vec::new(),
            lasts: None,
            whole: true,
            refused: false,
        };
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if let Ok(address) = literal {
            search.hosts = vec![search.bare(port)];
            search.hosts[0].addresses.push(address);
            search.go_over();
        } else if port.is_some() {
            search.hosts = vec![search.bare(port)];
            search.ask_for_addresses();
        }
        search
    }

    /// The addresses of a host alone, whatever services it has.
    pub fn addresses(host: &str) -> Search {
        Search::new(host, Some(Transport::Udp.default_port()), Transport::Udp)
    }

    /// What is to be asked now; nothing when the search is over.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// What came of the questions, in their order; `None` where no server could say.
    pub fn answered(&mut self, answers: Vec<Option<Answer>>) {
        self.whole &= answers.len() == self.questions.len() && answers.iter().all(Option::is_some);
        let shortest = answers.iter().flatten().map(|answer| answer.lasts).min();
        self.lasts = self.lasts.into_iter().chain(shortest).min();
        match self.step {
            Step::Naptr => self.services(answers),
            Step::Srv => self.hosts_of(answers),
            Step::Addresses => self.addresses_of(answers),
            Step::Over => {}
        }
    }

    /// What was found, once there are no questions left.
    pub fn found(self) -> Found {
        let mut targets: Vec<_> = self.hosts.into_iter().filter_map(Host::target).collect();
        targets.sort();
        Found { targets: Targets(targets), lasts: self.lasts, whole: self.whole, refused: self.refused }
    }

    fn bare(&self, port: Option<u16>) -> Host {
        let port = port.unwrap_or(self.transport.default_port());
        Host { name: self.host.clone(), port, priority: 0, weight: 0, addresses: Vec::new() }
    }

    /// The services that NAPTR records lead to; without any, the one it has by custom.
    fn services(&mut self, answers: Vec<Option<Answer>>) {
        let mut found: Vec<(u16, u16, String)> = Vec::new();
        for record in answers.into_iter().flatten().flat_map(|answer| answer.records) {
            let Record::Naptr { order, preference, flags, service, replacement } = record else { continue };
            let fits = service.eq_ignore_ascii_case(in_naptr(self.transport));
            if fits && flags.eq_ignore_ascii_case("s") && !replacement.is_empty() {
                found.push((order, preference, replacement));
            }
        }
        found.sort();
        found.dedup_by(|one, other| one.2 == other.2);
        found.truncate(MOST_SERVICES);
        if found.is_empty() {
            found.push((0, 0, format!("{}{}", in_srv(self.transport), self.host)));
        }
        self.step = Step::Srv;
        let srv = |(_, _, name)| Question { name, kind: RecordKind::Srv };
        self.questions = found.into_iter().map(srv).collect();
    }

    /// The hosts that SRV records lead to; without any, the host itself.
    fn hosts_of(&mut self, answers: Vec<Option<Answer>>) {
        let mut refused = false;
        for (nth, answer) in answers.into_iter().enumerate() {
            for record in answer.into_iter().flat_map(|answer| answer.records) {
                let Record::Srv { priority, weight, port, target } = record else { continue };
                refused |= target.is_empty();
                if target.is_empty() || port == 0 || self.hosts.len() >= MOST_HOSTS {
                    continue;
                }
                // What an earlier NAPTR record leads to comes first, whatever the priorities below it.
                let priority = (nth as u32) << 16 | u32::from(priority);
                self.hosts.push(Host { name: target, port, priority, weight, addresses: Vec::new() });
            }
        }
        if self.hosts.is_empty() && refused {
            self.refused = true;
            return self.go_over();
        }
        if self.hosts.is_empty() {
            self.hosts.push(self.bare(None));
        }
        self.ask_for_addresses();
    }

    fn ask_for_addresses(&mut self) {
        self.step = Step::Addresses;
        let both = |host: &Host| {
            [RecordKind::A, RecordKind::Aaaa].map(|kind| Question { name: host.name.clone(), kind })
        };
        self.questions = self.hosts.iter().flat_map(both).collect();
    }

    fn addresses_of(&mut self, answers: Vec<Option<Answer>>) {
        for (host, answers) in self.hosts.iter_mut().zip(answers.chunks(2)) {
            let records = answers.iter().flatten().flat_map(|answer| &answer.records);
            let usable = records.filter_map(|record| match record {
                Record::Address(address) => {
                    Some(*address).filter(|ip| !ip.is_unspecified() && !ip.is_multicast())
                }
                Record::Naptr { .. } | Record::Srv { .. } => None,
            });
            host.addresses = usable.take(MOST_ADDRESSES).collect();
        }
        self.go_over();
    }

    fn go_over(&mut self) {
        self.step = Step::Over;
        self.questions.clear();
    }
}

impl Host {
    fn target(self) -> Option<Target<SocketAddr>> {
        let port = self.port;
        let mut places: Vec<_> =
            self.addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect();
        places.sort();
        places.dedup();
        let (priority, weight) = (self.priority, self.weight);
        (!places.is_empty()).then_some(Target { priority, weight, places })
    }
}

/// Where something may go, with priorities and weights. Two that say the same are equal, in whatever order name servers
/// told them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets<T>(Vec<Target<T>>);

impl<T> Default for Targets<T> {
    fn default() -> Self {
        Targets(Vec::new())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target<T> {
    priority: u32,
    weight: u16,
    /// One host's; any will do.
    places: Vec<T>,
}

impl<T: Copy + PartialEq> Targets<T> {
    /// A single one.
    pub fn only(place: T) -> Targets<T> {
        Targets(vec![Target { priority: 0, weight: 0, places: vec![place] }])
    }

    /// True if there is nowhere to go.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, the best priority first.
    pub fn iter(&self) -> impl Iterator<Item = T> {
        self.0.iter().flat_map(|target| &target.places).copied()
    }

    /// The same for another kind of place; those for which there is none are left out.
    pub fn filter_map<U>(&self, mut of: impl FnMut(T) -> Option<U>) -> Targets<U> {
        let mut targets = Vec::new();
        for Target { priority, weight, places } in &self.0 {
            let places: Vec<U> = places.iter().filter_map(|place| of(*place)).collect();
            if !places.is_empty() {
                targets.push(Target { priority: *priority, weight: *weight, places });
            }
        }
        Targets(targets)
    }

    /// All of them in the order in which they are to be tried this time, each once: by priority, and by the luck that
    /// weights give (RFC 2782, "Weight"). `chance` gives a number from 0 up to and with its argument, all as likely.
    pub fn in_order(&self, mut chance: impl FnMut(u32) -> u32) -> Vec<T> {
        let mut order = Vec::new();
        let mut left: Vec<&Target<T>> = self.0.iter().collect();
        while let Some(priority) = left.iter().map(|target| target.priority).min() {
            let target = left.remove(draw(&left, priority, &mut chance));
            let first = chance(target.places.len() as u32 - 1) as usize;
            for place in target.places.iter().cycle().skip(first).take(target.places.len()) {
                if !order.contains(place) {
                    order.push(*place);
                }
            }
        }
        order
    }
}

/// Which of those of this priority comes next. Those without weight stand first in the sum, so that they are drawn
/// rarely, but not never.
fn draw<T>(left: &[&Target<T>], priority: u32, chance: &mut impl FnMut(u32) -> u32) -> usize {
    let equals = left.iter().enumerate().filter(|(_, target)| target.priority == priority);
    let mut equals: Vec<_> = equals.map(|(at, target)| (target.weight, at)).collect();
    equals.sort_by_key(|(weight, _)| *weight > 0);
    if equals.iter().all(|(weight, _)| *weight == 0) {
        return equals[chance(equals.len() as u32 - 1) as usize].1;
    }
    let sum = equals.iter().map(|(weight, _)| u32::from(*weight)).sum();
    let drawn = chance(sum);
    let mut reached = 0;
    let hit = equals.iter().find(|(weight, _)| {
        reached += u32::from(*weight);
        reached >= drawn
    });
    hit.map_or(equals[0].1, |(_, at)| *at)
}

/// For how long a far end that failed is tried only after all others.
const AWAY: Duration = Duration::from_secs(60);
/// The least and the most that it may ask for itself.
const ASKED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// Far ends remembered.
const MOST_PENALTIES: usize = 256;

/// Far ends that failed lately: a penalty box. RFC 3263 section 4.3 says when to go on to the next, RFC 3261 section
/// 21.5.4 that one which is overloaded is left alone for as long as it asks.
#[derive(Debug, Default)]
pub struct Penalties(BTreeMap<SocketAddr, Duration>);

impl Penalties {
    /// It failed at `now`, and asked to be left alone for so long, if it said so. True if it was in no penalty before.
    pub fn punish(&mut self, who: SocketAddr, asked: Option<Duration>, now: Duration) -> bool {
        self.0.retain(|_, until| *until > now);
        let news = !self.0.contains_key(&who);
        if news && self.0.len() >= MOST_PENALTIES {
            return false;
        }
        let pause = asked.map_or(AWAY, |asked| asked.clamp(ASKED.0, ASKED.1));
        self.0.insert(who, now + pause);
        news
    }

    /// It serves. True if it was in penalty.
    pub fn pardon(&mut self, who: SocketAddr) -> bool {
        self.0.remove(&who).is_some()
    }

    /// Moves those in penalty behind all others, the one that is free soonest first among them.
    pub fn put_last<T>(&self, order: &mut [T], far_end: impl Fn(&T) -> SocketAddr, now: Duration) {
        order.sort_by_key(|one| self.0.get(&far_end(one)).copied().filter(|until| *until > now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn answer(lasts: u64, records: &[Record]) -> Option<Answer> {
        Some(Answer { records: records.to_vec(), lasts: seconds(lasts) })
    }

    fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Record {
        let (flags, service, replacement) = ("s".to_owned(), service.to_owned(), replacement.to_owned());
        Record::Naptr { order, preference, flags, service, replacement }
    }

    fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Record {
        Record::Srv { priority, weight, port, target: target.to_owned() }
    }

    fn at(address: &str) -> Record {
        Record::Address(address.parse().unwrap())
    }

    /// The names asked for, and of what kind.
    fn asks(search: &Search) -> Vec<(&str, RecordKind)> {
        search.questions().iter().map(|question| (question.name.as_str(), question.kind)).collect()
    }

    fn places(found: &Found) -> Vec<String> {
        found.targets.iter().map(|place| place.to_string()).collect()
    }

    /// A chance from a seed (splitmix64).
    fn chance(mut seed: u64) -> impl FnMut(u32) -> u32 {
        move |most| {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = seed;
            bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((bits ^ bits >> 31) % (u64::from(most) + 1)) as u32
        }
    }

    #[test]
    fn a_carrier_is_found_by_naptr_then_srv_then_addresses() {
        let mut search = Search::new("carrier.example", None, Transport::Udp);
        assert_eq!(asks(&search), [("carrier.example", RecordKind::Naptr)]);
        search.answered(vec![answer(
            300,
            &[
                naptr(20, 0, "SIP+D2U", "_sip._udp.later.example"),
                naptr(10, 0, "SIPS+D2T", "_sips._tcp.carrier.example"),
                naptr(10, 5, "sip+d2u", "_sip._udp.second.example"),
                naptr(10, 1, "SIP+D2U", "_sip._udp.first.example"),
            ],
        )]);
        let services = ["_sip._udp.first.example", "_sip._udp.second.example", "_sip._udp.later.example"];
        assert_eq!(asks(&search), services.map(|name| (name, RecordKind::Srv)));
        search.answered(vec![
            answer(60, &[srv(2, 0, 5062, "b.example"), srv(1, 0, 5061, "a.example")]),
            answer(20, &[srv(0, 0, 5063, "c.example")]),
            answer(90, &[]),
        ]);
        let asked: Vec<_> = asks(&search).into_iter().map(|(name, _)| name).collect();
        assert_eq!(asked, ["b.example", "b.example", "a.example", "a.example", "c.example", "c.example"]);
        let none = || answer(60, &[]);
        search.answered(vec![
            answer(60, &[at("192.0.2.2")]),
            none(),
            answer(60, &[at("192.0.2.1")]),
            answer(60, &[at("2001:db8::1")]),
            answer(60, &[at("192.0.2.3")]),
            none(),
        ]);
        assert!(search.questions().is_empty());
        let found = search.found();
        let expected = ["192.0.2.1:5061", "[2001:db8::1]:5061", "192.0.2.2:5062", "192.0.2.3:5063"];
        assert_eq!(places(&found), expected);
        assert_eq!((found.lasts, found.whole), (Some(seconds(20)), true));
    }

    #[test]
    fn a_host_without_services_is_called_at_the_port_of_its_transport() {
        for (transport, name, port) in [
            (Transport::Udp, "_sip._udp.pbx.example", 5060),
            (Transport::Tcp, "_sip._tcp.pbx.example", 5060),
            (Transport::Tls, "_sips._tcp.pbx.example", 5061),
        ] {
            let mut search = Search::new("pbx.example", None, transport);
            search.answered(vec![answer(60, &[])]);
            assert_eq!(asks(&search), [(name, RecordKind::Srv)]);
            search.answered(vec![answer(60, &[])]);
            assert_eq!(asks(&search), [RecordKind::A, RecordKind::Aaaa].map(|kind| ("pbx.example", kind)));
            search.answered(vec![answer(60, &[at("192.0.2.9"), at("0.0.0.0")]), None]);
            let found = search.found();
            assert_eq!(places(&found), [format!("192.0.2.9:{port}")]);
            assert!(!found.whole, "one question was not answered");
        }
    }

    #[test]
    fn a_port_or_an_address_leaves_nothing_to_ask_of_services() {
        let mut search = Search::new("pbx.example", Some(5070), Transport::Udp);
        assert_eq!(search.questions()[0].kind, RecordKind::A);
        search.answered(vec![answer(60, &[at("192.0.2.9")]), answer(60, &[])]);
        assert_eq!(places(&search.found()), ["192.0.2.9:5070"]);
        for (host, port, place) in [
            ("192.0.2.9", None, "192.0.2.9:5060"),
            ("2001:db8::9", Some(5070), "[2001:db8::9]:5070"),
            ("[2001:db8::9]", None, "[2001:db8::9]:5060"),
        ] {
            let search = Search::new(host, port, Transport::Udp);
            assert!(search.questions().is_empty());
            let found = search.found();
            assert_eq!((places(&found), found.lasts), (vec![place.to_owned()], None));
        }
    }

    #[test]
    fn a_host_that_decidedly_has_no_such_service_is_not_called_at_its_address() {
        let mut search = Search::new("web.example", None, Transport::Udp);
        search.answered(vec![answer(60, &[])]);
        search.answered(vec![answer(60, &[srv(0, 0, 0, "")])]);
        assert!(search.questions().is_empty());
        let found = search.found();
        assert!(found.targets.is_empty() && found.refused);
    }

    #[test]
    fn a_search_stays_small_whatever_is_answered() {
        let mut search = Search::new("many.example", None, Transport::Udp);
        let many: Vec<_> =
            (0..1_000).map(|nth| naptr(nth, 0, "SIP+D2U", &format!("_sip._udp.{nth}.example"))).collect();
        search.answered(vec![answer(0, &many)]);
        assert_eq!(search.questions().len(), MOST_SERVICES);
        let many: Vec<_> = (0..1_000).map(|nth| srv(nth, nth, 5060, &format!("{nth}.example"))).collect();
        search.answered(vec![answer(0, &many); MOST_SERVICES]);
        assert_eq!(search.questions().len(), 2 * MOST_HOSTS);
        let many: Vec<_> = (0..250).map(|nth| at(&format!("192.0.2.{nth}"))).collect();
        search.answered(vec![answer(0, &many); 2 * MOST_HOSTS]);
        assert_eq!(search.found().targets.iter().count(), MOST_HOSTS * MOST_ADDRESSES);
    }

    fn of_weights(weights: &[(u32, u16)]) -> Targets<u16> {
        let target = |(place, (priority, weight)): (usize, &(u32, u16))| Target {
            priority: *priority,
            weight: *weight,
            places: vec![place as u16],
        };
        Targets(weights.iter().enumerate().map(target).collect())
    }

    #[test]
    fn calls_are_spread_by_weight_and_never_across_priorities() {
        // The shares of the first place by RFC 2782: a number from 0 to the sum, both included, falls into the running sum.
        let targets = of_weights(&[(1, 60), (1, 30), (1, 10), (2, 65_535), (1, 0)]);
        let (mut chance, mut first) = (chance(7), [0u32; 5]);
        for _ in 0..100_000 {
            let order = targets.in_order(&mut chance);
            assert_eq!(order[4], 3, "the other priority is the last resort: {order:?}");
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4], "each once");
            first[usize::from(order[0])] += 1;
        }
        for (got, per_mille) in first.into_iter().zip([594, 297, 99, 0, 10]) {
            assert!((got / 100).abs_diff(per_mille) <= 10, "{first:?}");
        }
    }

    #[test]
    fn those_without_weight_and_the_addresses_of_one_host_are_all_as_likely() {
        let hosts = of_weights(&[(0, 0), (0, 0), (0, 0)]);
        let addresses = Targets(vec![Target { priority: 0, weight: 0, places: vec![0, 1, 2] }]);
        for targets in [hosts, addresses] {
            let (mut chance, mut first) = (chance(11), [0u32; 3]);
            for _ in 0..30_000 {
                first[usize::from(targets.in_order(&mut chance)[0])] += 1;
            }
            assert!(first.iter().all(|got| got.abs_diff(10_000) < 500), "{first:?}");
        }
    }

    #[test]
    fn the_same_records_in_another_order_are_the_same_targets() {
        let found = |records: &[Record]| {
            let mut search = Search::new("pbx.example", Some(5060), Transport::Udp);
            search.answered(vec![answer(60, records), answer(60, &[])]);
            search.found().targets
        };
        let (one, other) = (at("192.0.2.1"), at("192.0.2.2"));
        assert_eq!(found(&[one.clone(), other.clone()]), found(&[other, one]));
    }

    #[test]
    fn who_failed_is_tried_last_until_the_penalty_is_over() {
        let far = |last: u8| SocketAddr::from(([192, 0, 2, last], 5060));
        let mut penalties = Penalties::default();
        assert!(penalties.punish(far(1), None, seconds(0)));
        assert!(!penalties.punish(far(1), None, seconds(1)), "it was known");
        penalties.punish(far(2), Some(seconds(10)), seconds(1));
        let order = |penalties: &Penalties, now| {
            let mut order = vec![1, 2, 3];
            penalties.put_last(&mut order, |one| far(*one), seconds(now));
            order
        };
        assert_eq!(order(&penalties, 2), [3, 2, 1]);
        assert_eq!(order(&penalties, 11), [2, 3, 1]);
        assert_eq!(order(&penalties, 61), [1, 2, 3]);
        assert!(penalties.pardon(far(1)));
        assert_eq!(order(&penalties, 2), [1, 3, 2]);
        penalties.punish(far(3), Some(seconds(100_000)), seconds(0));
        assert_eq!(order(&penalties, 299), [1, 2, 3]);
        assert_eq!(order(&penalties, 300), [1, 2, 3]);
    }

    #[test]
    fn the_penalty_box_has_room_for_so_many_and_no_more() {
        let mut penalties = Penalties::default();
        for nth in 0..2_000u16 {
            penalties.punish(SocketAddr::from(([192, 0, 2, 1], nth)), None, seconds(0));
        }
        assert_eq!(penalties.0.len(), MOST_PENALTIES);
    }
}
