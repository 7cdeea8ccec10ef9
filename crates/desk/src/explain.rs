//! A call told in sentences: where it went, what was tried, and why.
//!
//! Told from the [`Record`] alone, so that an old call explains itself as well as one of today.

use jiff::tz::TimeZone;

use crate::record::{AT_EASE_MS, EndedBy, Outcome, Quality, Record, StepTaken, Who};
use crate::routing::NO_RULE;

/// The whole story, one sentence or two a line. Times are local to `zone`.
pub fn explain(record: &Record, zone: &TimeZone) -> Vec<String> {
    let mut story = vec![arrival(record, zone)];
    story.extend(record.because.iter().map(|reason| capital(&format!("{reason}."))));
    story.push(answer(record));
    story.extend(record.steps.iter().enumerate().map(|(index, step)| tell_step(index + 1, step)));
    story.extend(conversation(record));
    story.extend(record.troubles.iter().map(|trouble| format!("Trouble: {trouble}.")));
    story.push(ending(record));
    story.extend(left_behind(record));
    story.extend(recording(record));
    if record.outcome != Outcome::TurnedAway {
        story.push(how_it_sounded(record));
    }
    story
}

fn arrival(record: &Record, zone: &TimeZone) -> String {
    let when = record.started.to_zoned(zone.clone()).strftime("%A, %B %-d, %-I:%M:%S %p").to_string();
    let from = match &record.from {
        Some(number) => format!("from {}", number.reveal()),
        None => "from a hidden number".to_string(),
    };
    let forwarded = match (&record.diverted_by, record.diverted_because) {
        (Some(number), Some(why)) => format!(", forwarded by {} {}", number.reveal(), why.told()),
        (Some(number), None) => format!(", forwarded by {}", number.reveal()),
        (None, _) => String::new(),
    };
    let verified = match record.verification {
        Some(verification) if record.from.is_some() => {
            format!(" The caller's number {}.", verification.told())
        }
        Some(_) | None => String::new(),
    };
    format!(
        "On {when}, a call {from} came in on {}{forwarded}, for office `{}`.{verified}",
        record.line, record.office
    )
}

fn answer(record: &Record) -> String {
    if record.outcome == Outcome::TurnedAway {
        return format!("The caller was turned away before plan `{}` began.", record.plan);
    }
    let rule = match record.because.iter().any(|why| why.starts_with(NO_RULE)) {
        true => format!("Plan `{}` had no rule for it", record.plan),
        false => format!("Plan `{}` decided by its rule `{}`", record.plan, record.rule.name()),
    };
    match record.answer_ms {
        Some(ms) => format!("{rule}; the call was answered after {ms} ms."),
        None => format!("{rule}; the call was never answered."),
    }
}

fn tell_step(number: usize, step: &StepTaken) -> String {
    let seconds = step.duration_ms as f64 / 1000.0;
    let tried: Vec<String> =
        step.tried.iter().map(|(person, tried)| format!("{person} {}", tried.told())).collect();
    let tried = if tried.is_empty() { String::new() } else { format!(" {}.", tried.join("; ")) };
    format!(
        "Step {number}, {}, took {seconds:.1} s:{tried} {}",
        step.step,
        capital(&format!("{}.", step.result.told()))
    )
}

fn conversation(record: &Record) -> Option<String> {
    let count = |who| record.turns.iter().filter(|turn| turn.who == who).count();
    let (ours, theirs, keys) = (count(Who::Assistant), count(Who::Caller), count(Who::Keypad));
    (ours > 0).then(|| {
        let slots: Vec<String> =
            record.slots.iter().map(|(slot, value)| format!("{slot}: {value}")).collect();
        let learned = if slots.is_empty() { "nothing".to_string() } else { slots.join(", ") };
        let keys = if keys == 1 { "1 key".to_string() } else { format!("{keys} keys") };
        format!(
            "The assistant spoke {}, the caller {} and pressed {keys}. What was learned: {learned}.",
            times(ours),
            times(theirs)
        )
    })
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_string() } else { format!("{count} times") }
}

fn ending(record: &Record) -> String {
    if record.outcome == Outcome::TurnedAway {
        return format!("Nobody answered; the outcome is `{}`.", record.outcome.name());
    }
    let by = match record.ended_by {
        EndedBy::Caller => "The caller hung up",
        EndedBy::Person => "The person they talked to hung up",
        EndedBy::Desk => "The desk ended the call",
        EndedBy::Line => "The line broke",
        EndedBy::Crash => "The desk went down in the middle of the call",
    };
    let because = match record.outcome {
        Outcome::Abandoned => " before they had an answer",
        Outcome::Lost => ", and nothing was left for them",
        _ => "",
    };
    format!("{by}{because}; the outcome is `{}`.", record.outcome.name())
}

fn left_behind(record: &Record) -> Vec<String> {
    let booking = record.booking.as_ref().map(|id| format!("A visit is booked: {id}."));
    let message = record.message.as_ref().map(|id| format!("A message was left: {id}."));
    let callback = record.callback.as_ref().map(|id| format!("A callback task is stored: {id}."));
    [booking, message, callback].into_iter().flatten().collect()
}

fn recording(record: &Record) -> Option<String> {
    let recording = record.recording.as_ref()?;
    let why = recording.troubles.join("; ");
    Some(match (recording.parts.as_slice(), &recording.place) {
        ([], _) if why.is_empty() => "The recording is being finished.".to_string(),
        ([], _) => format!("There is no recording: {why}."),
        (parts, place) => {
            let parts: Vec<String> = parts.iter().map(|part| within(part.from_ms, part.to_ms)).collect();
            let place = place.as_deref().unwrap_or("nowhere yet");
            let why = if why.is_empty() { String::new() } else { format!(" {}.", capital(&why)) };
            format!("The call was recorded {}; the recording lies in {place}.{why}", parts.join(" and "))
        }
    })
}

fn within(from_ms: u64, to_ms: u64) -> String {
    format!("from {:.1} to {:.1} s", from_ms as f64 / 1000.0, to_ms as f64 / 1000.0)
}

fn how_it_sounded(record: &Record) -> String {
    let silence = record.longest_silence_ms as f64 / 1000.0;
    let gaps: Vec<u64> = record.turns.iter().filter_map(|turn| turn.gap_ms).collect();
    let gap =
        gaps.iter().max().map_or(String::new(), |ms| format!(", the longest pause before an answer {ms} ms"));
    let line = record.quality.map_or(String::new(), |quality| line_quality(&quality));
    format!("The longest silence while it was our turn was {silence:.1} s{gap}{line}.")
}

fn line_quality(quality: &Quality) -> String {
    let arrived = |loss_ratio: f64, jitter_ms: f64, mos: f64| {
        format!("loss {:.1} %, jitter {jitter_ms:.0} ms, MOS {mos:.1}", loss_ratio * 100.0)
    };
    let here = arrived(quality.loss_ratio, quality.jitter_ms, quality.mos);
    let there = quality.there.map_or(String::new(), |there| {
        format!("; our sound arrived there with {}", arrived(there.loss_ratio, there.jitter_ms, there.mos))
    });
    let way = quality.to_trunk_ms.map_or(String::new(), |ms| {
        format!(
            "; the way to the trunk takes {ms:.0} of the {AT_EASE_MS:.0} ms within which people talk at ease"
        )
    });
    format!("; {here}{there}{way}")
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
