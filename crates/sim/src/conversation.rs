//! One call in text: what the desk says is read, and what the caller says is typed.
//!
//! Drives the very exchange that ships. Sentences take the time they take to speak, all words typed are understood as
//! typed, and everything the desk wants stored is called stored: a trial. Whoever types decides what happens next.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use desk::booking::Booking;
use desk::call::{Heard, ListenId, SayingId, Tone};
use desk::intake::Words;
use desk::machine::Moment;
use desk::number::E164;
use desk::record::{CallId, Record, Tried};
use jiff::Timestamp;
use line::{Action, Event, Exchange, Keep, Setup, SoundEvent, SoundId, SoundOrder, What};
use sip::sdp::{Capabilities, Codec, Direction};
use sip::{EndedBy, Invitation, LegId, Notice, Order, Party, Unanswered};

use crate::shop;
use crate::sound::spoken;

/// Whether people who are rung pick up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum People {
    /// They let it ring.
    Absent,
    /// They pick up after two rings, and press 1 where they must.
    Answering,
}

/// What the caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerDoes<'a> {
    /// Says this.
    Says(&'a str),
    /// Presses these keys.
    Presses(&'a str),
    /// Says nothing until the desk does something about it.
    Nothing,
    /// Hangs up.
    HangsUp,
}

/// One thing to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The desk says it to the caller.
    Says(String),
    /// It happens beside the talk.
    Happens(String),
}

/// What came of one turn.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// In order.
    pub shown: Vec<Shown>,
    /// What is known so far, by question.
    pub slots: BTreeMap<String, String>,
    /// The call's record, once it is over.
    pub record: Option<Box<Record>>,
}

impl Reply {
    /// What the desk said, as one text.
    pub fn text(&self) -> String {
        let said = self.shown.iter().filter_map(|shown| match shown {
            Shown::Says(text) => Some(text.as_str()),
            Shown::Happens(_) => None,
        });
        said.collect::<Vec<_>>().join(" ")
    }
}

/// The call was turned away: why, and what would help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchLine(pub String);

#[derive(Debug)]
enum Due {
    Said { sound: SoundId, saying: SayingId },
    Notice(Notice),
    PersonPresses { sound: SoundId },
}

#[derive(Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Question(ListenId),
    Message {
        since: Duration,
    },
    /// In a queue: the caller may press a key, or wait.
    Queue,
    Talk,
}

/// One call.
#[derive(Debug)]
pub struct Conversation {
    exchange: Exchange,
    now: Moment,
    people: People,
    /// By where they are reached.
    names: BTreeMap<String, String>,
    agenda: BTreeMap<(Duration, u64), Due>,
    planned: u64,
    soon: VecDeque<Event>,
    busy: BTreeMap<SoundId, Duration>,
    legs: BTreeMap<SoundId, LegId>,
    opened: Option<SoundId>,
    caller: Option<SoundId>,
    call: Option<CallId>,
    open: Open,
    words: Option<String>,
    refused: Option<String>,
    booking: Option<Booking>,
    reply: Reply,
}

const CALLER: LegId = LegId(1);
/// More steps than any one turn takes.
const MOST_STEPS: usize = 100_000;

impl Conversation {
    /// Calls a line, and lets the desk speak first.
    ///
    /// # Errors
    /// If no line has this number, or no call can be taken on it.
    pub fn begin(
        setup: Setup,
        line: &E164,
        from: Option<&E164>,
        at: Timestamp,
        people: People,
    ) -> Result<(Conversation, Reply), NoSuchLine> {
        let trunk = setup.business.lines.get(line).map(|line| line.trunk.clone());
        let Some(trunk) = trunk else {
            let lines: Vec<_> = setup.business.lines.keys().map(ToString::to_string).collect();
            return Err(NoSuchLine(format!(
                "no [[line]] has the number {line}; there is {}",
                lines.join(", ")
            )));
        };
        let people_by_reach = setup.business.people.iter().flat_map(|(name, person)| {
            person.reach.iter().map(move |reach| (reach.to.clone(), name.clone()))
        });
        let mut conversation = Conversation {
            names: people_by_reach.collect(),
            exchange: Exchange::new(setup),
            now: Moment { mono: Duration::ZERO, wall: at },
            people,
            agenda: BTreeMap::new(),
            planned: 0,
            soon: VecDeque::new(),
            busy: BTreeMap::new(),
            legs: BTreeMap::new(),
            opened: None,
            caller: None,
            call: None,
            open: Open::Nothing,
            words: None,
            refused: None,
            booking: None,
            reply: Reply::default(),
        };
        let invitation = invitation(line, from, &trunk);
        conversation.soon.push_back(Event::Sip(Notice::Invited(Box::new(invitation))));
        let reply = conversation.run();
        match conversation.refused.take() {
            Some(because) => Err(NoSuchLine(because)),
            None => Ok((conversation, reply)),
        }
    }

    /// From now on, whoever is rung does this.
    pub fn set_people(&mut self, people: People) {
        self.people = people;
    }

    /// The visit that would have been booked.
    pub fn booking(&self) -> Option<&Booking> {
        self.booking.as_ref()
    }

    /// The caller does something; runs until it is their turn again.
    pub fn caller(&mut self, does: CallerDoes<'_>) -> Reply {
        match does {
            CallerDoes::Says(text) => self.says(text),
            CallerDoes::Presses(keys) => {
                for digit in keys.chars() {
                    self.sound(SoundEvent::Digit { digit, at: self.now.mono });
                    self.drain();
                    self.pass(Duration::from_millis(300));
                }
            }
            CallerDoes::Nothing => {
                if let Some(deadline) = self.exchange.poll_deadline() {
                    self.pass_to(deadline.at);
                    self.exchange.handle_deadline(self.now);
                }
            }
            CallerDoes::HangsUp => {
                self.open = Open::Nothing;
                self.soon.push_back(Event::Sip(Notice::Ended { leg: CALLER, by: EndedBy::FarEnd }));
            }
        }
        self.run()
    }

    fn says(&mut self, text: &str) {
        if self.open == Open::Talk {
            return;
        }
        self.words = Some(text.to_string());
        self.sound(SoundEvent::SpeechStarted { at: self.now.mono });
        self.drain();
        self.pass(spoken(text));
        self.sound(SoundEvent::SpeechEnded { at: self.now.mono });
    }

    fn sound(&mut self, event: SoundEvent) {
        if let Some(sound) = self.caller {
            self.soon.push_back(Event::Sound { sound, event });
        }
    }

    fn pass(&mut self, by: Duration) {
        self.now = self.now.after(by);
    }

    fn pass_to(&mut self, at: Duration) {
        self.pass(at.saturating_sub(self.now.mono));
    }

    fn at(&mut self, at: Duration, due: Due) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), due);
    }

    /// Until it is the caller's turn, or the call is over.
    fn run(&mut self) -> Reply {
        for _ in 0..MOST_STEPS {
            self.drain();
            let speaking = self.caller.is_some_and(|sound| self.busy.get(&sound) > Some(&self.now.mono));
            if self.open != Open::Nothing && !speaking
                || self.reply.record.is_some() && self.agenda.is_empty()
            {
                break;
            }
            let due = self.agenda.first_key_value().map(|(at, _)| at.0);
            let deadline = self.exchange.poll_deadline().map(|deadline| deadline.at);
            let Some(next) = due.into_iter().chain(deadline).min() else { break };
            self.pass_to(next);
            if due == Some(next) {
                let due = self.agenda.pop_first().map(|(_, due)| due);
                due.into_iter().for_each(|due| self.come(due));
            } else {
                self.exchange.handle_deadline(self.now);
            }
        }
        let mut reply = std::mem::take(&mut self.reply);
        let known = self.call.as_ref().and_then(|call| self.exchange.learned(call));
        reply.slots = match &reply.record {
            Some(record) => record.slots.clone(),
            None => known.unwrap_or_default(),
        };
        reply
    }

    fn come(&mut self, due: Due) {
        match due {
            Due::Said { sound, saying } => {
                let event = SoundEvent::Said { saying, at: self.now.mono, whole: true };
                self.soon.push_back(Event::Sound { sound, event });
            }
            Due::Notice(notice) => self.soon.push_back(Event::Sip(notice)),
            Due::PersonPresses { sound } => {
                let event = SoundEvent::Digit { digit: '1', at: self.now.mono };
                self.soon.push_back(Event::Sound { sound, event });
            }
        }
    }

    fn drain(&mut self) {
        loop {
            while let Some(action) = self.exchange.poll_action() {
                self.perform(action);
            }
            let Some(event) = self.soon.pop_front() else { return };
            if let Event::SoundOpened { sound, .. } = &event {
                self.opened = Some(*sound);
            }
            self.exchange.handle(event, self.now);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Sip(order) => self.sip(order),
            Action::OpenSound { sound, .. } => {
                self.caller.get_or_insert(sound);
                let address = SocketAddr::new(shop::path().local.ip(), 20_000);
                self.soon.push_back(Event::SoundOpened { sound, address, secrets: shop::secrets() });
            }
            Action::Sound { sound, order } => self.order(sound, order),
            Action::Say { sound, saying, phrases, .. } => {
                let text = phrases.iter().map(|phrase| phrase.text.as_str()).collect::<Vec<_>>().join(" ");
                self.say(sound, saying, text);
            }
            Action::Listen { listen, .. } => self.open = Open::Question(listen),
            Action::Conclude { call, listen } => self.conclude(call, listen),
            Action::StopListening { .. } => self.open = Open::Nothing,
            Action::TakeMessage { .. } => {
                self.happens("the tone: leave a message".to_string());
                self.open = Open::Message { since: self.now.mono };
            }
            Action::EndMessage { call } => {
                let said = self.words.take().is_some();
                let seconds = match std::mem::replace(&mut self.open, Open::Nothing) {
                    Open::Message { since } if said => {
                        self.now.mono.saturating_sub(since).as_secs_f64().max(1.0)
                    }
                    _ => 0.0,
                };
                self.soon.push_back(Event::MessageEnded { call, seconds });
            }
            Action::Store { call, ask, keep } => self.store(call, ask, keep),
            Action::Show(live) => self.show(live.what),
            Action::Refused(refusal) => self.refused = Some(refusal.because),
            // Here a trunk has one target.
            Action::Journal { .. }
            | Action::Signalled { .. }
            | Action::Tape { .. }
            | Action::TargetFailed { .. }
            | Action::TargetServes { .. } => {}
        }
    }

    fn say(&mut self, sound: SoundId, saying: SayingId, text: String) {
        let begins = self.busy.get(&sound).copied().unwrap_or_default().max(self.now.mono);
        let ends = begins + spoken(&text);
        self.busy.insert(sound, ends);
        let event = SoundEvent::Spoke { saying, at: begins, gap: None };
        self.soon.push_back(Event::Sound { sound, event });
        self.at(ends, Due::Said { sound, saying });
        if self.caller == Some(sound) {
            self.reply.shown.push(Shown::Says(text));
        } else {
            self.happens(format!("the person hears: {text}"));
            self.at(ends + Duration::from_secs(1), Due::PersonPresses { sound });
        }
    }

    fn order(&mut self, sound: SoundId, order: SoundOrder) {
        match order {
            SoundOrder::StopSaying => {
                let stopped = |_: &(Duration, u64), due: &mut Due| matches!(due, Due::Said { sound: of, .. } if *of == sound);
                let stopped: Vec<_> = self.agenda.extract_if(.., stopped).collect();
                self.busy.remove(&sound);
                for (_, due) in stopped {
                    if let Due::Said { saying, .. } = due {
                        let event = SoundEvent::Said { saying, at: self.now.mono, whole: false };
                        self.soon.push_back(Event::Sound { sound, event });
                    }
                }
            }
            SoundOrder::Bridge { .. } => self.open = Open::Talk,
            SoundOrder::Close => {
                self.agenda.retain(|_, due| !matches!(due, Due::Said { sound: of, .. } if *of == sound));
                let closed =
                    SoundEvent::Closed { first_word: None, longest_silence: Duration::ZERO, quality: None };
                self.soon.push_back(Event::Sound { sound, event: closed });
            }
            // The music ends with the waiting.
            SoundOrder::Tone(tone) if tone != Tone::Music && self.open == Open::Queue => {
                self.open = Open::Nothing;
            }
            SoundOrder::Connect { .. }
            | SoundOrder::Confirmed
            | SoundOrder::Change(_)
            | SoundOrder::TakenOver { .. }
            | SoundOrder::Unbridge
            | SoundOrder::Tone(_) => {}
        }
    }

    fn sip(&mut self, order: Order) {
        match order {
            Order::Answer { leg, .. } => {
                self.soon.push_back(Event::Sip(Notice::Confirmed { leg, sdp: None }));
            }
            Order::Refuse { leg, .. } => {
                self.soon.push_back(Event::Sip(Notice::Ended { leg, by: EndedBy::Us }));
            }
            Order::HangUp { leg, .. } | Order::Cancel { leg } => {
                let waits = |_: &(Duration, u64), due: &mut Due| !matches!(due, Due::Notice(n) if n.leg() == Some(leg));
                self.agenda.retain(waits);
                self.soon.push_back(Event::Sip(Notice::Ended { leg, by: EndedBy::Us }));
            }
            Order::Call(call) | Order::CallOver { call, .. } => self.ring(*call),
            _ => {}
        }
    }

    fn ring(&mut self, call: sip::Call) {
        let leg = call.leg;
        if let Some(sound) = self.opened.take() {
            self.legs.insert(sound, leg);
        }
        let answer = sip::sdp::answer(&call.sdp, &capabilities(), Direction::SendRecv);
        match (self.people, answer) {
            (People::Answering, Ok(agreed)) => {
                let at = self.now.mono + Duration::from_secs(6).min(call.ring_for / 2);
                self.at(at, Due::Notice(Notice::Answered { leg, sdp: agreed.text }));
            }
            (People::Absent, _) | (People::Answering, Err(_)) => {
                let (why, reason) = (Unanswered::RangOut, String::new());
                let notice = Notice::Refused { leg, status: 408, reason, retry_after: None, why };
                self.at(self.now.mono + call.ring_for, Due::Notice(notice));
            }
        }
    }

    fn conclude(&mut self, call: CallId, listen: ListenId) {
        let heard = match self.words.take() {
            Some(text) => Heard::Words(Words::typed(&text)),
            None => Heard::Nothing,
        };
        self.open = Open::Nothing;
        self.soon.push_back(Event::Heard { call, listen, heard });
    }

    fn store(&mut self, call: CallId, ask: Option<desk::machine::Ask>, keep: Keep) {
        match keep {
            Keep::Arrival(_) => self.call = Some(call.clone()),
            Keep::Booking(booking) => self.booking = Some(*booking),
            Keep::Callback(_) | Keep::TurnedAway(_) => {}
            Keep::Message(_) => self.happens("a message would be stored".to_string()),
            Keep::Record(record) => self.reply.record = Some(record),
        }
        if let Some(ask) = ask {
            self.soon.push_back(Event::Stored { call, ask, stored: true });
        }
    }

    fn show(&mut self, what: What) {
        let told = match what {
            What::Rings { to } => {
                let to = to.reveal();
                let name = self.names.get(to).map_or("somebody", String::as_str);
                format!("rings {name} at {to}")
            }
            What::NotReached { tried } => tried_and(tried),
            What::Connected => "connected: you talk with a person now".to_string(),
            What::CallbackLeft => "a callback task would be stored".to_string(),
            What::Booked { id, .. } => format!("booking {id} would be stored; this is a trial, nothing is"),
            What::Waits { .. } => return self.open = Open::Queue,
            What::Arrived { .. }
            | What::Answered { .. }
            | What::Speaks { .. }
            | What::Heard { .. }
            | What::Pressed { .. }
            | What::Filler
            | What::SlotsFound { .. }
            | What::TakingMessage
            | What::Ended { .. } => return,
        };
        self.happens(told);
    }

    fn happens(&mut self, what: String) {
        self.reply.shown.push(Shown::Happens(what));
    }
}

fn tried_and(tried: Tried) -> String {
    format!("the person {}", tried.told())
}

fn capabilities() -> Capabilities {
    Capabilities {
        codecs: vec![Codec::Pcmu],
        telephone_event: true,
        rtcp_mux: false,
        address: shop::path().remote.ip(),
        port: 30_000,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        protection: sip::sdp::Protection::Off,
    }
}

fn invitation(line: &E164, from: Option<&E164>, trunk: &str) -> Invitation {
    let party = |user: String| Party { display: String::new(), user, host: "192.0.2.2".to_string() };
    Invitation {
        leg: CALLER,
        peer: Arc::from(trunk),
        path: shop::path(),
        request_user: line.to_string(),
        called_party: None,
        to: party(line.to_string()),
        from: party(from.map_or_else(|| "anonymous".to_string(), ToString::to_string)),
        call_id: "chat".to_string(),
        diversion: Vec::new(),
        history_info: Vec::new(),
        p_asserted_identity: Vec::new(),
        privacy: None,
        extensions: Vec::new(),
        replaces: None,
        offer: Some(sip::sdp::offer(&capabilities(), Direction::SendRecv)),
    }
}
