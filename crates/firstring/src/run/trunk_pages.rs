//! What the pages on trunks say is tried: each configuration is read, each message shown is received, a person is called, and
//! one caller too many is refused. The user agent and the exchange are made of the configuration as a desk makes them; the
//! carrier is imagined, and nothing is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use desk::call::Arrival;
use desk::machine::Moment;
use desk::record::{Diverted, Verification};
use line::{Action, Event, Exchange, Keep, SoundEvent, SoundOrder};
use sip::Message;

use crate::config::Config;
use crate::shell::addresses::Sockets;
use crate::shell::clock::Clock;
use crate::shell::registering;

/// What a page promises.
struct Promise {
    page: &'static str,
    /// Where the carrier is: of the addresses that may call, or where we register.
    carrier: &'static str,
    from: Option<&'static str>,
    diverted: Option<(&'static str, Diverted)>,
    verification: Option<Verification>,
    /// Request URI, and users of From and P-Asserted-Identity, of a call to a person.
    called: (&'static str, &'static str, Option<&'static str>),
    full: u16,
}

const PROMISES: [Promise; 12] = [
    Promise {
        page: "twilio",
        carrier: "54.172.60.1",
        from: Some("+13125550143"),
        diverted: Some(("+13125550199", Diverted::NoAnswer)),
        verification: Some(Verification::PassedA),
        called: ("sip:+13125550177@rivera-plumbing.pstn.twilio.com", "+13125550100", None),
        full: 503,
    },
    Promise {
        page: "bandwidth",
        carrier: "192.0.2.10",
        from: Some("+13125550143"),
        diverted: None,
        verification: Some(Verification::Passed),
        called: ("sip:+13125550177@192.0.2.10", "+13125550100", None),
        full: 503,
    },
    Promise {
        page: "telnyx",
        carrier: "192.76.120.10",
        from: Some("+13125550143"),
        diverted: None,
        verification: Some(Verification::Passed),
        called: ("sip:+13125550177@sip.telnyx.com", "+13125550100", None),
        full: 503,
    },
    Promise {
        page: "signalwire",
        carrier: "192.0.2.20",
        from: Some("+13125550143"),
        diverted: None,
        verification: None,
        called: ("sip:+13125550177@rivera-plumbing.sip.signalwire.com", "rivera", Some("+13125550100")),
        full: 486,
    },
    Promise {
        page: "voipms",
        carrier: "192.0.2.30",
        from: Some("+13125550143"),
        diverted: None,
        verification: None,
        called: ("sip:13125550177@chicago1.voip.ms", "123456_desk", Some("13125550100")),
        full: 486,
    },
    Promise {
        page: "flowroute",
        carrier: "34.210.91.113",
        from: Some("+13125550143"),
        diverted: None,
        verification: None,
        called: ("sip:13125550177@us-west-or.sip.flowroute.com", "13125550100", None),
        full: 503,
    },
    Promise {
        page: "freepbx",
        carrier: "192.0.2.50",
        from: Some("+13125550143"),
        diverted: Some(("101", Diverted::NoAnswer)),
        verification: None,
        called: ("sip:13125550177@192.0.2.50", "13125550100", None),
        full: 486,
    },
    Promise {
        page: "3cx",
        carrier: "192.0.2.60",
        from: Some("+13125550143"),
        diverted: Some(("+13125550100", Diverted::Always)),
        verification: None,
        called: ("sip:13125550177@pbx.example.com", "300", Some("13125550100")),
        full: 486,
    },
    Promise {
        page: "ringcentral",
        carrier: "192.0.2.70",
        from: Some("+13125550143"),
        diverted: None,
        verification: None,
        called: ("sip:+13125550177@sip.ringcentral.com", "13125550100", Some("+13125550100")),
        full: 486,
    },
    Promise {
        page: "yeastar",
        carrier: "192.0.2.80",
        from: Some("+13125550143"),
        diverted: Some(("101", Diverted::NoAnswer)),
        verification: None,
        called: ("sip:13125550177@192.0.2.80", "13125550100", None),
        full: 486,
    },
    Promise {
        page: "grandstream",
        carrier: "192.0.2.90",
        from: Some("+13125550143"),
        diverted: Some(("+13125550100", Diverted::Always)),
        verification: None,
        called: ("sip:13125550177@192.0.2.90", "300", Some("13125550100")),
        full: 486,
    },
    Promise {
        page: "generic",
        carrier: "192.0.2.10",
        from: None,
        diverted: None,
        verification: None,
        called: ("sip:+13125550177@sip.example.com", "+13125550100", None),
        full: 486,
    },
];

#[test]
fn every_carrier_has_a_page_and_every_page_a_configuration_a_message_and_an_honest_word() {
    let promised: BTreeSet<String> = PROMISES.iter().map(|promise| promise.page.to_string()).collect();
    let mut there: BTreeSet<String> = BTreeSet::new();
    for entry in std::fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name != "README" {
            let page = std::fs::read_to_string(&path).unwrap();
            assert_eq!(page.matches("```toml\n").count(), 1, "{name}");
            assert_eq!(page.matches("```sip\n").count(), 1, "{name}");
            let says = page.lines().find(|line| line.starts_with("Tried against an emulation"));
            assert!(says.is_some(), "{name} says whether it was tried");
            assert!(page.contains("without_us = "), "{name} says what happens without us");
            there.insert(name);
        }
    }
    assert_eq!(there, promised, "pages, and those that are tried");
    let presets: BTreeSet<String> = crate::config::carriers().map(str::to_string).collect();
    assert_eq!(presets.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new());
    let list = std::fs::read_to_string(directory().join("README.md")).unwrap();
    for name in &there {
        assert!(list.contains(&format!("({name}.md)")), "{name} is on the list of pages");
    }
}

#[test]
fn a_call_as_the_page_shows_it_is_answered_on_the_right_line() {
    for promise in &PROMISES {
        let mut trial = Trial::of(promise.page, promise.carrier, "assistant");
        let replies = trial.call("1");
        assert_eq!(statuses(&replies).last(), Some(&200), "{}: {:?}", promise.page, texts(&replies));
        let arrival = trial.arrivals.last().unwrap_or_else(|| panic!("{}: nothing arrived", promise.page));
        assert_eq!(arrival.line.as_str(), "+13125550100", "{}", promise.page);
        let from = arrival.from.as_ref().map(|from| from.reveal().as_str());
        assert_eq!(from, promise.from, "{}", promise.page);
        let by = arrival.diverted_by.as_ref().map(|by| by.reveal().as_str());
        assert_eq!(by.zip(arrival.diverted_because), promise.diverted, "{}", promise.page);
        assert_eq!(arrival.verification, promise.verification, "{}", promise.page);
    }
}

#[test]
fn a_person_is_called_as_the_page_says() {
    for promise in &PROMISES {
        let mut trial = Trial::of(promise.page, promise.carrier, "person");
        let sent = trial.call("1");
        let invite = sent.iter().find(|message| message.method() == Some(&sip::Method::Invite));
        let invite = invite.unwrap_or_else(|| panic!("{}: {:?}", promise.page, texts(&sent)));
        let user = |header: &str| {
            let value = invite.headers_spelled(header).next()?;
            let address = sip::Address::parse(value)?;
            Some(address.parsed_uri().ok()?.user_text())
        };
        let (uri, from, asserted) = promise.called;
        assert_eq!(invite.uri(), uri, "{}", promise.page);
        assert_eq!(user("From").as_deref(), Some(from), "{}", promise.page);
        assert_eq!(user("P-Asserted-Identity").as_deref(), asserted, "{}", promise.page);
    }
}

#[test]
fn one_caller_too_many_is_answered_as_the_carrier_takes_it() {
    for promise in &PROMISES {
        let mut trial = Trial::of(promise.page, promise.carrier, "assistant");
        for n in 1..=trial.channels {
            let replies = trial.call(&n.to_string());
            assert_eq!(statuses(&replies).last(), Some(&200), "{}: call {n}", promise.page);
        }
        let replies = trial.call("one-more");
        assert_eq!(statuses(&replies).last(), Some(&promise.full), "{}", promise.page);
        let refused = replies.last().map(|message| message.headers_spelled("Retry-After").count());
        assert_eq!(refused, Some(0), "{}: a full trunk is no reason to stay away", promise.page);
    }
}

#[test]
fn nobody_else_is_let_in() {
    for promise in &PROMISES {
        let mut trial = Trial::of(promise.page, promise.carrier, "assistant");
        trial.carrier = "198.51.100.1:5060".parse().unwrap();
        assert_eq!(texts(&trial.call("1")), Vec::<String>::new(), "{}", promise.page);
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/trunks")
}

fn block(page: &str, kind: &str) -> String {
    let after = page.split(&format!("```{kind}\n")).nth(1).unwrap();
    after.split("```").next().unwrap().to_string()
}

fn statuses(messages: &[Message]) -> Vec<u16> {
    messages.iter().filter_map(Message::status).collect()
}

/// First lines, for whoever reads a failure.
fn texts(messages: &[Message]) -> Vec<String> {
    let first = |message: &Message| match message.status() {
        Some(status) => format!("{status} {}", message.reason()),
        None => format!("{:?} {}", message.method(), message.uri()),
    };
    messages.iter().map(first).collect()
}

/// A desk with a page's trunk, and its carrier.
struct Trial {
    agent: sip::Agent,
    exchange: Exchange,
    now: Moment,
    ours: SocketAddr,
    carrier: SocketAddr,
    message: String,
    /// Our Contact, where we registered.
    contact: Option<String>,
    channels: u32,
    arrivals: Vec<Arrival>,
    sent: Vec<Message>,
}

impl Trial {
    /// A desk whose one line is answered by the assistant, or by a person who is rung first.
    fn of(page: &str, carrier: &str, answered_by: &str) -> Trial {
        let text = std::fs::read_to_string(directory().join(page).with_extension("md")).unwrap();
        let steps = match answered_by {
            "person" => "[{ ring = \"Dana\" }, \"assistant\"]",
            _ => "[\"assistant\"]",
        };
        let config = configured(page, &block(&text, "toml"), steps);
        let clock = Clock::start_at("2026-06-02T15:00:00Z".parse().unwrap());
        let poll = mio::Poll::new().unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let listen = crate::config::Listen { transport: sip::Transport::Udp, address };
        let mut sockets = Sockets::bind(&[listen], None, poll.registry()).unwrap();
        let ours = sockets.listening().next().unwrap().address;
        let carrier = SocketAddr::new(carrier.parse::<IpAddr>().unwrap(), 5060);
        let mut trial = Trial {
            agent: super::agent(&config, &sockets, clock).unwrap(),
            exchange: super::exchange(&config, clock).unwrap(),
            now: Moment { mono: clock.now().mono + Duration::from_secs(1), wall: clock.now().wall },
            ours,
            carrier,
            message: block(&text, "sip"),
            contact: None,
            channels: config.trunks[0].channels,
            arrivals: Vec::new(),
            sent: Vec::new(),
        };
        trial.reach_people(&config);
        for (name, joining) in super::joining(&config) {
            let paths = vec![sockets.path_over(sip::Transport::Udp, carrier).expect("a way to the carrier")];
            let registrar = registering::registrar(&name, &joining, [1, 2], paths);
            trial.order(sip::Order::Register(Box::new(registrar)));
            trial.register();
        }
        trial
    }

    /// As the desk does once it knows where its carrier is.
    fn reach_people(&mut self, config: &Config) {
        for (name, reaching) in registering::reaching(config) {
            let paths = sip::Targets::only(sip::Path::udp(self.ours, self.carrier));
            let outbound = line::Outbound { paths, domain: reaching.domain, account: reaching.account };
            self.exchange.reach_people(&name, outbound);
        }
    }

    /// The carrier takes our registration, as it is.
    fn register(&mut self) {
        let register = self.sent.pop().expect("a REGISTER went out");
        assert_eq!(register.method(), Some(&sip::Method::Register));
        let header = |name: &str| register.headers_spelled(name).next().unwrap_or_default().to_string();
        let contact = header("Contact");
        let address = sip::Address::parse(&contact).unwrap();
        self.contact = Some(address.uri.to_string());
        let reply = format!(
            "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=r\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <{}>;expires=600\r\nContent-Length: 0\r\n\r\n",
            header("Via"),
            header("From"),
            header("To"),
            header("Call-ID"),
            header("CSeq"),
            address.uri,
        );
        self.receive(reply.into_bytes());
        self.sent.clear();
    }

    /// The message of the page comes in, as call number `nth`; gives everything that was sent.
    fn call(&mut self, nth: &str) -> Vec<Message> {
        let mut lines: Vec<String> = self.message.lines().map(str::to_string).collect();
        if let Some(contact) = &self.contact {
            lines[0] = format!("INVITE {contact} SIP/2.0");
        }
        for line in &mut lines[1..] {
            let (name, value) = line.split_once(": ").unwrap();
            *line = match name {
                "Via" => format!("Via: {}", value.replace("z9hG4bK", &format!("z9hG4bK{nth}"))),
                "Call-ID" => format!("Call-ID: {nth}-{value}"),
                _ => line.clone(),
            };
        }
        let sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.99\r\ns=-\r\nc=IN IP4 192.0.2.99\r\nt=0 0\r\n\
                   m=audio 30000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";
        let head = lines.join("\r\n");
        let text =
            format!("{head}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
        self.receive(text.into_bytes());
        std::mem::take(&mut self.sent)
    }

    fn receive(&mut self, bytes: Vec<u8>) {
        let path = sip::Path::udp(self.ours, self.carrier);
        self.now.mono += Duration::from_millis(10);
        self.agent.handle(sip::Event::Received { path, bytes }, self.now.mono);
        self.drain();
    }

    fn order(&mut self, order: sip::Order) {
        self.agent.handle(sip::Event::Order(order), self.now.mono);
        self.drain();
    }

    fn tell(&mut self, event: Event) {
        self.exchange.handle(event, self.now);
        while let Some(action) = self.exchange.poll_action() {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Sip(order) => self.order(order),
            Action::OpenSound { sound, .. } => {
                let port = 20_000 + u16::try_from(sound.0).unwrap() * 2;
                let address = SocketAddr::new("203.0.113.7".parse().unwrap(), port);
                let secrets = sip::sdp::Secrets::new([7; sip::sdp::Secrets::LEN]);
                self.tell(Event::SoundOpened { sound, address, secrets });
            }
            Action::Sound { sound, order: SoundOrder::Close } => {
                let longest_silence = Duration::ZERO;
                let event = SoundEvent::Closed { first_word: None, longest_silence, quality: None };
                self.tell(Event::Sound { sound, event });
            }
            Action::Store { keep: Keep::Arrival(begun), .. } => self.arrivals.push(begun.arrival),
            _ => {}
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.agent.poll_action() {
            match action {
                sip::Action::Send { bytes, .. } => self.sent.push(sip::message::parse(&bytes).unwrap()),
                sip::Action::Tell(notice) => self.tell(Event::Sip(notice)),
            }
        }
    }
}

/// The page's trunk in an office with one line and one person, with a secret for every one that is asked for.
fn configured(page: &str, trunk: &str, steps: &str) -> Config {
    let text = format!(
        r#"
[business]
name = "Rivera Plumbing"
trade = "plumbing"
timezone = "America/Chicago"
{trunk}
[[office]]
name = "main"
hours = "24/7"
[[person]]
name = "Dana"
reach = [{{ to = "+13125550177", via = "main" }}]
[[line]]
number = "+13125550100"
plan = "tried"
[[plan]]
name = "tried"
[[plan.rule]]
when = "always"
steps = {steps}
[[assistant]]
name = "Robin"
"#
    );
    let secrets: BTreeMap<&str, &str> = text
        .match_indices("env:")
        .filter_map(|(at, _)| text[at + 4..].split('"').next())
        .map(|name| (name, "correct horse"))
        .collect();
    let variable = |name: &str| secrets.get(name).map(|secret| (*secret).to_string());
    let read = Config::with_variables(page, &text, Path::new("/nonexistent/firstring"), &variable);
    read.unwrap_or_else(|refusals| panic!("{page}: {refusals}"))
}
