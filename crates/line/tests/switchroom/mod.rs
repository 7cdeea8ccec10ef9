//! One exchange in virtual time, with a line, a trunk and somebody to be rung, and everything it has ordered.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use desk::business::{
    Accept, Arrives, Assistant, Business, Keeping, Kept, Line, Office, Person, Plan, Reach, RingOrder, Rule,
    Step, When, Whom,
};
use desk::call::{SayingId, TapeOrder, Tone};
use desk::greeting::Greeting;
use desk::hours::OfficeHours;
use desk::intake::Template;
use desk::machine::{Ask, Moment};
use desk::number::{Country, E164};
use desk::record::{CallId, Diverted, Record};
use jiff::tz::TimeZone;
use line::{
    Action, Begun, Event, Exchange, Habits, Keep, Live, Outbound, Setup, Signal, SoundEvent, SoundId,
    SoundOrder, Trunk,
};
use sip::sdp::{Capabilities, Codec, Direction, Secrets};
use sip::{Invitation, LegId, Notice, Order, Party, Refusal, Unanswered};

pub const LINE: &str = "+13125550100";
pub const SECOND_LINE: &str = "+13125550101";
pub const DANA: &str = "+13125550177";
pub const CALLER: &str = "+13125550143";

/// A desk whose lines ring Dana's cell over the trunk `main`, and then take a message.
pub struct Switchroom {
    pub exchange: Exchange,
    pub now: Moment,
    pub begun: Vec<Begun>,
    pub refused: Vec<(LegId, Refusal)>,
    pub because: Vec<String>,
    pub placed: Vec<sip::Call>,
    pub followed: Vec<String>,
    pub records: Vec<Record>,
    /// Of callers for whom there was no channel.
    pub turned_away: Vec<Record>,
    pub signals: Vec<(Signal, bool)>,
    /// What desks were told, as the journals keep it.
    pub journal: Vec<desk::call::Event>,
    /// Of every sound: the local address, and whom it has to face.
    pub opened: Vec<(IpAddr, IpAddr)>,
    /// The sounds of callers, in the order they came.
    pub callers: Vec<SoundId>,
    /// What is shown to whoever watches.
    pub shown: Vec<Live>,
    /// What waits for the store.
    pub waiting: Vec<(CallId, Ask)>,
    /// What is said, and to whom.
    pub sayings: Vec<(SoundId, SayingId)>,
    /// What is heard while nothing is said, by the sound it was ordered for.
    pub tones: Vec<(SoundId, Tone)>,
    /// What recordings were told.
    pub tapes: Vec<TapeOrder>,
    /// Every other order for a sound but tones.
    pub sounds: Vec<(SoundId, SoundOrder)>,
    /// Every other order for the user agent.
    pub orders: Vec<Order>,
    pub arrived: u64,
}

impl Switchroom {
    pub fn with(habits: Habits) -> Switchroom {
        Switchroom::of(habits, DANA, 4)
    }

    pub fn with_lines(lines: &[&str]) -> Switchroom {
        Switchroom::answering(business(lines, DANA, 4), Habits::default())
    }

    pub fn of(habits: Habits, dana: &str, channels: u32) -> Switchroom {
        Switchroom::answering(business(&[LINE, SECOND_LINE], dana, channels), habits)
    }

    pub fn answering(business: Business, habits: Habits) -> Switchroom {
        Switchroom::of_setup(setup(business, habits))
    }

    pub fn of_setup(setup: Setup) -> Switchroom {
        Switchroom {
            exchange: Exchange::new(setup),
            now: Moment { mono: Duration::from_secs(1), wall: "2026-06-02T15:00:00Z".parse().unwrap() },
            begun: Vec::new(),
            refused: Vec::new(),
            because: Vec::new(),
            placed: Vec::new(),
            followed: Vec::new(),
            records: Vec::new(),
            turned_away: Vec::new(),
            signals: Vec::new(),
            journal: Vec::new(),
            opened: Vec::new(),
            callers: Vec::new(),
            shown: Vec::new(),
            waiting: Vec::new(),
            sayings: Vec::new(),
            tones: Vec::new(),
            sounds: Vec::new(),
            tapes: Vec::new(),
            orders: Vec::new(),
            arrived: 0,
        }
    }

    /// Somebody calls; gives the leg.
    pub fn call(&mut self, changed: impl FnOnce(&mut Invitation)) -> LegId {
        self.arrived += 1;
        let mut invitation = invitation(LegId(self.arrived));
        changed(&mut invitation);
        let leg = invitation.leg;
        self.tell(Event::Sip(Notice::Invited(Box::new(invitation))));
        leg
    }

    pub fn tell(&mut self, event: Event) {
        self.exchange.handle(event, self.now);
        self.drain();
    }

    /// Time passes, and whatever was due happens at its end.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.exchange.handle_deadline(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.exchange.poll_action() {
            match action {
                Action::OpenSound { sound, bind, toward, beside } => {
                    self.callers.extend(beside.is_none().then_some(sound));
                    self.opened.push((bind, toward));
                    let port = 20_000 + u16::try_from(sound.0).unwrap() * 2;
                    let address = SocketAddr::new("192.0.2.1".parse().unwrap(), port);
                    self.tell(Event::SoundOpened { sound, address, secrets: secrets() });
                }
                Action::Sound { sound, order: SoundOrder::Close } => {
                    let closed = SoundEvent::Closed {
                        first_word: None,
                        longest_silence: Duration::ZERO,
                        quality: None,
                    };
                    self.tell(Event::Sound { sound, event: closed });
                }
                Action::Store { keep: Keep::Arrival(begun), .. } => self.begun.push(*begun),
                Action::Store { keep: Keep::Record(record), .. } => self.records.push(*record),
                Action::Store { keep: Keep::TurnedAway(record), .. } => self.turned_away.push(*record),
                Action::Sip(Order::Refuse { leg, refusal }) => self.refused.push((leg, refusal)),
                Action::Sip(Order::Call(call) | Order::CallOver { call, .. }) => self.placed.push(*call),
                Action::Sip(Order::MayFollow { targets, .. }) => {
                    self.followed.extend(targets.iter().map(ToString::to_string));
                }
                Action::Sip(order) => self.orders.push(order),
                Action::Refused(refused) => self.because.push(refused.because),
                Action::Store { call, ask: Some(ask), .. } => self.waiting.push((call, ask)),
                Action::Sound { sound, order: SoundOrder::Tone(tone) } => self.tones.push((sound, tone)),
                Action::Sound { sound, order } => self.sounds.push((sound, order)),
                Action::Tape { order, .. } => self.tapes.push(order),
                Action::Say { sound, saying, .. } => self.sayings.push((sound, saying)),
                Action::Show(live) => self.shown.push(live),
                Action::Journal { event, .. } => self.journal.push(event),
                Action::Signalled { signal, is_late, .. } => self.signals.push((*signal, is_late)),
                _ => {}
            }
        }
    }

    /// The phone that was rung last is not answered.
    pub fn phone_refuses(&mut self, why: Unanswered) {
        let leg = self.placed.last().unwrap().leg;
        let reason = String::new();
        self.tell(Event::Sip(Notice::Refused { leg, status: 486, reason, retry_after: None, why }));
    }

    /// The sound of the nth caller.
    pub fn sound_of(&self, nth: usize) -> SoundId {
        self.callers[nth]
    }

    /// The store has room for everything.
    pub fn store_what_waits(&mut self) {
        for (call, ask) in std::mem::take(&mut self.waiting) {
            self.tell(Event::Stored { call, ask, stored: true });
        }
    }

    /// The last words are spoken to their end; gives the record of the call that is over then.
    pub fn goodbye(&mut self, sound: SoundId) -> Record {
        let last = self.sayings.iter().rev().find(|(to, _)| *to == sound).unwrap().1;
        let event = SoundEvent::Said { saying: last, at: self.now.mono, whole: true };
        self.tell(Event::Sound { sound, event });
        self.records.last().unwrap().clone()
    }

    pub fn caller_hangs_up(&mut self, leg: LegId) {
        self.tell(Event::Sip(Notice::Ended { leg, by: sip::EndedBy::FarEnd }));
    }

    /// The line called, who calls, who forwarded and why, of the last call that was let in.
    pub fn last(&self) -> (&str, Option<&str>, Option<&str>, Option<Diverted>) {
        let arrival = &self.begun.last().unwrap().arrival;
        let from = arrival.from.as_ref().map(|from| from.reveal().as_str());
        let by = arrival.diverted_by.as_ref().map(|by| by.reveal().as_str());
        (arrival.line.as_str(), from, by, arrival.diverted_because)
    }
}

pub fn setup(business: Business, habits: Habits) -> Setup {
    let path = sip::Path::udp(address("192.0.2.1:5060"), address("192.0.2.2:5060"));
    let outbound = Outbound {
        paths: sip::Targets::only(path),
        domain: "sip.example.com:5080".to_string(),
        account: Some("main".into()),
    };
    let trunk = Trunk { outbound: Some(outbound), habits, ..Trunk::default() };
    Setup {
        business: Arc::new(business),
        country: Country::US,
        trunks: BTreeMap::from([("main".to_string(), trunk)]),
        diaries: BTreeMap::new(),
        salt: 0,
        when_late: line::WhenLate::default(),
    }
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn number(text: &str) -> E164 {
    text.parse().unwrap()
}

pub fn business(lines: &[&str], dana: &str, channels: u32) -> Business {
    let zone = TimeZone::get("America/Chicago").unwrap();
    let hours = OfficeHours::parse("24/7", &[], Country::US, zone.clone()).unwrap();
    let line = Line {
        trunk: "main".to_string(),
        office: "main".to_string(),
        plan: "people".to_string(),
        assistant: "Robin".to_string(),
        arrives: Arrives::Direct,
    };
    let ring = Step::Ring {
        whom: Whom::Person("Dana".to_string()),
        ring_for: Duration::from_secs(20),
        order: RingOrder::InTurn,
    };
    let reach = Reach { to: dana.to_string(), via: "main".to_string(), accept: Accept::PickUp };
    let greeting = Greeting::of("This is Robin, the automated assistant.");
    let assistant = Assistant { greeting, voice: "slt".to_string(), intake: Arc::new(Template::plumbing()) };
    let rule = Rule { when: When::Always, steps: vec![ring, Step::Message] };
    Business {
        name: "Rivera Plumbing".to_string(),
        zone,
        offices: [("main".to_string(), Office { hours: Arc::new(hours), calendar: None })].into(),
        people: [("Dana".to_string(), Person { office: "main".to_string(), reach: vec![reach] })].into(),
        rotas: BTreeMap::new(),
        lines: lines.iter().map(|text| (number(text), line.clone())).collect(),
        targets: BTreeMap::new(),
        callers: BTreeMap::new(),
        plans: [("people".to_string(), Plan { rules: vec![rule] })].into(),
        assistants: [("Robin".to_string(), assistant)].into(),
        channels: [("main".to_string(), channels)].into(),
        hand_over: [].into(),
        keeping: Keeping { transcripts: Kept::Never, calls: Kept::Never, bridged: Kept::Never },
    }
}

pub fn party(user: &str) -> Party {
    Party { display: String::new(), user: user.to_string(), host: "192.0.2.2".to_string() }
}

pub fn secrets() -> Secrets {
    Secrets::new([7; Secrets::LEN])
}

pub fn invitation(leg: LegId) -> Invitation {
    let theirs = Capabilities {
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        telephone_event: true,
        rtcp_mux: false,
        address: "192.0.2.2".parse().unwrap(),
        port: 30_000,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        protection: sip::sdp::Protection::Off,
    };
    Invitation {
        leg,
        peer: "main".into(),
        path: sip::Path::udp(address("192.0.2.1:5060"), address("192.0.2.2:5060")),
        request_user: LINE.to_string(),
        called_party: None,
        to: party(LINE),
        from: party(CALLER),
        call_id: leg.to_string(),
        diversion: Vec::new(),
        history_info: Vec::new(),
        p_asserted_identity: Vec::new(),
        privacy: None,
        extensions: Vec::new(),
        replaces: None,
        offer: Some(sip::sdp::offer(&theirs, Direction::SendRecv)),
    }
}
