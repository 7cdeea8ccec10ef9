//! What has to hold at the end of every transfer.

use std::time::Duration;

use desk::explain::explain;
use desk::record::{EndedBy, Outcome, Record, Tried};
use jiff::tz::TimeZone;
use sip::sdp::Codec;

use super::fate::{Fate, Passing, Side, State};
use super::office::DANA;
use super::referrals::told_of;
use super::stage::Stage;
use crate::sound::Leg;

/// Silence longer than this while it is our turn is a dead line.
const DEAD_LINE: Duration = Duration::from_secs(4);
/// Whoever is told goodbye hears it to its end: so long before the desk hangs up at most.
const GOODBYE_BEFORE: Duration = Duration::from_millis(500);

/// What became of one transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where the call ended.
    pub outcome: Outcome,
    /// What came of each phone that was rung, in order.
    pub tried: Vec<Tried>,
    /// The story as `firstring explain` tells it.
    pub story: Vec<String>,
    /// How long the caller heard nothing of us at the longest.
    pub silence: Duration,
}

/// Everything that is wrong, one sentence each; nothing if the caller was served as promised.
pub(super) fn judge(stage: &Stage) -> Result<Told, Vec<String>> {
    let mut wrong = stage.objections.clone();
    wrong.extend(left_open(stage));
    let Some(record) = &stage.record else {
        wrong.push("there is no record".to_string());
        return Err(wrong);
    };
    let tried: Vec<Tried> =
        record.steps.iter().flat_map(|step| step.tried.iter().map(|(_, tried)| *tried)).collect();
    let story = explain(record, &TimeZone::UTC);
    let silence = stage
        .caller
        .and_then(|sound| stage.sounds.get(&sound))
        .map(|leg| leg.longest_silence(stage.now.mono));
    let silence = silence.unwrap_or_default();
    wrong.extend(caller_served(stage, record, silence));
    wrong.extend(explained(stage, record, &tried, &story));
    wrong.extend(held(stage));
    wrong.extend(put_through(stage, &tried));
    if wrong.is_empty() {
        Ok(Told { outcome: record.outcome, tried, story, silence })
    } else {
        wrong.extend(story);
        Err(wrong)
    }
}

fn check(holds: bool, sentence: impl Into<String>) -> Option<String> {
    (!holds).then(|| sentence.into())
}

/// Legs, sounds and channels that outlived the call.
fn left_open(stage: &Stage) -> Vec<String> {
    let taken: u32 = stage.exchange.board().channels().map(|(_, taken, _)| taken).sum();
    let sounds = stage.sounds.values().filter(|leg| !Leg::is_closed(leg)).count();
    let ours = stage.ours.counts().legs;
    // A far end that has vanished knows nothing of what became of its call.
    let vanished = matches!(stage.fate, Fate::Vanishes(_));
    let far = if vanished { 0 } else { stage.far.counts().legs };
    [
        check(stage.exchange.calls_up() == 0, "the call is still up"),
        check(taken == 0, format!("{taken} channels are still taken")),
        check(sounds == 0, format!("{sounds} sounds are still open")),
        check(ours == 0, format!("{ours} legs are left here")),
        check(far == 0, format!("{far} legs are left at the far end")),
        check(vanished || stage.end.is_quiet(), "somebody out there is still in a call"),
        check(stage.end.struck || !stage.fate.always_strikes(), "what was to befall it never came to pass"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The caller has an answer, a promise, or hung up of their own accord, and was never left in silence.
fn caller_served(stage: &Stage, record: &Record, silence: Duration) -> Vec<String> {
    let vanished = stage.fate == Fate::Vanishes(Side::Caller);
    let talked = matches!(record.outcome, Outcome::Transferred | Outcome::Answered);
    let kept = record.message.is_some() || record.callback.is_some();
    // Who is asked by the assistant after nobody took the call may have nothing to say.
    let mute = stage.habit.rings_first && record.outcome == Outcome::NoInput;
    let by_desk = matches!(record.ended_by, EndedBy::Desk | EndedBy::Person);
    // Who is with the person by now needs no word of ours.
    let elsewhere = stage.end.wishes.said_taken;
    let words = stage.last_words.is_some_and(|at| at + GOODBYE_BEFORE + DEAD_LINE >= stage.ended_at);
    [
        check(record.outcome != Outcome::Lost, "the caller is lost"),
        check(talked || kept || mute, "nobody took the call, and nothing is left for the caller"),
        check(
            by_desk || stage.end.caller_left || vanished,
            "the caller's call ended, and neither they nor the desk did it",
        ),
        check(!by_desk || !stage.end.caller_left, "the caller hung up, and the record says otherwise"),
        check(!by_desk || words || elsewhere, "the caller was hung up on without a word"),
        check(silence < DEAD_LINE, format!("the caller heard nothing for {silence:?}")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Every phone that was rung has its own result, and every step is told in a sentence.
fn explained(stage: &Stage, record: &Record, tried: &[Tried], story: &[String]) -> Vec<String> {
    let handed = if matches!(stage.fate, Fate::Joined(_)) { 0 } else { stage.end.wishes.asked };
    let late = tried.ends_with(&[Tried::HandoverUntold, Tried::HandedOver]);
    let rung = stage.placed.max(usize::from(stage.fate == Fate::NoChannel)) + handed + usize::from(late);
    let told = record
        .steps
        .iter()
        .filter(|step| {
            story.iter().any(|line| {
                line.contains(step.result.told()) || line.to_lowercase().contains(step.result.told())
            })
        })
        .count();
    let phones = tried.iter().filter(|tried| story.iter().any(|line| line.contains(tried.told()))).count();
    let first = stage.fate.tried().map(|wanted| (tried.first() == Some(&wanted), wanted));
    [
        check(tried.len() == rung, format!("{rung} phones were rung, and the record tells of {tried:?}")),
        check(told == record.steps.len(), "a step is not explained"),
        check(phones == tried.len(), "what came of a phone is not explained"),
        check(
            first.is_none_or(|(holds, _)| holds),
            format!("expected {first:?}, the record tells {tried:?}"),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A hold reaches the other side, so that nobody is taken for gone who was asked to be silent; and it ends.
fn held(stage: &Stage) -> Vec<String> {
    let person = stage.end.took_by();
    let left_behind = stage.end.struck && !stage.end.caller_left;
    match (stage.fate, person) {
        (Fate::HoldAndResume(side), Some(person)) => {
            let other = if side == Side::Caller { person } else { Stage::caller_leg() };
            let heard = check(stage.end.held.contains(&other), "the hold did not reach the other side");
            let over = check(stage.end.is_free(other), "the other side is still on hold");
            let music = match side {
                Side::Person => {
                    check(!stage.end.silent_hold || stage.music > 0, "the caller was held in silence")
                }
                Side::Caller => check(stage.music == 0, "music played although it was the caller who held"),
            };
            heard.into_iter().chain(over).chain(music).collect()
        }
        (Fate::HangUp(State::Held, Side::Person), Some(_)) if left_behind => {
            let free = stage.end.is_free(Stage::caller_leg()) || stage.end.holds(Stage::caller_leg());
            check(free, "the caller is still on hold although the holder has left").into_iter().collect()
        }
        (Fate::OtherFormat(side), Some(_)) => {
            let sound = if side == Side::Caller { stage.caller } else { stage.phones.get(DANA).copied() };
            let codec = sound.and_then(|sound| stage.end.agreed.get(&sound)).map(|(codec, _)| *codec);
            check(codec == Some(Codec::Pcma), "the other format was not taken up").into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Whoever wanted the caller put through was told what came of it, once, and the record knows both persons.
fn put_through(stage: &Stage, tried: &[Tried]) -> Vec<String> {
    let Fate::PutThrough(passing) = stage.fate else { return Vec::new() };
    let told = &stage.end.wishes.told;
    let left = matches!(passing, Passing::LeftAndTaken | Passing::LeftAndBusy);
    let heard = told.len() == 1 && told_of(passing).is_some_and(|fits| fits(&told[0]));
    let other = tried.get(1).copied();
    // Who hangs up behind a wish that was lost on the way has only hung up.
    let unheard = left && stage.placed == 1;
    [
        check(left || heard, format!("the phone that wanted it was told {told:?}")),
        check(other == passing.other() || unheard, format!("the other phone: {other:?}")),
    ]
    .into_iter()
    .flatten()
    .collect()
}
