//! How many calls a second one core sets up and tears down, tombstones of the last 32 seconds included.
//!
//! The agent is fed at 3,000 calls a second of virtual time for 60 seconds; what is printed is the real time that
//! took, as a share of one core. The budget is 100 %.

#![allow(clippy::print_stdout, clippy::disallowed_types, clippy::disallowed_methods, clippy::expect_used)]

use std::time::{Duration, Instant};

use sip::{Action, Agent, Event, LegId, Notice, Order, Path, Peer, Setup};

const CALLS_PER_SECOND: u32 = 3_000;
const SECONDS: u32 = 60;
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n\
                   a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

struct Far {
    path: Path,
    now: Duration,
}

impl Far {
    /// One request of a call, and what the agent made of it: its last datagram and the leg it named.
    fn says(
        &self,
        agent: &mut Agent,
        method: &str,
        call: u32,
        cseq: u32,
        tag: &str,
        sdp: &str,
    ) -> (String, Option<LegId>) {
        let tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
        let text = format!(
            "{method} sip:+13125550100@203.0.113.5 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{call}-{cseq}-{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: \"Pat\" <sip:+13125550143@192.0.2.10>;tag=far{call}\r\nTo: <sip:+13125550100@203.0.113.5>{tag}\r\n\
             Call-ID: call-{call}@192.0.2.10\r\nCSeq: {cseq} {method}\r\nContact: <sip:trunk@192.0.2.10:5060>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        self.gives(agent, Event::Received { path: self.path, bytes: text.into_bytes() })
    }

    fn gives(&self, agent: &mut Agent, event: Event) -> (String, Option<LegId>) {
        agent.handle(event, self.now);
        let (mut last, mut leg) = (Vec::new(), None);
        while let Some(action) = agent.poll_action() {
            match action {
                Action::Send { bytes, .. } => last = bytes,
                Action::Tell(Notice::Invited(invitation)) => leg = Some(invitation.leg),
                Action::Tell(_) => {}
            }
        }
        (String::from_utf8(last).expect("text"), leg)
    }
}

fn main() {
    let peer = Peer {
        name: "trunk".into(),
        accept_from: vec!["192.0.2.0/24".parse().expect("a network")],
        accept_domains: Vec::new(),
    };
    let mut agent = Agent::new(Setup { peers: vec![peer], ..Setup::default() }, [1, 2]);
    let path =
        Path::udp("203.0.113.5:5060".parse().expect("ours"), "192.0.2.10:5060".parse().expect("theirs"));
    let mut far = Far { path, now: Duration::ZERO };
    let calls = CALLS_PER_SECOND * SECONDS;
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    for call in 0..calls {
        far.now = Duration::from_secs(1) / CALLS_PER_SECOND * call;
        let one = Instant::now();
        while agent.poll_deadline().is_some_and(|deadline| deadline.at <= far.now) {
            agent.handle_deadline(far.now);
            while agent.poll_action().is_some() {}
        }
        let (_, leg) = far.says(&mut agent, "INVITE", call, 1, "", SDP);
        let leg = leg.expect("let in");
        let (answer, _) = far.gives(&mut agent, Event::Order(Order::Answer { leg, sdp: SDP.into() }));
        let to = answer.lines().find(|line| line.starts_with("To: ")).expect("a To");
        let tag = to.split(";tag=").nth(1).expect("a tag").to_owned();
        far.says(&mut agent, "ACK", call, 1, &tag, "");
        far.says(&mut agent, "BYE", call, 2, &tag, "");
        longest = longest.max(one.elapsed());
    }
    let took = begun.elapsed();
    let share = took.as_secs_f64() / f64::from(SECONDS) * 100.0;
    println!(
        "{calls} calls in {took:.2?}: {:.1} us a call, {share:.1} % of a core at {CALLS_PER_SECOND} calls/s, longest {longest:.2?}",
        took.as_secs_f64() * 1e6 / f64::from(calls)
    );
    println!("{:?}", agent.counts());
}
