//! A real call once more, from its journal: the desk is told what it was told, when it was told, and orders nobody carries out.
//!
//! A journal holds everything a desk ever hears. Deadlines are met when it says that they were, so that what was decided then
//! is decided again; those it does not tell of, at their own moments. Invariant: no rule of a call stands here.

use std::sync::Arc;
use std::time::Duration;

use desk::business::Business;
use desk::call::{Action, Arrival, Call, Event, Why};
use desk::machine::{Deadline, Moment};
use desk::record::Record;
use serde_json::Value;

/// Why a call cannot be lived through again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReplayed(pub String);

/// A call lived through once more.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// What the very same words and moments give today.
    pub record: Record,
    /// The call went on after the last line of its journal, and its caller was taken to be gone by then: lines are missing, or
    /// it goes another way today.
    pub is_cut: bool,
}

/// The very same words at the very same moments.
///
/// # Errors
/// If a line of the journal cannot be read, or it is of another business.
pub fn replay(business: &Arc<Business>, journal: &[String]) -> Result<Replayed, NotReplayed> {
    let arrival = arrival(journal.first())?;
    let told: Vec<(Moment, Told)> =
        journal.iter().skip(1).filter_map(|line| told(line).transpose()).collect::<Result<_, _>>()?;
    let Some(line) = business.lines.get(&arrival.line).cloned() else {
        return Err(NotReplayed(format!(
            "{} is none of the lines of this configuration; name the configuration that the call came in on, or add its \
             [[line]]",
            arrival.line
        )));
    };
    let Some((first, _)) = told.first() else {
        return Err(NotReplayed(format!("the journal tells of no event; {REMEDY}")));
    };
    let call = Call::new(Arc::clone(business), line, arrival, *first);
    let mut again = Again { call, record: None, now: *first, wakes: Vec::new(), stalls: Vec::new() };
    again.knows(&told);
    for (at, told) in told {
        again.pass_to(at);
        match told {
            Told::Event(event) => again.call.handle(event, at),
            Told::Woken(wake) => again.wake(&wake, at),
            Told::StoodStill(_) => {}
        }
        again.drain();
    }
    again.let_pass();
    let is_cut = again.record.is_none();
    if is_cut {
        again.call.handle(Event::CallerGone, again.now);
        again.drain();
        again.let_pass();
    }
    let record = again.record.ok_or_else(|| NotReplayed(format!("the call does not end; {REMEDY}")))?;
    Ok(Replayed { record, is_cut })
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Event(Event),
    Woken(Wake),
    StoodStill(Stall),
}

/// A deadline as it was met.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Wake {
    due: Duration,
    why: Why,
    met: Duration,
}

impl Wake {
    /// Deadlines are counted from the moments of events, and a journal notes those some microseconds late.
    fn is_of(&self, deadline: &Deadline<Why>) -> bool {
        self.why == deadline.why && self.due.abs_diff(deadline.at) <= ALIKE
    }
}

/// A time during which the desk was kept from its work.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stall {
    from: Duration,
    to: Duration,
}

struct Again {
    call: Call,
    record: Option<Record>,
    now: Moment,
    /// Deadlines that the journal says were met, and when.
    wakes: Vec<Wake>,
    stalls: Vec<Stall>,
}

/// A call is over long before.
const MOST_DEADLINES: usize = 1_000;
/// What was not told until then was never told.
const WAITS: Duration = Duration::from_secs(60);
/// What happened while the desk stood still has been told by then.
const TURN: Duration = Duration::from_millis(500);
/// What came this soon after a deadline, of which the journal does not say that it was met, was told before it: both were due in
/// one turn of the desk's work.
const SAME_TURN: Duration = Duration::from_millis(50);
/// Two deadlines of one name are further apart.
const ALIKE: Duration = Duration::from_millis(100);
/// Nothing brings back what a journal has lost; the record was written apart from it.
const REMEDY: &str = "`firstring explain` tells from its record what happened";

impl Again {
    /// When deadlines were met, and when they could not be.
    fn knows(&mut self, told: &[(Moment, Told)]) {
        for (_, told) in told {
            match told {
                Told::Woken(wake) => self.wakes.push(*wake),
                Told::StoodStill(stall) => self.stalls.push(*stall),
                Told::Event(_) => {}
            }
        }
    }

    /// Meets what is due before this moment, unless it was met later: a desk that was kept from its work hears first what
    /// happened meanwhile.
    fn pass_to(&mut self, at: Moment) {
        for _ in 0..MOST_DEADLINES {
            let due = self.call.poll_deadline().filter(|deadline| deadline.at < at.mono);
            let Some(due) = due.filter(|deadline| !self.is_met_later(deadline, at)) else { break };
            let early = at.mono.saturating_sub(due.at);
            let wall = at.wall.checked_sub(jiff::SignedDuration::try_from(early).unwrap_or_default());
            let due = Moment { mono: due.at.max(self.now.mono), wall: wall.unwrap_or(at.wall) };
            self.call.handle_deadline(due);
            self.drain();
        }
        self.now = at;
    }

    fn is_met_later(&self, deadline: &Deadline<Why>, at: Moment) -> bool {
        let stood_still =
            |stall: &Stall| (stall.from..=stall.to).contains(&deadline.at) && at.mono <= stall.to + TURN;
        self.wakes.iter().any(|wake| wake.met >= at.mono && wake.is_of(deadline))
            || self.stalls.iter().any(stood_still)
            || self.is_overtaken(deadline, at)
    }

    fn is_overtaken(&self, deadline: &Deadline<Why>, at: Moment) -> bool {
        let is_told = self.wakes.iter().any(|wake| wake.is_of(deadline));
        !is_told && at.mono.saturating_sub(deadline.at) <= SAME_TURN
    }

    /// A deadline is met when it was. One that is not there any more belongs to a call that goes another way.
    fn wake(&mut self, wake: &Wake, at: Moment) {
        if let Some(deadline) = self.call.poll_deadline().filter(|deadline| wake.is_of(deadline)) {
            self.call.handle_deadline(Moment { mono: at.mono.max(deadline.at), ..at });
        }
    }

    /// Nothing more is told: the last deadlines pass.
    fn let_pass(&mut self) {
        let end = self.now.after(WAITS);
        self.pass_to(end);
    }

    fn drain(&mut self) {
        while let Some(action) = self.call.poll_action() {
            if let Action::File(record) = action {
                self.record = Some(*record);
            }
        }
    }
}

fn arrival(line: Option<&String>) -> Result<Arrival, NotReplayed> {
    let line = line.ok_or_else(|| NotReplayed(format!("the journal is empty; {REMEDY}")))?;
    let first: Value = parsed(line)?;
    if first["event"] != "came_in" {
        return Err(NotReplayed(format!("the journal does not begin where the call came in; {REMEDY}")));
    }
    serde_json::from_value(first)
        .map_err(|error| NotReplayed(format!("who called cannot be read: {error}; {REMEDY}")))
}

/// One line: what the desk was told and when; nothing if the line tells of SIP.
fn told(line: &str) -> Result<Option<(Moment, Told)>, NotReplayed> {
    let mut line: Value = parsed(line)?;
    if line["event"] == "sip" {
        return Ok(None);
    }
    let unreadable =
        |error: serde_json::Error| NotReplayed(format!("an event cannot be read: {error}; {REMEDY}"));
    let moment = line.as_object_mut().and_then(|line| line.remove("moment")).unwrap_or_default();
    let moment: Moment = serde_json::from_value(moment).map_err(unreadable)?;
    let told = match line["event"].as_str() {
        Some("woken") => Told::Woken(Wake {
            due: serde_json::from_value(line["due"].take()).map_err(unreadable)?,
            why: serde_json::from_value(line["why"].take()).map_err(unreadable)?,
            met: moment.mono,
        }),
        Some("stood_still") => Told::StoodStill(Stall {
            from: serde_json::from_value(line["from"].take()).map_err(unreadable)?,
            to: moment.mono,
        }),
        _ => Told::Event(serde_json::from_value(line).map_err(unreadable)?),
    };
    Ok(Some((moment, told)))
}

fn parsed(line: &str) -> Result<Value, NotReplayed> {
    serde_json::from_str(line)
        .map_err(|error| NotReplayed(format!("a line of the journal cannot be read: {error}; {REMEDY}")))
}

/// How a record differs from another of the same call in what was tried and where it ended; nothing if it does not.
pub fn differences(before: &Record, again: &Record) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, before: String, again: String| {
        if before != again {
            differences.push(format!("{what} was {before}, and is {again} now"));
        }
    };
    compare("the outcome", before.outcome.name().to_string(), again.outcome.name().to_string());
    compare("the plan", format!("`{}`", before.plan), format!("`{}`", again.plan));
    compare("the rule", format!("`{}`", before.rule.name()), format!("`{}`", again.rule.name()));
    compare("the office", format!("`{}`", before.office), format!("`{}`", again.office));
    compare("how many steps were taken", before.steps.len().to_string(), again.steps.len().to_string());
    for (place, (one, other)) in before.steps.iter().zip(&again.steps).enumerate() {
        let told = |step: &desk::record::StepTaken| {
            let tried: Vec<String> =
                step.tried.iter().map(|(person, tried)| format!(", {person} {}", tried.told())).collect();
            format!("`{}`{}: {}", step.step, tried.concat(), step.result.told())
        };
        compare(&format!("step {}", place + 1), told(one), told(other));
    }
    compare("who ended it", format!("{:?}", before.ended_by), format!("{:?}", again.ended_by));
    compare("what was learned", format!("{:?}", before.slots), format!("{:?}", again.slots));
    compare("the booking", told_of(before.booking.as_ref()), told_of(again.booking.as_ref()));
    compare("the message", told_of(before.message.as_ref()), told_of(again.message.as_ref()));
    compare("the callback task", told_of(before.callback.as_ref()), told_of(again.callback.as_ref()));
    differences
}

fn told_of(id: Option<&String>) -> String {
    id.cloned().unwrap_or_else(|| "none".to_string())
}

#[cfg(test)]
mod tests {
    use desk::business::{RingOrder, Rule, Step, When, Whom};
    use desk::call::{Closing, LineFault};
    use desk::record::Tried;
    use jiff::Timestamp;

    use super::*;
    use crate::Shop;

    /// Lee is rung for twenty seconds, and what came of it is told so many milliseconds after the call came in.
    fn of_ringing_lee(told_after_ms: u64) -> Tried {
        let mut business = Business::clone(&Shop::plumber().business);
        let whom = Whom::Person("Lee".to_string());
        let ring = Step::Ring { whom, ring_for: Duration::from_secs(20), order: RingOrder::InTurn };
        let rule = Rule { when: When::Always, steps: vec![ring, Step::Message] };
        business.plans.get_mut("people").expect("the plumber has it").rules = vec![rule];
        let came_in = r#"{"event":"came_in","id":"c-1","line":"+13125550102","from":null,"diverted_by":null,
            "diverted_because":null,"verification":null}"#;
        let line = |ms: u64, event: Event| {
            let moment = Moment { mono: Duration::from_millis(ms), wall: Timestamp::UNIX_EPOCH };
            let mut line = serde_json::to_value(event).expect("an event is written");
            line["moment"] = serde_json::to_value(moment).expect("so is a moment");
            line.to_string()
        };
        let journal = [
            came_in.to_string(),
            line(0, Event::Arrived),
            line(told_after_ms, Event::PersonFailed { leg: 1, tried: Tried::Unreachable }),
            line(told_after_ms + 900, Event::CallerGone),
        ];
        let again = replay(&Arc::new(business), &journal).expect("it can be lived through again");
        again.record.steps[0].tried[0].1
    }

    #[test]
    fn what_was_told_in_the_turn_in_which_a_deadline_passed_was_told_before_it() {
        assert_eq!(of_ringing_lee(19_000), Tried::Unreachable);
        assert_eq!(of_ringing_lee(20_010), Tried::Unreachable, "nobody says that the deadline was met");
        assert_eq!(of_ringing_lee(20_200), Tried::NoAnswer);
    }

    #[test]
    fn every_event_is_read_as_it_was_written_beside_its_moment() {
        let now = Moment { mono: Duration::from_millis(1_234), wall: Timestamp::UNIX_EPOCH };
        for event in [
            Event::Arrived,
            Event::LineBroke(LineFault::NoSound),
            Event::Closing(Closing::AtOnce),
            Event::VoiceRefused,
            Event::VoiceBack,
            Event::Sounded(desk::call::Sound::default()),
            Event::PersonFailed { leg: 3, tried: desk::record::Tried::Machine },
        ] {
            let mut line = serde_json::to_value(&event).unwrap();
            line["moment"] = serde_json::to_value(now).unwrap();
            assert_eq!(told(&line.to_string()), Ok(Some((now, Told::Event(event)))));
        }
    }

    #[test]
    fn a_deadline_is_known_again_by_its_name_and_its_time() {
        let line = r#"{"moment":{"mono":{"secs":9,"nanos":0},"wall":"1970-01-01T00:00:00Z"},"event":"woken",
            "due":{"secs":5,"nanos":0},"why":"caller_said_nothing"}"#;
        let Some((_, Told::Woken(wake))) = told(line).unwrap() else { panic!("no deadline") };
        assert_eq!(wake.met, Duration::from_secs(9));
        let deadline = |ms, why| Deadline { at: Duration::from_millis(ms), why };
        assert!(wake.is_of(&deadline(5_001, Why::CallerSaidNothing)));
        assert!(!wake.is_of(&deadline(5_001, Why::CallerTalksOn)));
        assert!(!wake.is_of(&deadline(9_000, Why::CallerSaidNothing)));
    }
}
