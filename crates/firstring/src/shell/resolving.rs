//! Where hosts are: looked up again and again, beside the calls.
//!
//! How a host becomes targets is decided in `sip` ([`sip::Search`]); what a target is for, in
//! [`registering`](super::registering). Here the questions are asked, of the name servers that the configuration names or
//! else of those of this machine, and the answers are kept for as long as they last.
//!
//! Invariants: nothing here waits on the control thread; what was found last counts until something else is found; a host
//! is looked up at most every [`OFTEN`] and at least every [`SELDOM`].

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use sip::{Answer, Found, Question, Record, RecordKind, Search, Targets};
use tokio::time::timeout;

use crate::config::Target;
use crate::shell::asking::{self, MOST_SERVERS};

/// However short a record lasts, it is not asked for more often than this; and so often where nothing was ever found.
const OFTEN: Duration = Duration::from_secs(5);
/// However long a record lasts, a change is found within this time.
const SELDOM: Duration = Duration::from_secs(300);
/// How often a host is looked for that cannot be found now, but was before.
const AGAIN: Duration = Duration::from_secs(15);
/// Where this machine looks names up itself, it does not say for how long the answer holds.
const A_WHILE: Duration = Duration::from_secs(60);
/// So many times an answer in part does not replace what was found before.
const DOUBTED: u32 = 3;

/// What hosts are looked up with.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    /// Empty: those of this machine.
    servers: Arc<[SocketAddr]>,
}

impl Resolver {
    /// Asks these servers; if there are none, this machine's way of finding names is taken.
    pub fn new(servers: &[SocketAddr]) -> Resolver {
        Resolver { servers: servers.into() }
    }

    /// Where calls for a host go.
    pub async fn find(&self, host: &Target, transport: sip::Transport) -> Found {
        let found = self.search(Search::new(&host.host, host.port, transport)).await;
        if !found.targets.is_empty() || found.refused || !self.servers.is_empty() {
            return found;
        }
        let port = host.port.unwrap_or(transport.default_port());
        self.as_this_machine_does(&host.host, port, found).await
    }

    /// The addresses of a host, whatever services it has.
    pub async fn addresses(&self, host: &str) -> Found {
        let found = self.search(Search::addresses(host)).await;
        if !found.targets.is_empty() || !self.servers.is_empty() {
            return found;
        }
        self.as_this_machine_does(host, sip::Transport::Udp.default_port(), found).await
    }

    async fn search(&self, mut search: Search) -> Found {
        let (servers, known) = (self.servers(), self.known());
        while !search.questions().is_empty() {
            let asked = search.questions().iter().map(|question| answer(&servers, &known, question));
            let answers = join_all(asked).await;
            search.answered(answers);
        }
        search.found()
    }

    /// A name that only this machine knows: by its own domain, or from its neighbours on the network.
    async fn as_this_machine_does(&self, host: &str, port: u16, otherwise: Found) -> Found {
        let looked = timeout(asking::LONGEST, tokio::net::lookup_host((host, port))).await;
        let Ok(Ok(places)) = looked else { return otherwise };
        let mut search = Search::new(host, Some(port), sip::Transport::Udp);
        let addresses: Vec<IpAddr> = places.map(|place| place.ip()).collect();
        let of = |question: &Question| Some(of_kind(question.kind, &addresses));
        let answers = search.questions().iter().map(of).collect();
        search.answered(answers);
        search.found()
    }

    fn servers(&self) -> Vec<SocketAddr> {
        if !self.servers.is_empty() {
            return self.servers.to_vec();
        }
        servers_in(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
    }

    /// The names that this machine knows by heart.
    fn known(&self) -> BTreeMap<String, Vec<IpAddr>> {
        if !self.servers.is_empty() {
            return BTreeMap::new();
        }
        hosts_in(&fs::read_to_string("/etc/hosts").unwrap_or_default())
    }
}

async fn answer(
    servers: &[SocketAddr],
    known: &BTreeMap<String, Vec<IpAddr>>,
    question: &Question,
) -> Option<Answer> {
    match (known.get(&question.name.to_ascii_lowercase()), question.kind) {
        (Some(addresses), RecordKind::A | RecordKind::Aaaa) => Some(of_kind(question.kind, addresses)),
        // A name that stands in a file here has no services.
        (Some(_), RecordKind::Naptr | RecordKind::Srv) => {
            Some(Answer { records: Vec::new(), lasts: A_WHILE })
        }
        (None, _) => asking::ask(servers, question).await,
    }
}

fn of_kind(kind: RecordKind, addresses: &[IpAddr]) -> Answer {
    let fits = |address: &&IpAddr| address.is_ipv4() == (kind == RecordKind::A);
    let records = addresses.iter().filter(fits).map(|address| Record::Address(*address)).collect();
    Answer { records, lasts: A_WHILE }
}

/// The servers of a `resolv.conf`; without any, the one on this machine (resolv.conf(5)).
fn servers_in(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse::<IpAddr>().ok()).flatten()
    };
    let found: Vec<_> = text.lines().filter_map(server).take(MOST_SERVERS).collect();
    let found = if found.is_empty() { vec![IpAddr::from([127, 0, 0, 1])] } else { found };
    found.into_iter().map(|address| SocketAddr::new(address, 53)).collect()
}

/// The names of a `hosts` file, in lower case.
fn hosts_in(text: &str) -> BTreeMap<String, Vec<IpAddr>> {
    let mut known: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse().ok()) else { continue };
        for name in words {
            known.entry(name.to_ascii_lowercase()).or_default().push(address);
        }
    }
    known
}

/// Hosts that cannot be found now, each with a sentence for the console.
#[derive(Debug, Default)]
pub struct Lost(Mutex<BTreeMap<String, String>>);

impl Lost {
    /// What is to be told about hosts that are lost, by their names.
    pub fn troubles(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// True if that is news.
    fn is(&self, host: &str, trouble: String) -> bool {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.insert(host.to_owned(), trouble.clone()) != Some(trouble)
    }

    /// True if that is news.
    fn is_found(&self, host: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(host).is_some()
    }
}

/// Looks a host up for ever, and tells what was found, for the first time and whenever that changes. Ends where nothing
/// can change: at an address.
pub async fn watch<F>(host: String, lost: Arc<Lost>, look: impl Fn() -> F, tell: impl Fn(Targets<SocketAddr>))
where
    F: Future<Output = Found>,
{
    let mut watching = Watching::default();
    loop {
        let found = look().await;
        let Some(lasts) = watching.pause(&found) else { return tell(found.targets) };
        report(&host, &lost, &found, watching.known.is_empty());
        if let Some(targets) = watching.news(found) {
            tell(targets);
        }
        tokio::time::sleep(lasts).await;
    }
}

fn report(host: &str, lost: &Lost, found: &Found, never: bool) {
    if !found.targets.is_empty() {
        if lost.is_found(host) {
            tracing::info!(%host, "A host is found again");
        }
        return;
    }
    let (what, helps) = match (found.refused, never) {
        (true, _) => {
            ("says that it takes no SIP this way", "ask whose it is for the right name or transport")
        }
        (false, true) => (
            "is not found, so no call comes from there or goes there",
            "check its name, or this machine's name server",
        ),
        (false, false) => (
            "cannot be looked up now; where it was found last still counts",
            "check this machine's name server, or whether the name has been given up",
        ),
    };
    if lost.is(host, format!("{host} {what}; {helps}")) {
        tracing::warn!(%host, what, helps, "A host is not found");
    }
}

/// What is known of one host.
#[derive(Debug, Default)]
struct Watching {
    known: Targets<SocketAddr>,
    doubted: u32,
}

impl Watching {
    /// When it is looked up again; `None`: never.
    fn pause(&self, found: &Found) -> Option<Duration> {
        // Where nobody had to be asked, nothing changes; where nobody answered, much may.
        let lasts = match found.lasts {
            None if found.whole => return None,
            lasts => lasts.unwrap_or_default(),
        };
        Some(match (found.targets.is_empty(), self.known.is_empty()) {
            (true, true) => OFTEN,
            (true, false) => AGAIN,
            (false, _) if !found.whole => AGAIN,
            (false, _) => lasts.clamp(OFTEN, SELDOM),
        })
    }

    /// What is to be told. Nothing found, or only a part, is less than what was known.
    fn news(&mut self, found: Found) -> Option<Targets<SocketAddr>> {
        let doubtful = !found.whole && !self.known.is_empty();
        self.doubted = if doubtful { self.doubted.saturating_add(1) } else { 0 };
        let taken = !found.targets.is_empty() && (!doubtful || self.doubted > DOUBTED);
        if !taken || found.targets == self.known {
            return None;
        }
        self.known = found.targets.clone();
        Some(found.targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(addresses: &[&str], lasts: u64, whole: bool) -> Found {
        let mut search = Search::new("pbx.example", Some(5060), sip::Transport::Udp);
        let records = addresses.iter().map(|text| Record::Address(text.parse().unwrap())).collect();
        let lasts = Duration::from_secs(lasts);
        let none = whole.then(|| Answer { records: Vec::new(), lasts });
        search.answered(vec![Some(Answer { records, lasts }), none]);
        search.found()
    }

    fn told(watching: &mut Watching, found: Found) -> Option<Vec<String>> {
        let targets = watching.news(found)?;
        Some(targets.iter().map(|place| place.ip().to_string()).collect())
    }

    #[test]
    fn what_was_found_last_counts_until_something_else_is_found() {
        let mut watching = Watching::default();
        assert_eq!(told(&mut watching, found(&[], 0, false)), None);
        assert_eq!(told(&mut watching, found(&["192.0.2.1"], 60, true)).unwrap(), ["192.0.2.1"]);
        assert_eq!(told(&mut watching, found(&["192.0.2.1"], 60, true)), None, "no news");
        assert_eq!(told(&mut watching, found(&[], 60, true)), None, "the name is gone");
        assert_eq!(told(&mut watching, found(&[], 60, false)), None, "the servers fail");
        assert_eq!(told(&mut watching, found(&["192.0.2.2"], 60, true)).unwrap(), ["192.0.2.2"]);
    }

    #[test]
    fn an_answer_in_part_replaces_a_whole_one_only_if_it_stays_so() {
        let mut watching = Watching::default();
        assert_eq!(told(&mut watching, found(&["192.0.2.1"], 60, false)).unwrap(), ["192.0.2.1"]);
        for _ in 0..DOUBTED {
            assert_eq!(told(&mut watching, found(&["192.0.2.2"], 60, false)), None);
        }
        assert_eq!(told(&mut watching, found(&["192.0.2.2"], 60, false)).unwrap(), ["192.0.2.2"]);
    }

    #[test]
    fn records_are_asked_for_again_when_they_end_within_bounds() {
        let mut watching = Watching::default();
        let pause = |watching: &Watching, found: &Found| watching.pause(found).unwrap().as_secs();
        assert_eq!(pause(&watching, &found(&[], 300, true)), 5);
        let first = found(&["192.0.2.1"], 60, true);
        assert_eq!(pause(&watching, &first), 60);
        watching.news(first);
        for (lasts, expected) in [(0, 5), (4, 5), (20, 20), (299, 299), (86_400, 300)] {
            assert_eq!(pause(&watching, &found(&["192.0.2.1"], lasts, true)), expected);
        }
        assert_eq!(pause(&watching, &found(&[], 86_400, true)), 15);
        assert_eq!(pause(&watching, &found(&["192.0.2.1"], 300, false)), 15);
        assert_eq!(watching.pause(&Search::new("192.0.2.9", None, sip::Transport::Udp).found()), None);
        let mut unanswered = Search::new("pbx.example", Some(5060), sip::Transport::Udp);
        unanswered.answered(vec![None, None]);
        assert_eq!(pause(&watching, &unanswered.found()), 15, "no server answered at all");
    }

    #[test]
    fn the_files_of_this_machine_are_read_as_their_manuals_say() {
        let text =
            "# comment\nsearch example.com\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver x\n";
        let servers: Vec<_> = servers_in(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.53:53", "[2001:db8::53]:53"]);
        assert_eq!(servers_in("")[0].to_string(), "127.0.0.1:53");
        let known = hosts_in("192.0.2.7 PBX.example pbx # ours\n2001:db8::7 pbx\nnonsense pbx\n");
        assert_eq!(known["pbx"], ["192.0.2.7", "2001:db8::7"].map(|ip| ip.parse::<IpAddr>().unwrap()));
        assert_eq!(known["pbx.example"].len(), 1);
    }
}
