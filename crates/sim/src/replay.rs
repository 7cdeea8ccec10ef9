//! A real call once more, from its journal: the desk is told what it was told, when it was told, and orders nobody carries out.
//!
//! A journal holds everything a desk ever hears. Deadlines are met at their own moments, so that what was decided then is
//! decided again. Invariant: no rule of a call stands here.

use std::sync::Arc;
use std::time::Duration;

use desk::business::Business;
use desk::call::{Action, Arrival, Call, Event};
use desk::machine::Moment;
use desk::record::Record;
use serde_json::Value;

/// Why a call cannot be lived through again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReplayed(pub String);

/// The record that the very same words and moments give today.
///
/// # Errors
/// If the journal is cut short or of another business.
pub fn replay(business: &Arc<Business>, journal: &[String]) -> Result<Record, NotReplayed> {
    let arrival = arrival(journal.first())?;
    let events: Vec<(Moment, Event)> =
        journal.iter().skip(1).filter_map(|line| told(line).transpose()).collect::<Result<_, _>>()?;
    let Some(line) = business.lines.get(&arrival.line).cloned() else {
        return Err(NotReplayed(format!("{} is none of the lines of this configuration", arrival.line)));
    };
    let Some((first, _)) = events.first() else {
        return Err(NotReplayed("the journal tells of no event".to_string()));
    };
    let mut again =
        Again { call: Call::new(Arc::clone(business), line, arrival, *first), record: None, now: *first };
    for (at, event) in events {
        again.pass_to(at);
        again.call.handle(event, at);
        again.drain();
    }
    again.let_pass();
    again.record.ok_or_else(|| NotReplayed("the journal ends before the call does".to_string()))
}

struct Again {
    call: Call,
    record: Option<Record>,
    now: Moment,
}

/// A call is over long before.
const MOST_DEADLINES: usize = 1_000;
/// What was not told until then was never told.
const WAITS: Duration = Duration::from_secs(60);

impl Again {
    /// Meets what is due before this moment.
    fn pass_to(&mut self, at: Moment) {
        for _ in 0..MOST_DEADLINES {
            let Some(due) = self.call.poll_deadline().filter(|deadline| deadline.at < at.mono) else { break };
            let early = at.mono.saturating_sub(due.at);
            let wall = at.wall.checked_sub(jiff::SignedDuration::try_from(early).unwrap_or_default());
            let due = Moment { mono: due.at.max(self.now.mono), wall: wall.unwrap_or(at.wall) };
            self.call.handle_deadline(due);
            self.drain();
        }
        self.now = at;
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
    let line = line.ok_or_else(|| NotReplayed("the journal is empty".to_string()))?;
    let first: Value = parsed(line)?;
    if first["event"] != "came_in" {
        return Err(NotReplayed("the journal does not begin where the call came in".to_string()));
    }
    serde_json::from_value(first).map_err(|error| NotReplayed(format!("who called cannot be read: {error}")))
}

/// One line: what the desk was told and when; nothing if the line tells of SIP.
fn told(line: &str) -> Result<Option<(Moment, Event)>, NotReplayed> {
    let mut line: Value = parsed(line)?;
    if line["event"] == "sip" {
        return Ok(None);
    }
    let unreadable = |error: serde_json::Error| NotReplayed(format!("an event cannot be read: {error}"));
    let moment = line.as_object_mut().and_then(|line| line.remove("moment")).unwrap_or_default();
    let moment: Moment = serde_json::from_value(moment).map_err(unreadable)?;
    let event: Event = serde_json::from_value(line).map_err(unreadable)?;
    Ok(Some((moment, event)))
}

fn parsed(line: &str) -> Result<Value, NotReplayed> {
    serde_json::from_str(line)
        .map_err(|error| NotReplayed(format!("a line of the journal cannot be read: {error}")))
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
    use desk::call::{Closing, LineFault};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn every_event_is_read_as_it_was_written_beside_its_moment() {
        let now = Moment { mono: Duration::from_millis(1_234), wall: Timestamp::UNIX_EPOCH };
        for event in [
            Event::Arrived,
            Event::LineBroke(LineFault::NoSound),
            Event::Closing(Closing::AtOnce),
            Event::Sounded(desk::call::Sound::default()),
            Event::PersonFailed { leg: 3, tried: desk::record::Tried::Machine },
        ] {
            let mut line = serde_json::to_value(&event).unwrap();
            line["moment"] = serde_json::to_value(now).unwrap();
            assert_eq!(told(&line.to_string()), Ok(Some((now, event))));
        }
    }
}
