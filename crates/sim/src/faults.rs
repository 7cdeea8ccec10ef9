//! What goes wrong, and how often.
//!
//! Each number is a probability from 0 to 1, thrown where the thing could happen. All zero is a perfect day:
//! everybody picks up, everything is heard, stored and spoken.

use std::collections::BTreeMap;

/// How likely each fault is, whenever it could happen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// A person's phone is busy.
    pub person_busy: f64,
    /// A person declines.
    pub person_declines: f64,
    /// A person does not pick up.
    pub person_absent: f64,
    /// A person picks up just when ringing ends, crossing our giving up.
    pub person_late: f64,
    /// A machine picks up, or somebody who does not press 1.
    pub person_machine: f64,
    /// A person's phone or trunk cannot be reached.
    pub person_unreachable: f64,
    /// What was said was not understood.
    pub misheard: f64,
    /// Speech is taken for noise.
    pub unheard: f64,
    /// The hearing engine fails.
    pub hearing_fails: f64,
    /// It answers after the desk has given up waiting.
    pub hearing_late: f64,
    /// It never answers.
    pub hearing_silent: f64,
    /// It answers a second time, when nobody asks any more.
    pub hearing_again: f64,
    /// A sentence cannot be spoken at all.
    pub speaking_fails: f64,
    /// A sentence that is not prepared takes 1.5 to 8 s to render.
    pub speaking_slow: f64,
    /// The store refuses something.
    pub store_refuses: f64,
    /// The store answers after the desk has given up waiting.
    pub store_late: f64,
    /// The store never answers; nothing was stored.
    pub store_silent: f64,
    /// The recording of a message cannot be written.
    pub recording_fails: f64,
    /// A recording is never closed.
    pub recording_silent: f64,
    /// No socket is to be had for a leg's sound.
    pub socket_refused: f64,
    /// Our 200 is never acknowledged.
    pub ack_lost: f64,
    /// The caller's sound stops coming in mid-call.
    pub line_dies: f64,
    /// A closed leg does not tell how it sounded.
    pub report_lost: f64,
    /// A caller hangs up, whatever is being said.
    pub caller_drops: f64,
    /// A caller who hung up calls again at once.
    pub calls_again: f64,
    /// The desk is stopped in the middle of the day (thrown once a day).
    pub desk_stops: f64,
    /// Forty calls within a minute (thrown once a day).
    pub storm: f64,
    /// The hearing engine succeeds with no words at all.
    pub hearing_empty: f64,
    /// Something is stored, and the answer that it is gets lost.
    pub store_reply_lost: f64,
    /// A trunk cuts off every call on it, once or several times in a row (thrown once a day).
    pub trunk_drops: f64,
    /// Nothing passes over a trunk for minutes (thrown once a day).
    pub trunk_down: f64,
    /// The process ends in mid-call without a word and is started anew (thrown once a day).
    pub desk_dies: f64,
    /// The clock is set by up to two hours, forward or back (thrown once a day).
    pub clock_steps: f64,
    /// The day is one on which the office's clocks change (thrown once a day).
    pub dst_night: f64,
    /// The machine is short of a core for minutes, so that sound leaves late (thrown once a day).
    pub core_short: f64,
}

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Fault {
    PersonBusy,
    PersonDeclines,
    PersonAbsent,
    PersonLate,
    PersonMachine,
    PersonUnreachable,
    Misheard,
    Unheard,
    HearingFails,
    HearingLate,
    HearingSilent,
    HearingAgain,
    SpeakingFails,
    SpeakingSlow,
    StoreRefuses,
    StoreLate,
    StoreSilent,
    RecordingFails,
    RecordingSilent,
    SocketRefused,
    AckLost,
    LineDies,
    ReportLost,
    CallerDrops,
    CallsAgain,
    DeskStops,
    Storm,
    HearingEmpty,
    StoreReplyLost,
    TrunkDrops,
    TrunkDown,
    DeskDies,
    ClockSteps,
    DstNight,
    CoreShort,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Fault; 35] = [
        Fault::PersonBusy,
        Fault::PersonDeclines,
        Fault::PersonAbsent,
        Fault::PersonLate,
        Fault::PersonMachine,
        Fault::PersonUnreachable,
        Fault::Misheard,
        Fault::Unheard,
        Fault::HearingFails,
        Fault::HearingLate,
        Fault::HearingSilent,
        Fault::HearingAgain,
        Fault::SpeakingFails,
        Fault::SpeakingSlow,
        Fault::StoreRefuses,
        Fault::StoreLate,
        Fault::StoreSilent,
        Fault::RecordingFails,
        Fault::RecordingSilent,
        Fault::SocketRefused,
        Fault::AckLost,
        Fault::LineDies,
        Fault::ReportLost,
        Fault::CallerDrops,
        Fault::CallsAgain,
        Fault::DeskStops,
        Fault::Storm,
        Fault::HearingEmpty,
        Fault::StoreReplyLost,
        Fault::TrunkDrops,
        Fault::TrunkDown,
        Fault::DeskDies,
        Fault::ClockSteps,
        Fault::DstNight,
        Fault::CoreShort,
    ];

    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Fault::PersonBusy => "person_busy",
            Fault::PersonDeclines => "person_declines",
            Fault::PersonAbsent => "person_absent",
            Fault::PersonLate => "person_late",
            Fault::PersonMachine => "person_machine",
            Fault::PersonUnreachable => "person_unreachable",
            Fault::Misheard => "misheard",
            Fault::Unheard => "unheard",
            Fault::HearingFails => "hearing_fails",
            Fault::HearingLate => "hearing_late",
            Fault::HearingSilent => "hearing_silent",
            Fault::HearingAgain => "hearing_again",
            Fault::SpeakingFails => "speaking_fails",
            Fault::SpeakingSlow => "speaking_slow",
            Fault::StoreRefuses => "store_refuses",
            Fault::StoreLate => "store_late",
            Fault::StoreSilent => "store_silent",
            Fault::RecordingFails => "recording_fails",
            Fault::RecordingSilent => "recording_silent",
            Fault::SocketRefused => "socket_refused",
            Fault::AckLost => "ack_lost",
            Fault::LineDies => "line_dies",
            Fault::ReportLost => "report_lost",
            Fault::CallerDrops => "caller_drops",
            Fault::CallsAgain => "calls_again",
            Fault::DeskStops => "desk_stops",
            Fault::Storm => "storm",
            Fault::HearingEmpty => "hearing_empty",
            Fault::StoreReplyLost => "store_reply_lost",
            Fault::TrunkDrops => "trunk_drops",
            Fault::TrunkDown => "trunk_down",
            Fault::DeskDies => "desk_dies",
            Fault::ClockSteps => "clock_steps",
            Fault::DstNight => "dst_night",
            Fault::CoreShort => "core_short",
        }
    }
}

/// How often each fault was thrown.
pub type Thrown = BTreeMap<Fault, u64>;

impl Faults {
    /// The same without one kind.
    #[must_use]
    pub fn without(mut self, fault: Fault) -> Faults {
        *self.part(fault) = 0.0;
        self
    }

    /// Every kind that can happen at all.
    pub fn kinds(&self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(|fault| self.odds(*fault) > 0.0)
    }

    fn part(&mut self, of: Fault) -> &mut f64 {
        match of {
            Fault::PersonBusy => &mut self.person_busy,
            Fault::PersonDeclines => &mut self.person_declines,
            Fault::PersonAbsent => &mut self.person_absent,
            Fault::PersonLate => &mut self.person_late,
            Fault::PersonMachine => &mut self.person_machine,
            Fault::PersonUnreachable => &mut self.person_unreachable,
            Fault::Misheard => &mut self.misheard,
            Fault::Unheard => &mut self.unheard,
            Fault::HearingFails => &mut self.hearing_fails,
            Fault::HearingLate => &mut self.hearing_late,
            Fault::HearingSilent => &mut self.hearing_silent,
            Fault::HearingAgain => &mut self.hearing_again,
            Fault::SpeakingFails => &mut self.speaking_fails,
            Fault::SpeakingSlow => &mut self.speaking_slow,
            Fault::StoreRefuses => &mut self.store_refuses,
            Fault::StoreLate => &mut self.store_late,
            Fault::StoreSilent => &mut self.store_silent,
            Fault::RecordingFails => &mut self.recording_fails,
            Fault::RecordingSilent => &mut self.recording_silent,
            Fault::SocketRefused => &mut self.socket_refused,
            Fault::AckLost => &mut self.ack_lost,
            Fault::LineDies => &mut self.line_dies,
            Fault::ReportLost => &mut self.report_lost,
            Fault::CallerDrops => &mut self.caller_drops,
            Fault::CallsAgain => &mut self.calls_again,
            Fault::DeskStops => &mut self.desk_stops,
            Fault::Storm => &mut self.storm,
            Fault::HearingEmpty => &mut self.hearing_empty,
            Fault::StoreReplyLost => &mut self.store_reply_lost,
            Fault::TrunkDrops => &mut self.trunk_drops,
            Fault::TrunkDown => &mut self.trunk_down,
            Fault::DeskDies => &mut self.desk_dies,
            Fault::ClockSteps => &mut self.clock_steps,
            Fault::DstNight => &mut self.dst_night,
            Fault::CoreShort => &mut self.core_short,
        }
    }

    /// How likely one kind is.
    pub fn odds(&self, of: Fault) -> f64 {
        match of {
            Fault::PersonBusy => self.person_busy,
            Fault::PersonDeclines => self.person_declines,
            Fault::PersonAbsent => self.person_absent,
            Fault::PersonLate => self.person_late,
            Fault::PersonMachine => self.person_machine,
            Fault::PersonUnreachable => self.person_unreachable,
            Fault::Misheard => self.misheard,
            Fault::Unheard => self.unheard,
            Fault::HearingFails => self.hearing_fails,
            Fault::HearingLate => self.hearing_late,
            Fault::HearingSilent => self.hearing_silent,
            Fault::HearingAgain => self.hearing_again,
            Fault::SpeakingFails => self.speaking_fails,
            Fault::SpeakingSlow => self.speaking_slow,
            Fault::StoreRefuses => self.store_refuses,
            Fault::StoreLate => self.store_late,
            Fault::StoreSilent => self.store_silent,
            Fault::RecordingFails => self.recording_fails,
            Fault::RecordingSilent => self.recording_silent,
            Fault::SocketRefused => self.socket_refused,
            Fault::AckLost => self.ack_lost,
            Fault::LineDies => self.line_dies,
            Fault::ReportLost => self.report_lost,
            Fault::CallerDrops => self.caller_drops,
            Fault::CallsAgain => self.calls_again,
            Fault::DeskStops => self.desk_stops,
            Fault::Storm => self.storm,
            Fault::HearingEmpty => self.hearing_empty,
            Fault::StoreReplyLost => self.store_reply_lost,
            Fault::TrunkDrops => self.trunk_drops,
            Fault::TrunkDown => self.trunk_down,
            Fault::DeskDies => self.desk_dies,
            Fault::ClockSteps => self.clock_steps,
            Fault::DstNight => self.dst_night,
            Fault::CoreShort => self.core_short,
        }
    }

    /// A perfect day.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// A day as they are: people are out, some words are not understood, now and then something is slow.
    pub fn ordinary() -> Faults {
        Faults {
            person_busy: 0.1,
            person_declines: 0.1,
            person_absent: 0.25,
            person_late: 0.05,
            person_machine: 0.2,
            misheard: 0.08,
            unheard: 0.03,
            speaking_slow: 0.02,
            caller_drops: 0.02,
            calls_again: 0.3,
            report_lost: 0.01,
            ..Faults::default()
        }
    }

    /// Days as they are, on which everything else goes wrong now and then as well: what an owner's plans are tried with.
    pub fn rehearsal() -> Faults {
        let rarely = 0.01;
        Faults {
            person_unreachable: rarely,
            hearing_fails: rarely,
            hearing_late: rarely,
            hearing_silent: rarely,
            hearing_again: rarely,
            speaking_fails: rarely,
            store_refuses: rarely,
            store_late: rarely,
            store_silent: rarely,
            recording_fails: 0.05,
            recording_silent: 0.05,
            socket_refused: rarely,
            ack_lost: rarely,
            line_dies: rarely,
            hearing_empty: rarely,
            store_reply_lost: rarely,
            desk_stops: 0.15,
            storm: 0.15,
            trunk_drops: 0.15,
            trunk_down: 0.15,
            desk_dies: 0.15,
            clock_steps: 0.2,
            dst_night: 0.15,
            core_short: 0.15,
            ..Faults::ordinary()
        }
    }

    /// Engines that fail, stall and answer late.
    pub fn bad_engines() -> Faults {
        Faults {
            misheard: 0.2,
            unheard: 0.1,
            hearing_fails: 0.1,
            hearing_late: 0.1,
            hearing_silent: 0.1,
            hearing_again: 0.1,
            hearing_empty: 0.05,
            speaking_fails: 0.05,
            speaking_slow: 0.3,
            core_short: 0.3,
            ..Faults::ordinary()
        }
    }

    /// A disk that refuses, stalls and forgets.
    pub fn bad_disk() -> Faults {
        Faults {
            store_refuses: 0.25,
            store_late: 0.2,
            store_silent: 0.2,
            store_reply_lost: 0.1,
            recording_fails: 0.2,
            recording_silent: 0.1,
            ..Faults::ordinary()
        }
    }

    /// Trunks and phones that break off, people who are hard to reach, storms, and a desk that is stopped.
    pub fn bad_lines() -> Faults {
        Faults {
            person_unreachable: 0.2,
            person_absent: 0.4,
            person_late: 0.2,
            socket_refused: 0.05,
            ack_lost: 0.03,
            line_dies: 0.05,
            report_lost: 0.1,
            caller_drops: 0.15,
            desk_stops: 0.3,
            storm: 0.3,
            trunk_drops: 0.3,
            trunk_down: 0.3,
            desk_dies: 0.3,
            clock_steps: 0.3,
            dst_night: 0.3,
            ..Faults::ordinary()
        }
    }

    /// Everything at once.
    pub fn everything() -> Faults {
        let (engines, disk) = (Faults::bad_engines(), Faults::bad_disk());
        Faults {
            misheard: engines.misheard,
            unheard: engines.unheard,
            hearing_fails: engines.hearing_fails,
            hearing_late: engines.hearing_late,
            hearing_silent: engines.hearing_silent,
            hearing_again: engines.hearing_again,
            hearing_empty: engines.hearing_empty,
            speaking_fails: engines.speaking_fails,
            speaking_slow: engines.speaking_slow,
            core_short: engines.core_short,
            store_refuses: disk.store_refuses,
            store_late: disk.store_late,
            store_silent: disk.store_silent,
            store_reply_lost: disk.store_reply_lost,
            recording_fails: disk.recording_fails,
            recording_silent: disk.recording_silent,
            ..Faults::bad_lines()
        }
    }
}
