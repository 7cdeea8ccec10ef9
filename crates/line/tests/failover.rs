//! A host has several targets, and the one that is called first does not take the call. One exchange, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod switchroom;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use desk::machine::Moment;
use desk::number::Country;
use desk::record::{Record, Tried};
use line::{Action, Event, Exchange, Keep, Outbound, Setup, SoundEvent, SoundId, SoundOrder, Trunk};
use sip::{Answer, Invitation, LegId, Notice, Order, Path, Search, Targets, Transport, Unanswered};
use switchroom::{LINE, business};

const FIRST: &str = "192.0.2.11:5060";
const SECOND: &str = "192.0.2.12:5060";
/// Over IPv6: another socket of ours leads there.
const THIRD: &str = "[2001:db8::13]:5060";

/// A desk that rings Dana for twenty seconds, at a host with some targets.
struct Switchroom {
    exchange: Exchange,
    now: Moment,
    placed: Vec<sip::Call>,
    hurried: Vec<(LegId, Duration)>,
    bound: Vec<(String, String)>,
    open: Vec<SoundId>,
    told: Vec<String>,
    records: Vec<Record>,
    arrived: u64,
}

impl Switchroom {
    fn of(targets: &[&str]) -> Switchroom {
        Switchroom::seeded(in_turn(targets), 0)
    }

    fn seeded(paths: Targets<Path>, salt: u64) -> Switchroom {
        let outbound = Outbound { paths, domain: "sip.example.com".to_string(), account: None };
        let trunk = Trunk { outbound: Some(outbound), ..Trunk::default() };
        let setup = Setup {
            business: Arc::new(business(&[LINE], "101", 2)),
            country: Country::US,
            trunks: BTreeMap::from([("main".to_string(), trunk)]),
            diaries: BTreeMap::new(),
            salt,
            when_late: line::WhenLate::default(),
        };
        Switchroom {
            exchange: Exchange::new(setup),
            now: Moment { mono: Duration::from_secs(1), wall: "2026-06-02T15:00:00Z".parse().unwrap() },
            placed: Vec::new(),
            hurried: Vec::new(),
            bound: Vec::new(),
            open: Vec::new(),
            told: Vec::new(),
            records: Vec::new(),
            arrived: 0,
        }
    }

    /// Somebody calls, and Dana is rung.
    fn call(&mut self) -> LegId {
        self.arrived += 1;
        let leg = LegId(self.arrived);
        self.tell(Event::Sip(Notice::Invited(Box::new(invitation(leg)))));
        leg
    }

    fn tell(&mut self, event: Event) {
        self.exchange.handle(event, self.now);
        while let Some(action) = self.exchange.poll_action() {
            match action {
                Action::OpenSound { sound, bind, toward, .. } => {
                    self.open.push(sound);
                    self.bound.push((bind.to_string(), toward.to_string()));
                    let port = 20_000 + u16::try_from(sound.0).unwrap() * 2;
                    let secrets = sip::sdp::Secrets::new([7; sip::sdp::Secrets::LEN]);
                    self.tell(Event::SoundOpened { sound, address: SocketAddr::new(bind, port), secrets });
                }
                Action::Sound { sound, order: SoundOrder::Close } => {
                    self.open.retain(|open| *open != sound);
                    let closed = SoundEvent::Closed {
                        first_word: None,
                        longest_silence: Duration::ZERO,
                        quality: None,
                    };
                    self.tell(Event::Sound { sound, event: closed });
                }
                Action::Store { keep: Keep::Record(record), .. } => self.records.push(*record),
                Action::Sip(Order::Call(call)) => self.placed.push(*call),
                Action::Sip(Order::ExpectReply { leg, within }) => self.hurried.push((leg, within)),
                Action::TargetFailed { trunk, remote, status } => {
                    self.told.push(format!("{trunk} {remote} fails {status:?}"));
                }
                Action::TargetServes { trunk, remote } => self.told.push(format!("{trunk} {remote} serves")),
                _ => {}
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.mono += time;
        self.exchange.handle_deadline(self.now);
    }

    /// What the target that was called last says.
    fn refuses(&mut self, status: u16, why: Unanswered) {
        let (leg, reason) = (self.placed.last().unwrap().leg, String::new());
        self.tell(Event::Sip(Notice::Refused { leg, status, reason, retry_after: None, why }));
        self.tell(Event::Sip(Notice::Released { leg }));
    }

    fn rings(&mut self) {
        let leg = self.placed.last().unwrap().leg;
        self.tell(Event::Sip(Notice::Ringing { leg, status: 180, sdp: None }));
    }

    fn hangs_up(&mut self, leg: LegId) {
        self.tell(Event::Sip(Notice::Ended { leg, by: sip::EndedBy::FarEnd }));
    }

    /// Where calls went, in order.
    fn called(&self) -> Vec<String> {
        self.placed.iter().map(|call| call.path.remote.to_string()).collect()
    }
}

/// Targets each of a priority of its own.
fn in_turn(targets: &[&str]) -> Targets<Path> {
    let mut search = Search::new("sip.example.com", None, Transport::Udp);
    let answer = |records| Some(Answer { records, lasts: Duration::from_secs(60) });
    search.answered(vec![answer(Vec::new())]);
    let remotes: Vec<SocketAddr> = targets.iter().map(|target| target.parse().unwrap()).collect();
    let srv = |(nth, remote): (usize, &SocketAddr)| sip::Record::Srv {
        priority: nth as u16,
        weight: 0,
        port: remote.port(),
        target: format!("host-{nth}.example.com"),
    };
    search.answered(vec![answer(remotes.iter().enumerate().map(srv).collect())]);
    let both = |remote: &SocketAddr| {
        let address = sip::Record::Address(remote.ip());
        if remote.is_ipv4() { [vec![address], vec![]] } else { [vec![], vec![address]] }
    };
    search.answered(remotes.iter().flat_map(both).map(answer).collect());
    search.found().targets.filter_map(|remote| {
        let ours = if remote.is_ipv4() { "192.0.2.1:5060" } else { "[2001:db8::1]:5060" };
        Some(Path::udp(ours.parse().unwrap(), remote))
    })
}

fn invitation(leg: LegId) -> Invitation {
    let path = Path::udp("192.0.2.1:5060".parse().unwrap(), FIRST.parse().unwrap());
    Invitation { path, ..switchroom::invitation(leg) }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_call_that_meets_503_or_silence_goes_on_to_the_next_target_within_its_time() {
    for (status, why) in [(503, Unanswered::Failed), (408, Unanswered::Silent), (503, Unanswered::Silent)] {
        let mut room = Switchroom::of(&[FIRST, SECOND]);
        let caller = room.call();
        let first = room.placed[0].leg;
        assert_eq!(room.hurried, [(first, seconds(3))], "a silent target is not waited for");
        room.pass(seconds(3));
        room.refuses(status, why);
        assert_eq!(room.called(), [FIRST, SECOND]);
        assert_ne!(room.placed[1].leg, first);
        assert_eq!(room.placed[1].ring_for, seconds(17), "the time of the step is kept");
        assert_eq!(room.hurried.len(), 1, "the last one is waited for");
        assert_eq!(room.open.len(), 2, "the caller's sound and one for Dana");
        // The late word of a target that was given up changes nothing.
        room.tell(Event::Sip(Notice::Ringing { leg: first, status: 180, sdp: None }));
        room.refuses(486, Unanswered::Busy);
        assert_eq!(room.called().len(), 2);
        room.hangs_up(caller);
        let tried: Vec<_> = room.records[0].steps.iter().flat_map(|step| step.tried.clone()).collect();
        assert!(room.open.is_empty());
        assert!(format!("{tried:?}").contains("Busy"), "{tried:?}");
        assert_eq!(room.exchange.board().channels().map(|(_, taken, _)| taken).sum::<u32>(), 0);
    }
}

#[test]
fn a_person_who_says_no_is_not_asked_again_by_another_way() {
    for (status, why, tried) in [
        (486, Unanswered::Busy, Tried::Busy),
        (603, Unanswered::Declined, Tried::Declined),
        (480, Unanswered::Absent, Tried::NoAnswer),
        (404, Unanswered::NotFound, Tried::Unreachable),
        (500, Unanswered::Failed, Tried::Unreachable),
        (487, Unanswered::RangOut, Tried::NoAnswer),
    ] {
        let mut room = Switchroom::of(&[FIRST, SECOND]);
        let caller = room.call();
        room.refuses(status, why);
        assert_eq!(room.called(), [FIRST], "{why:?}");
        assert!(room.told.is_empty(), "the target did its work");
        room.hangs_up(caller);
        let shown = format!("{:?}", room.records[0].steps);
        assert!(shown.contains(&format!("{tried:?}")), "{shown}");
    }
}

#[test]
fn who_failed_is_called_last_for_a_while_and_first_again_when_it_serves() {
    let mut room = Switchroom::of(&[FIRST, SECOND]);
    let caller = room.call();
    room.refuses(503, Unanswered::Failed);
    room.refuses(486, Unanswered::Busy);
    room.hangs_up(caller);
    assert_eq!(room.told, [format!("main {FIRST} fails Some(503)")]);
    room.pass(seconds(30));
    let caller = room.call();
    assert_eq!(room.called()[2..], [SECOND]);
    room.refuses(408, Unanswered::Silent);
    assert_eq!(room.called()[2..], [SECOND, FIRST], "one in penalty is better than none");
    room.rings();
    room.refuses(486, Unanswered::Busy);
    room.hangs_up(caller);
    let told = [format!("main {SECOND} fails None"), format!("main {FIRST} serves")];
    assert_eq!(room.told[1..], told);
    room.pass(seconds(61));
    let caller = room.call();
    assert_eq!(room.called()[4..], [FIRST]);
    room.hangs_up(caller);
}

#[test]
fn a_person_is_unreachable_when_every_target_fails_and_each_was_called_once() {
    let mut room = Switchroom::of(&[FIRST, SECOND, THIRD]);
    let caller = room.call();
    for _ in 0..3 {
        room.refuses(503, Unanswered::Failed);
    }
    assert_eq!(room.called(), [FIRST, SECOND, THIRD]);
    let theirs = [("192.0.2.1", "192.0.2.11"), ("192.0.2.1", "192.0.2.12"), ("2001:db8::1", "2001:db8::13")];
    let bound: Vec<_> =
        room.bound[1..].iter().map(|(bind, toward)| (bind.as_str(), toward.as_str())).collect();
    assert_eq!(bound, theirs, "each target hears of a socket it can reach");
    assert!(room.placed[2].sdp.contains("IP6 2001:db8::1"), "{}", room.placed[2].sdp);
    room.hangs_up(caller);
    let shown = format!("{:?}", room.records[0].steps);
    assert!(shown.contains("Unreachable"), "{shown}");
}

#[test]
fn a_call_without_time_left_goes_nowhere_else() {
    let mut room = Switchroom::of(&[FIRST, SECOND]);
    let caller = room.call();
    room.rings();
    room.now.mono += Duration::from_millis(19_500);
    room.refuses(503, Unanswered::Failed);
    assert_eq!(room.called(), [FIRST]);
    room.hangs_up(caller);
}

#[test]
fn a_caller_who_hangs_up_between_two_targets_leaves_nothing_behind() {
    let mut room = Switchroom::of(&[FIRST, SECOND]);
    let caller = room.call();
    room.refuses(503, Unanswered::Failed);
    room.hangs_up(caller);
    assert_eq!((room.exchange.calls_up(), room.open.len(), room.records.len()), (0, 0, 1));
    assert_eq!(room.exchange.board().channels().map(|(_, taken, _)| taken).sum::<u32>(), 0);
}

#[test]
fn calls_are_spread_over_targets_that_are_all_as_good() {
    let equal = {
        let mut search = Search::addresses("sip.example.com");
        let record = |address: &str| sip::Record::Address(address.parse().unwrap());
        let records = vec![record("192.0.2.11"), record("192.0.2.12")];
        let answer = |records| Some(Answer { records, lasts: seconds(60) });
        search.answered(vec![answer(records), answer(Vec::new())]);
        let ours: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        search.found().targets.filter_map(|remote| Some(Path::udp(ours, remote)))
    };
    let mut room = Switchroom::seeded(equal, 42);
    for _ in 0..200 {
        let caller = room.call();
        room.hangs_up(caller);
    }
    let first = room.called().iter().filter(|called| *called == FIRST).count();
    assert!((70..=130).contains(&first), "{first} of 200");
}
