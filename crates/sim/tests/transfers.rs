//! A thousand callers are put through to people, whatever goes wrong on the way: nobody is lost and nothing is left.
//!
//! `FIRSTRING_TRANSFER_SEED` says where the seeds begin; `FIRSTRING_SOAK` makes twenty thousand of them.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test may stop, may look at its environment, and tells its counts"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use desk::record::Outcome;
use desk::record::Tried;
use sim::{Fate, Misdeed, Refused, Side, State, Transfers};

/// Where somebody hangs up, crosses, declines, comes late or is a machine: at least fifty of each are wanted.
const OFTEN: u64 = 50;
const ELSEWHERE: u64 = 25;

fn first_seed() -> u64 {
    std::env::var("FIRSTRING_TRANSFER_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// Every fate as often as it is wanted; of each that broke a promise one is told.
fn live() -> (BTreeMap<Fate, u64>, BTreeMap<Outcome, u64>, Duration) {
    let transfers = Transfers::new().unwrap();
    let (mut lived, mut outcomes, mut silence) = (BTreeMap::new(), BTreeMap::new(), Duration::ZERO);
    let mut broken: BTreeMap<Fate, Vec<(u64, Vec<String>)>> = BTreeMap::new();
    let rounds = if std::env::var_os("FIRSTRING_SOAK").is_some() { 20 } else { 1 };
    for fate in Fate::all() {
        let times = rounds * if fate.is_frequent() { OFTEN } else { ELSEWHERE };
        for seed in first_seed()..first_seed() + times {
            match transfers.one(fate, seed) {
                Ok(told) => {
                    *outcomes.entry(told.outcome).or_insert(0) += 1;
                    *lived.entry(fate).or_insert(0) += 1;
                    silence = silence.max(told.silence);
                }
                Err(wrong) => broken.entry(fate).or_default().push((seed, wrong)),
            }
        }
    }
    for (fate, troubles) in &broken {
        println!("{fate:?}: {} broken, of them {:#?}", troubles.len(), troubles.first());
    }
    assert!(broken.is_empty(), "{} fates broke a promise; each is told above with a seed", broken.len());
    (lived, outcomes, silence)
}

#[test]
fn a_thousand_callers_are_put_through_and_none_is_lost() {
    let (lived, outcomes, silence) = live();
    let all: u64 = lived.values().sum();
    println!("{all} transfers; longest silence {silence:?}; {outcomes:?}");
    for (fate, times) in &lived {
        println!("{times:5}  {fate:?}");
    }
    assert!(all >= 1_000, "{all}");
    assert_eq!(outcomes.get(&Outcome::Lost), None);
    for state in
        [State::Ringing, State::EarlyMedia, State::Whispered, State::Undecided, State::Bridged, State::Held]
    {
        for side in [Side::Caller, Side::Person] {
            assert!(
                lived.get(&Fate::HangUp(state, side)).is_some_and(|times| *times >= 50),
                "{state:?} {side:?}"
            );
        }
    }
    for fate in [
        Fate::HangUp(State::Left, Side::Caller),
        Fate::HangUp(State::HandedOver, Side::Caller),
        Fate::HangUp(State::PutThrough, Side::Caller),
        Fate::HangUp(State::PutThrough, Side::Person),
        Fate::CallerCrossesPickUp,
        Fate::CancelCrossesAnswer,
        Fate::Machine,
        Fate::Refused(Refused::Declined),
        Fate::DeclinedByKey,
        Fate::LatePickUp,
    ] {
        assert!(lived.get(&fate).is_some_and(|times| *times >= 50), "{fate:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_transfer() {
    let transfers = Transfers::new().unwrap();
    for fate in [Fate::LatePickUp, Fate::CallerCrossesPickUp, Fate::TwoPickUp] {
        assert_eq!(transfers.one(fate, 7), transfers.one(fate, 7));
    }
}

/// Whether a race was run often enough to both ends.
#[test]
fn who_picks_up_in_the_last_moment_is_connected_or_released() {
    let transfers = Transfers::new().unwrap();
    let tried = |fate| (1..=100).map(move |seed| (fate, seed));
    let count = |fate, wanted: Tried| {
        let told = tried(fate).map(|(fate, seed)| transfers.one(fate, seed).unwrap());
        told.filter(|told| told.tried.first() == Some(&wanted)).count()
    };
    for (fate, missed) in [(Fate::LatePickUp, Tried::NoAnswer), (Fate::CallerCrossesPickUp, Tried::Stopped)] {
        let (took, missed) = (count(fate, Tried::Answered), count(fate, missed));
        assert!(took >= 5 && missed >= 5, "{fate:?}: {took} took the call, {missed} missed it");
    }
    for seed in 1..=50 {
        let told = transfers.one(Fate::TwoPickUp, seed).unwrap();
        assert_eq!(told.tried, [Tried::Answered, Tried::Stopped], "seed {seed}: one of both has the call");
    }
}

#[test]
fn a_stage_that_misbehaves_is_found_out() {
    let transfers = Transfers::new().unwrap();
    for (misdeed, fate, found) in [
        (Misdeed::ForgetsGoodbye, Fate::HangUp(State::Bridged, Side::Caller), "legs are left"),
        (Misdeed::ForgetsGoodbye, Fate::LatePickUp, "legs are left"),
        (Misdeed::KeepsAChannel, Fate::Machine, "channels are still taken"),
        (Misdeed::KeepsRinging, Fate::Glare, "ringing goes on"),
    ] {
        let found_out = |seed| {
            let wrong = transfers.misplayed(fate, seed, misdeed).err().unwrap_or_default();
            wrong.iter().any(|sentence| sentence.contains(found))
        };
        assert!((1..=100).any(found_out), "{misdeed:?} in {fate:?}");
    }
}
