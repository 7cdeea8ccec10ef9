//! The control thread: the one place where calls are decided.
//!
//! It owns the user agent and the exchange, reads the SIP sockets, and gives each machine its events, one at a
//! time, with the moment they happened. Nothing here waits on a network, a disk or an engine.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use desk::call::{Closing, TapeOrder};
use desk::machine::Moment;
use desk::record::CallId;
use line::{Action, Event, Exchange, Live, Opening, Refuses, SoundEvent, SoundId, SoundOrder};
use media::{
    AddressRange, BargeIn, ClipId, Connect, Filler, LegId, Listen, Order, OursFrom, Play, Recording,
    SpeechEnd,
};
use mio::{Events, Poll, Token};
use store::recording::Begun;
use tokio::sync::broadcast;

use crate::config::Joining;
use crate::media_thread::{MediaThreads, RingTap};
use crate::shell::addresses::Sockets;
use crate::shell::clock::Clock;
use crate::shell::connections::Connections;
use crate::shell::drilling::Absent;
use crate::shell::encrypting;
use crate::shell::hearing::{Ears, TAP};
use crate::shell::inbox::{Inbox, Letter};
use crate::shell::keeping::Keeper;
use crate::shell::pacing::Pacing;
use crate::shell::queue::Queue;
use crate::shell::recording::Recordings;
use crate::shell::registering::Reaching;
use crate::shell::saying::Sayings;
use crate::shell::signalling::connection;
use crate::shell::stalls::Stalls;
use crate::shell::standing::{Board, Pace};
use crate::shell::taping::Tapes;
use crate::shell::telling::{self, Name};
use crate::web::Drills;
use crate::web::metrics::Metrics;
use crate::web::refusals::Refusals;

/// The waker's token; sockets count from zero.
pub const WAKER: Token = Token(usize::MAX);
/// A turn of speech longer than this is cut, and understood as far as it went.
const LONGEST_TURN: Duration = Duration::from_secs(15);
/// People who talk when the desk is to stop have this long to finish.
const LAST_TALKS: Duration = Duration::from_secs(30);
/// A BYE that is lost is sent again for this long before the desk is gone.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// What was recorded is made into something to listen to for this long before the next start has to.
const LAST_RECORDINGS: Duration = Duration::from_secs(5);
/// However quiet it is, the console learns so often that this thread lives.
const BEAT: Duration = Duration::from_secs(1);
/// A message is one turn.
const LONGEST_MESSAGE: Duration = Duration::from_secs(125);

/// Everything the control thread works with.
pub struct Control {
    /// The clock.
    pub clock: Clock,
    /// Readiness of the sockets and the waker.
    pub poll: Poll,
    /// SIP sockets.
    pub sockets: Sockets,
    /// Datagrams that were read and wait for their turn.
    pub queue: Queue,
    /// SIP connections.
    pub connections: Connections,
    /// The user agent.
    pub agent: sip::Agent,
    /// Every call.
    pub exchange: Exchange,
    /// The way in from other threads.
    pub letters: Receiver<Letter>,
    /// The sound of every leg.
    pub media: MediaThreads,
    /// What is being said.
    pub sayings: Sayings,
    /// What is being listened to.
    pub ears: Ears,
    /// Messages that are being left.
    pub recordings: Recordings,
    /// Calls that are being recorded.
    pub tapes: Tapes,
    /// What is kept.
    pub keeper: Keeper,
    /// Who watches.
    pub live: broadcast::Sender<Live>,
    /// Calls turned away, for the console.
    pub refusals: Arc<Refusals>,
    /// What is counted, for the console.
    pub metrics: Arc<Metrics>,
    /// How the desk stands, for the console.
    pub board: Arc<Board>,
    /// The other end of [`Control::letters`]: how many letters did not fit.
    pub inbox: Inbox,
    /// What plays when everything else is silent.
    pub filler: Filler,
    /// Legs about to be connected, for the rest of this turn: the greeting goes with the connection.
    pub opening: BTreeMap<SoundId, Connect>,
    /// Which call a leg's sound belongs to.
    pub calls: BTreeMap<SoundId, CallId>,
    /// Where calls to people go, by trunk.
    pub reaching: BTreeMap<Arc<str>, Reaching>,
    /// Trunks that want to be registered at, by name, and the secret behind our contacts there.
    pub joining: BTreeMap<Arc<str>, Joining>,
    /// Where registrars were found, now or earlier, each with its trunk: packets from there are no stranger's.
    pub registrars: BTreeMap<IpAddr, Arc<str>>,
    /// Where each trunk's registrar was found last.
    pub registrars_at: BTreeMap<Arc<str>, sip::Targets<SocketAddr>>,
    /// The drill that goes on, as the console knows it, and as this thread carries it out.
    pub drills: Drills,
    /// What is done about it.
    pub absent: Option<Absent>,
    /// Who may send calls, by the configuration's addresses and ranges.
    pub peers: Vec<sip::Peer>,
    /// What hosts that may send calls have for addresses, by trunk and host.
    pub callers: BTreeMap<(Arc<str>, Arc<str>), Vec<sip::Network>>,
    /// Who asks where we are seen from outside, once it is known where the server is.
    pub finder: Option<sip::stun::Finder>,
    /// What makes our contacts unguessable.
    pub contact_secret: [u64; 2],
    /// When people who still talk are cut off, once the desk is to stop.
    pub end_by: Option<Duration>,
    /// When the far ends' answers to our last BYEs are no longer awaited.
    pub over_by: Option<Duration>,
    /// Whether sound leaves on time.
    pub pacing: Pacing,
    /// When this thread was kept from its work.
    pub stalls: Stalls,
    /// Calls that are recorded, or were and are not yet told where that lies.
    pub unfinished: BTreeSet<CallId>,
    /// Listening that waits until what comes before is rendered.
    pub listens: BTreeMap<SoundId, Listen>,
}

impl Control {
    /// Works until every call has ended after a stop was asked for.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        let mut buffer = vec![0; 65_536];
        while !self.is_done() {
            let wait = self.next_wake().map(|at| self.clock.until(at));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => result?,
            }
            self.note_stall();
            self.read_sockets(&mut buffer);
            self.read_letters();
            self.meet_deadlines();
            self.tell_how_it_stands();
        }
        Ok(())
    }

    /// Every call has ended, and every far end knows it, or has had its time to.
    fn is_done(&mut self) -> bool {
        if !self.exchange.is_over() {
            return false;
        }
        let now = self.clock.now().mono;
        let last_words = *self.over_by.get_or_insert(now + LAST_WORDS);
        let is_told = self.agent.is_over() || last_words <= now;
        is_told && (self.unfinished.is_empty() || last_words + LAST_RECORDINGS <= now)
    }

    pub(super) fn tell_how_it_stands(&mut self) {
        let now = self.clock.now().mono;
        let (pacing, media) = (&mut self.pacing, &self.media);
        if let Some(paced) = pacing.look(now, || (media.pulse(), media.legs())) {
            self.tell_how_sound_paced(paced);
        }
        self.board.write(
            now,
            (&self.agent, &self.exchange),
            &self.keeper,
            self.inbox.dropped(),
            Pace { sound_is_late: self.pacing.sound_is_late, refuses: self.exchange.refuses() },
        );
    }

    fn tell_how_sound_paced(&mut self, paced: Event) {
        let before = self.exchange.refuses();
        self.tell(paced);
        let now = self.exchange.refuses();
        if now == before {
            return;
        }
        let legs = self.media.legs();
        match now {
            Refuses::Nothing => tracing::info!(legs, "Sound leaves on time, everybody is taken again"),
            Refuses::Voices => tracing::warn!(legs, "Short of a core, new callers go past the assistant"),
            Refuses::Calls => tracing::error!(legs, "Short of a core, new calls are refused"),
        }
    }

    fn next_wake(&self) -> Option<Duration> {
        let calls = self.exchange.poll_deadline().map(|deadline| deadline.at);
        let agent = self.agent.poll_deadline().map(|deadline| deadline.at);
        let drill = self.absent.as_ref().map(|absent| absent.until);
        let beat = Some((self.clock.now().mono + BEAT).min(self.pacing.deadline()));
        let outside = self.stun_deadline().map(|deadline| deadline.at);
        let far = self.end_by.into_iter().chain(self.over_by).chain(drill);
        calls.into_iter().chain(agent).chain(outside).chain(far).chain(beat).min()
    }

    pub(super) fn read_letters(&mut self) {
        while let Ok(letter) = self.letters.try_recv() {
            match letter {
                Letter::Line(event) => self.tell(event),
                Letter::Media(sound, event) => self.media_reports(sound, event),
                Letter::Wire { number, report } => self.wired(number, report),
                Letter::Rendered(rendered) => {
                    self.sayings.rendered(rendered);
                    self.play();
                    self.drain();
                }
                Letter::Stop => self.stop(),
                Letter::Drill => self.drill_changed(),
                Letter::ProxyFound { trunk, targets } => self.reach_people(&trunk, &targets),
                Letter::PersonFound { trunk, address, targets } => {
                    self.reach_address(&trunk, &address, &targets)
                }
                Letter::RegistrarFound { trunk, targets } => self.register(&trunk, &targets),
                Letter::CallersFound { trunk, host, addresses } => {
                    self.callers_found(trunk, host, &addresses)
                }
                Letter::StunFound { targets } => self.stun_found(&targets),
                Letter::Recorded { call, started, recording, kept } => {
                    self.unfinished.remove(&call);
                    self.keeper.recorded(call, started, recording, kept);
                }
                Letter::Forget { before } => self.keeper.forget(before),
                Letter::Busy { calendar, busy } => {
                    if let Some(diary) = self.exchange.board_mut().diary(&calendar) {
                        diary.set_busy(busy);
                    }
                }
            }
        }
    }

    pub(super) fn meet_deadlines(&mut self) {
        let now = self.clock.now();
        if self.end_by.is_some_and(|at| at <= now.mono) {
            self.end_by = None;
            self.tell(Event::Closing(Closing::AtOnce));
        }
        if self.absent.as_ref().is_some_and(|absent| absent.until <= now.mono) {
            self.end_drill();
        }
        if self.stun_deadline().is_some_and(|deadline| deadline.at <= now.mono) {
            self.stun_is_due();
        }
        if self.agent.poll_deadline().is_some_and(|deadline| deadline.at <= now.mono) {
            self.agent.handle_deadline(now.mono);
            self.drain();
        }
        if self.exchange.poll_deadline().is_some_and(|deadline| deadline.at <= now.mono) {
            self.note_wakes(now);
            self.exchange.handle_deadline(now);
            self.drain();
        }
    }

    /// Journals say that the desk was kept from its work: deadlines that passed meanwhile come after all that happened.
    fn note_stall(&mut self) {
        let now = self.clock.now();
        if let Some(from) = self.stalls.turns(now) {
            self.exchange.deadlines().for_each(|(call, _)| self.keeper.note_stall(call, from, now));
        }
    }

    /// Journals say when a deadline was met, which is after all that was told before.
    fn note_wakes(&self, now: Moment) {
        self.exchange.due(now).for_each(|(call, deadline)| self.keeper.note_wake(call, deadline, now));
    }

    /// Takes no more calls. People who talk may finish, for a while.
    fn stop(&mut self) {
        self.end_by.get_or_insert(self.clock.now().mono + LAST_TALKS);
        self.unregister();
        self.tell(Event::Closing(Closing::LetPeopleFinish));
    }

    fn tell(&mut self, event: Event) {
        tracing::trace!(target: "firstring::line", event = %Name(&event), "Event");
        self.exchange.handle(event, self.clock.now());
        self.drain();
    }

    /// Carries out everything both machines want, until neither wants anything.
    pub(super) fn drain(&mut self) {
        loop {
            if let Some(action) = self.agent.poll_action() {
                self.perform_sip(action);
            } else if let Some(action) = self.exchange.poll_action() {
                self.perform(action);
            } else {
                break;
            }
        }
        while let Some((sound, connect)) = self.opening.pop_first() {
            self.order(sound, Order::Connect(connect));
        }
    }

    fn perform(&mut self, action: Action) {
        let now = self.clock.now();
        tracing::trace!(target: "firstring::line", order = %Name(&action), "Order");
        match action {
            Action::Sip(order) => {
                tracing::trace!(target: "firstring::sip", order = %Name(&order), "Order");
                self.agent.handle(sip::Event::Order(order), now.mono);
            }
            Action::OpenSound { sound, bind, toward, beside } => self.open_sound(sound, bind, toward, beside),
            Action::Sound { sound, order } => self.order_sound(sound, order),
            Action::Say { call, sound, saying, voice, phrases } => {
                self.calls.insert(sound, call);
                self.sayings.say(sound, saying, &voice, &phrases);
                self.play();
            }
            Action::Listen { call, sound, listen, question } => {
                let (tap, heard) = RingTap::with_room(TAP);
                self.calls.insert(sound, call.clone());
                self.ears.listen(&call, listen, question.grammar.clone(), heard);
                self.listen(sound, turn(question.hang, LONGEST_TURN, tap));
            }
            Action::Conclude { call, listen } => self.ears.conclude(&call, listen),
            Action::StopListening { call, sound } => {
                self.ears.stop(&call);
                self.listens.remove(&sound);
                self.order(sound, Order::StopListening);
            }
            Action::TakeMessage { call, sound, id, hang } => self.take_message(call, sound, id, hang),
            Action::EndMessage { call } => self.recordings.end(&call),
            Action::Tape { call, sound, order } => self.tape(call, sound, order),
            Action::Store { call, ask, mut keep } => {
                if let line::Keep::Record(record) = &mut keep {
                    self.stalls.tell(record);
                    self.ears.forget(&record.id);
                    self.metrics.count(record);
                    telling::over(record);
                }
                if let line::Keep::TurnedAway(record) = &keep {
                    self.metrics.count(record);
                }
                self.keeper.keep(call, ask, keep);
            }
            Action::Journal { call, event } => {
                tracing::debug!(target: "firstring::desk", %call, event = %Name(&event), "Told");
                self.keeper.note(&call, &event, now);
            }
            Action::Signalled { call, signal, is_late } => {
                self.keeper.note_signal(&call, &signal, is_late, now)
            }
            Action::TargetFailed { trunk, remote, status } => telling::target_failed(&trunk, remote, status),
            Action::TargetServes { trunk, remote } => {
                tracing::info!(%trunk, %remote, "A host that failed takes calls again");
            }
            // Nobody watching is no error.
            Action::Show(live) => drop(self.live.send(live)),
            Action::Refused(refusal) => {
                let trunk = Some(refusal.trunk.as_str());
                self.refusals.note(now.wall, trunk, Some(refusal.status), &refusal.because);
            }
        }
    }

    fn open_sound(&mut self, sound: SoundId, bind: IpAddr, toward: IpAddr, beside: Option<SoundId>) {
        let bind = self.sockets.facing(bind, toward);
        let opened = |secrets| Ok((self.media.open(leg(sound), bind, beside.map(leg))?, secrets));
        let event = match encrypting::secrets().and_then(opened) {
            Ok((address, secrets)) => {
                let address = self.sockets.as_others_see(address, toward);
                Event::SoundOpened { sound, address, secrets }
            }
            Err(error) => {
                tracing::error!(%error, "No socket or no keys for sound, the call is sent elsewhere");
                Event::SoundRefused { sound }
            }
        };
        self.exchange.handle(event, self.clock.now());
    }

    /// A leg that is gone needs no orders; a thread that takes none is met by the deadlines of its calls.
    fn order(&self, sound: SoundId, order: Order) {
        if let Err(error) = self.media.order(leg(sound), order) {
            tracing::debug!(%error, "An order for a leg came too late");
        }
    }

    fn order_sound(&mut self, sound: SoundId, order: SoundOrder) {
        tracing::trace!(target: "firstring::media", leg = sound.0, order = %Name(&order), "Order");
        match order {
            SoundOrder::Connect { agreed, signalled_by, opening } => {
                let mut connect = connection(&agreed);
                connect.latch = vec![AddressRange::only(signalled_by)];
                if opening == Opening::WeSpeak {
                    connect.filler = Some(self.filler.clone());
                }
                self.opening.insert(sound, connect);
            }
            SoundOrder::Confirmed => {
                self.connect_now(sound);
                self.order(sound, Order::Acked);
            }
            SoundOrder::Change(agreed) => {
                let connect = connection(&agreed);
                let direction = connect.direction;
                self.order(sound, Order::Connect(connect));
                self.order(sound, Order::Direct(direction));
            }
            SoundOrder::TakenOver { agreed, signalled_by } => {
                self.connect_now(sound);
                let latch = vec![AddressRange::only(signalled_by)];
                let connect = Connect { latch, is_another: true, ..connection(&agreed) };
                let direction = connect.direction;
                self.order(sound, Order::Connect(connect));
                self.order(sound, Order::Direct(direction));
            }
            SoundOrder::StopSaying => {
                self.sayings.stop(sound, self.clock.now().mono);
                self.order(sound, Order::StopPlaying);
                self.report_failed();
            }
            SoundOrder::Tone(tone) => self.order(sound, Order::Tone(tone_of(tone))),
            SoundOrder::Bridge { with } => {
                self.connect_now(with);
                self.connect_now(sound);
                self.sayings.forget_gap(sound);
                self.order(sound, Order::Bridge { with: leg(with) });
            }
            SoundOrder::Unbridge => self.order(sound, Order::Unbridge),
            SoundOrder::Close => {
                self.sayings.forget(sound);
                self.listens.remove(&sound);
                self.opening.remove(&sound);
                self.calls.remove(&sound);
                self.order(sound, Order::Close);
            }
        }
    }

    fn connect_now(&mut self, sound: SoundId) {
        if let Some(connect) = self.opening.remove(&sound) {
            self.order(sound, Order::Connect(connect));
        }
    }

    /// Listening makes it the caller's turn, so it waits until what is to be said before has been handed over.
    fn listen(&mut self, sound: SoundId, listen: Listen) {
        self.connect_now(sound);
        if self.sayings.is_rendering(sound) {
            self.listens.insert(sound, listen);
        } else {
            self.order(sound, Order::Listen(listen));
        }
    }

    fn listen_where_all_is_rendered(&mut self) {
        let ready = |sound: &SoundId, _: &mut Listen| !self.sayings.is_rendering(*sound);
        let listens: Vec<_> = self.listens.extract_if(.., ready).collect();
        for (sound, listen) in listens {
            self.order(sound, Order::Listen(listen));
        }
    }

    fn take_message(&mut self, call: CallId, sound: SoundId, id: String, hang: Duration) {
        let (tap, heard) = RingTap::with_room(TAP);
        self.order(sound, Order::Tone(Some(media::Tone::Beep)));
        self.recordings.begin(call, id, heard);
        let message = Listen { ours_from: OursFrom::EndOfPause, ..turn(hang, LONGEST_MESSAGE, tap) };
        self.listen(sound, message);
    }

    /// The leg hands out its packets, and the thread that writes them is told what counts.
    fn tape(&mut self, call: CallId, sound: SoundId, order: TapeOrder) {
        let now = self.clock.now();
        let (told, recording) = match order {
            TapeOrder::Begin { started, since_start } => {
                let begun = Begun { started, since_start, at: now.mono };
                let recorder = self.tapes.begin(call.clone(), begun);
                self.unfinished.extend(recorder.is_some().then_some(call));
                (recorder.is_some(), recorder.map_or(Recording::End, Recording::To))
            }
            TapeOrder::Pause { since } => (self.tapes.pause(call, since), Recording::Pause),
            TapeOrder::Resume => (self.tapes.resume(call, now.mono), Recording::Resume),
            TapeOrder::End => (self.tapes.end(call, now.mono), Recording::End),
            TapeOrder::Destroy => {
                self.unfinished.remove(&call);
                (self.tapes.destroy(call), Recording::End)
            }
        };
        self.order(sound, Order::Record(if told { recording } else { Recording::End }));
    }

    /// Hands over what is rendered. The first words of a leg go with its connection: they wait for the path.
    fn play(&mut self) {
        while let Some(next) = self.sayings.poll_play() {
            let clip = next.clip.samples().clone();
            let play = Play { id: next.id, clip, interruptible: next.interruptible };
            match self.opening.remove(&next.sound) {
                Some(mut connect) if connect.greeting.is_none() => {
                    connect.greeting = Some(play);
                    self.order(next.sound, Order::Connect(connect));
                }
                _ => self.order(next.sound, Order::Play(play)),
            }
        }
        self.listen_where_all_is_rendered();
        self.report_failed();
    }

    fn report_failed(&mut self) {
        while let Some((sound, event)) = self.sayings.poll_failed() {
            self.exchange.handle(Event::Sound { sound, event }, self.clock.now());
        }
    }

    /// The sound of a leg reports: what the desk is to know goes on to the exchange.
    fn media_reports(&mut self, sound: SoundId, event: media::Event) {
        let call = self.calls.get(&sound).map(|call| &*call.0);
        tracing::trace!(target: "firstring::media", leg = sound.0, call, event = %Name(&event), "Event");
        let told = match event {
            media::Event::Spoke { id, at, gap } => self.sayings.began(sound, id, at, gap),
            media::Event::Played { id: ClipId::FILLER, at, .. } => Some(SoundEvent::FillerEnded { at }),
            media::Event::Played { id, complete, samples: _, at } => {
                self.sayings.ended(sound, id, complete, at)
            }
            media::Event::SpeechStarted { position: _, at } => {
                if let Some(call) = self.calls.get(&sound) {
                    self.ears.speaking(call);
                }
                self.sayings.forget_gap(sound);
                Some(SoundEvent::SpeechStarted { at })
            }
            media::Event::SpeechEnded { position: _, voiced: _, at, why } => match why {
                SpeechEnd::Quiet | SpeechEnd::TooLong => Some(SoundEvent::SpeechEnded { at }),
                // The desk stopped listening by itself.
                SpeechEnd::Cut => None,
            },
            media::Event::Digit { digit, at } => Some(SoundEvent::Digit { digit: digit.as_char(), at }),
            media::Event::FillerPlayed { at, .. } => Some(SoundEvent::FillerBegan { at }),
            media::Event::MediaTimeout { .. } => Some(SoundEvent::Silent),
            media::Event::HeldInSilence { .. } => Some(SoundEvent::HeldInSilence),
            media::Event::HoldIsHeard { .. } => Some(SoundEvent::HoldIsHeard),
            media::Event::Closed { quality, at: _ } => Some(closed(&quality)),
            media::Event::FirstPacket { .. }
            | media::Event::BargedIn { .. }
            | media::Event::MediaBack { .. } => None,
        };
        if let Some(event) = told {
            self.tell(Event::Sound { sound, event });
        }
    }
}

fn leg(sound: SoundId) -> LegId {
    LegId(sound.0)
}

fn turn(hang: Duration, max: Duration, tap: Box<dyn media::Tap>) -> Listen {
    Listen { hang, max, tap: Some(tap), barge_in: BargeIn::DuckThenStop, ours_from: OursFrom::LastWord }
}

fn closed(quality: &media::Quality) -> SoundEvent {
    SoundEvent::Closed {
        first_word: quality.first_word_ms.map(Duration::from_millis),
        longest_silence: Duration::from_millis(quality.longest_silence_ms),
        quality: (quality.received > 0).then_some(desk::record::Quality {
            jitter_ms: quality.jitter_ms,
            loss_ratio: quality.loss_ratio,
            mos: quality.mos,
            to_trunk_ms: quality.to_trunk_ms,
            there: quality.far_end.map(|there| desk::record::Arrived {
                jitter_ms: there.jitter_ms,
                loss_ratio: there.loss_ratio,
                mos: there.mos,
            }),
        }),
    }
}

fn tone_of(tone: desk::call::Tone) -> Option<media::Tone> {
    match tone {
        desk::call::Tone::Silence => None,
        desk::call::Tone::Ringback => Some(media::Tone::Ringback),
        desk::call::Tone::Music => Some(media::Tone::Music),
    }
}
