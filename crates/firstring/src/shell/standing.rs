//! How the desk stands at this moment, for the console: written by the control thread, mostly, and read by the web.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use desk::hours::Openness;
use jiff::Timestamp;
use line::{Exchange, Refuses};

use crate::config::Config;
use crate::shell::clock::Clock;
use crate::shell::keeping::Keeper;
use crate::shell::resolving::Lost;
use crate::shell::taping;
use crate::web::{Drills, Line, OpenNow, Registration, Standing, StoreHealth, Trunk};

/// So long without a turn of its work, and the control thread hangs: it wakes every second of itself.
const HANGS_AFTER: Duration = Duration::from_secs(4);

/// What changes from call to call.
#[derive(Debug, Default)]
pub struct Board {
    /// When the control thread last finished a turn of its work, in milliseconds of monotonic time.
    turned_ms: AtomicU64,
    calls_up: AtomicU32,
    channels_up: BTreeMap<String, AtomicU32>,
    letters_dropped: AtomicU64,
    journal_lines_dropped: AtomicU64,
    strange_packets: AtomicU64,
    unreadable_packets: AtomicU64,
    sound_is_late: AtomicBool,
    voices_refused: AtomicBool,
    calls_refused: AtomicBool,
    held_back_ms: AtomicU64,
    registrations: Mutex<BTreeMap<String, Registration>>,
    lost: Arc<Lost>,
    taping: Arc<taping::Health>,
    store: Mutex<StoreHealth>,
}

/// Whether this machine keeps pace with its callers.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Sound leaves so late that callers hear it.
    pub sound_is_late: bool,
    /// What is refused to new callers because of it.
    pub refuses: Refuses,
}

/// Held back for longer than this of five seconds, callers hear it sooner or later.
const HELD_BACK: Duration = Duration::from_millis(100);

impl Board {
    /// Nothing is going on.
    pub fn new(config: &Config) -> Board {
        let channels_up = config.trunks.iter().map(|trunk| (trunk.name.clone(), AtomicU32::new(0))).collect();
        let joining = config.trunks.iter().filter(|trunk| trunk.joining.is_some());
        let registrations = joining.map(|trunk| (trunk.name.clone(), Registration::not_yet())).collect();
        Board { channels_up, registrations: Mutex::new(registrations), ..Board::default() }
    }

    /// Where hosts that cannot be found are told.
    pub fn lost(&self) -> Arc<Lost> {
        Arc::clone(&self.lost)
    }

    /// Where it is told how recording goes.
    pub fn taping(&self) -> Arc<taping::Health> {
        Arc::clone(&self.taping)
    }

    /// A registration stands otherwise than before, or a try has failed.
    pub fn registered(&self, told: &sip::Registration) {
        let now = Registration::of(told);
        let mut registrations = self.registrations.lock().unwrap_or_else(PoisonError::into_inner);
        let before = registrations.insert(told.name.to_string(), now.clone());
        drop(registrations);
        if before.as_ref() == Some(&now) {
            return;
        }
        let trunk = &told.name;
        match told.state {
            sip::RegistrationState::Registered => tracing::info!(%trunk, "Registered, calls reach us"),
            sip::RegistrationState::Unregistered => tracing::info!(%trunk, "Registered no more"),
            sip::RegistrationState::Interrupted | sip::RegistrationState::Refused => {
                tracing::warn!(%trunk, why = %now.reason, "Not registered, so calls over this trunk may not reach us");
            }
        }
    }

    /// For how long the container's limit held us back, of the last five seconds.
    pub fn held_back(&self, held_back: Duration) {
        let held_back = u64::try_from(held_back.as_millis()).unwrap_or(u64::MAX);
        self.held_back_ms.store(held_back, Ordering::Relaxed);
    }

    /// Written by the control thread after each turn of its work.
    pub fn write(
        &self,
        now: Duration,
        (agent, exchange): (&sip::Agent, &Exchange),
        keeper: &Keeper,
        letters_dropped: u64,
        pace: Pace,
    ) {
        self.turned_ms.store(u64::try_from(now.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let packets = agent.counts();
        self.strange_packets.store(packets.strange_packets, Ordering::Relaxed);
        self.unreadable_packets.store(packets.unreadable_packets, Ordering::Relaxed);
        self.sound_is_late.store(pace.sound_is_late, Ordering::Relaxed);
        self.voices_refused.store(pace.refuses >= Refuses::Voices, Ordering::Relaxed);
        self.calls_refused.store(pace.refuses >= Refuses::Calls, Ordering::Relaxed);
        let up = u32::try_from(exchange.calls_up()).unwrap_or(u32::MAX);
        self.calls_up.store(up, Ordering::Relaxed);
        self.letters_dropped.store(letters_dropped, Ordering::Relaxed);
        self.journal_lines_dropped.store(keeper.journal_lines_dropped(), Ordering::Relaxed);
        for (trunk, taken, _) in exchange.board().channels() {
            if let Some(known) = self.channels_up.get(trunk) {
                known.store(taken, Ordering::Relaxed);
            }
        }
        if let Ok(mut store) = self.store.try_lock() {
            *store = keeper.health().into();
        }
    }
}

impl Board {
    /// How long the control thread has done nothing, if that is longer than it can be well.
    fn hangs(&self, now: Duration) -> Option<Duration> {
        let turned = Duration::from_millis(self.turned_ms.load(Ordering::Relaxed));
        Some(now.saturating_sub(turned)).filter(|idle| *idle > HANGS_AFTER)
    }

    fn refuses(&self) -> Refuses {
        let is = |refused: &AtomicBool| refused.load(Ordering::Relaxed);
        match (is(&self.calls_refused), is(&self.voices_refused)) {
            (true, _) => Refuses::Calls,
            (false, true) => Refuses::Voices,
            (false, false) => Refuses::Nothing,
        }
    }

    /// What callers meet while sound leaves late, and what helps.
    fn late_sound(&self) -> Option<String> {
        let met = match self.refuses() {
            Refuses::Nothing if !self.sound_is_late.load(Ordering::Relaxed) => return None,
            Refuses::Nothing => "callers hear gaps",
            Refuses::Voices => "new callers go to people or leave a message, past the assistant",
            Refuses::Calls => "new calls are refused, for their carrier to bring them elsewhere",
        };
        Some(format!(
            "sound leaves late: this machine is short of a core, so {met}; give it a core more, or its trunks fewer channels"
        ))
    }
}

/// Everything the console shows of this moment.
pub fn standing(
    config: &Config,
    clock: Clock,
    started: Timestamp,
    board: &Board,
    drills: &Drills,
) -> Standing {
    let store = board.store.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let now = clock.now();
    let hangs = board.hangs(now.mono);
    let mut troubles = Vec::new();
    if let Some(idle) = hangs {
        troubles.push(format!(
            "no call has been looked after for {} s, so callers get no answer and who is on the line hears no more than the \
             filler: restart the desk, and keep its log",
            idle.as_secs()
        ));
    }
    if let Some(why) = &store.failing {
        troubles.push(format!("nothing can be stored, so nothing is promised to callers: {why}"));
    }
    let dropped = board.letters_dropped.load(Ordering::Relaxed);
    if dropped > 0 {
        troubles.push(format!("{dropped} messages between threads were dropped: this machine is overloaded"));
    }
    troubles.extend(board.late_sound());
    let held_back = Duration::from_millis(board.held_back_ms.load(Ordering::Relaxed));
    if held_back >= HELD_BACK {
        troubles.push(format!(
            "the container's processor limit held the desk back for {} ms of the last 5 s, and callers hear that as gaps: raise \
             its limit, or take it off",
            held_back.as_millis()
        ));
    }
    troubles.extend(board.lost.troubles());
    troubles.extend(board.taping.troubles());
    let registrations = board.registrations.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (trunk, registration) in &registrations {
        if registration.state == "interrupted" || registration.state == "refused" {
            troubles.push(format!(
                "trunk {trunk} is not registered, so its calls may not reach us: {}",
                registration.reason
            ));
        }
    }
    if let Some(drill) = drills.current() {
        troubles.push(format!(
            "a drill goes on: calls of trunk {} meet nobody until {}",
            drill.trunk, drill.until
        ));
    }
    Standing {
        now: now.wall,
        started,
        hangs,
        refuses: board.refuses(),
        calls_up: board.calls_up.load(Ordering::Relaxed),
        lines: lines(config, now.wall),
        trunks: trunks(config, board, &registrations),
        troubles,
        store,
        recordings: board.taping.standing(),
        strange_packets: board.strange_packets.load(Ordering::Relaxed),
        unreadable_packets: board.unreadable_packets.load(Ordering::Relaxed),
        journal_lines_dropped: board.journal_lines_dropped.load(Ordering::Relaxed),
    }
}

fn lines(config: &Config, now: Timestamp) -> Vec<Line> {
    let business = &config.business;
    let shown = |(number, line): (&desk::number::E164, &desk::business::Line)| {
        let openness = business.office_of(line).map_or(Openness::Closed, |office| office.hours.openness(now));
        Line {
            number: number.clone(),
            trunk: line.trunk.clone(),
            office: line.office.clone(),
            plan: line.plan.clone(),
            assistant: line.assistant.clone(),
            open: match openness {
                Openness::Open => OpenNow::Open,
                Openness::Closed => OpenNow::Closed,
                Openness::Holiday => OpenNow::Holiday,
            },
        }
    };
    business.lines.iter().map(shown).collect()
}

/// As it is written: addresses, ranges, hosts and certificates' domains.
fn accept_from(trunk: &crate::config::TrunkSettings) -> Vec<String> {
    let ranges = trunk.accept_from.iter().map(ToString::to_string);
    let certificates = trunk.accept_certificates.iter().map(|domain| format!("tls:{domain}"));
    ranges.chain(trunk.accept_names.iter().cloned()).chain(certificates).collect()
}

fn trunks(config: &Config, board: &Board, registrations: &BTreeMap<String, Registration>) -> Vec<Trunk> {
    let shown = |trunk: &crate::config::TrunkSettings| Trunk {
        name: trunk.name.clone(),
        carrier: trunk.carrier_word().to_string(),
        accept_from: accept_from(trunk),
        channels: trunk.channels,
        channels_up: board.channels_up.get(&trunk.name).map_or(0, |up| up.load(Ordering::Relaxed)),
        registration: registrations.get(&trunk.name).cloned(),
        without_us: trunk.without_us.clone(),
    };
    config.trunks.iter().map(shown).collect()
}
