//! Mischief in the source of `desk` and `line` themselves, one kind for each promise: the checker that is named for it finds
//! it, and without any all is well.
//!
//! Built by `cargo test -p sim --features sabotage`, which `make check` runs; see `desk/src/sabotage.rs`.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use desk::sabotage::{Sabotage, commit};
use sim::{Faults, Shop, World};

/// The faults with which it shows, and who finds it.
fn found_by(sabotage: Sabotage) -> (Faults, &'static str) {
    match sabotage {
        Sabotage::ForgetsADeadline => (Faults::none(), "DeadlineNamed"),
        Sabotage::FilesTwice => (Faults::none(), "OneRecord"),
        Sabotage::IgnoresAVoiceFailure => (Faults::bad_engines(), "FailureMovesOn"),
        Sabotage::KeepsLatePeople => (Faults::bad_lines(), "LatePersonReleased"),
        Sabotage::KeepsAHold => (Faults::ordinary(), "HoldsGivenBack"),
        Sabotage::ForgetsTheCallback => (Faults::ordinary(), "NobodyLeftWaiting"),
        Sabotage::SpeaksOfABookingEarly => (Faults::none(), "BookedOnlyWhenStored"),
        Sabotage::PromisesWhatIsNotStored => (Faults::bad_disk(), "PromisedOnlyWhenStored"),
        Sabotage::OverwritesTheOutcome => (Faults::none(), "TrueOutcome"),
        Sabotage::CallsItLost => (Faults::ordinary(), "NeverLost"),
        Sabotage::SkipsAStep => (Faults::ordinary(), "EndsWhereThePlanAllows"),
        Sabotage::TakesTheLastRule => (Faults::none(), "EndsWhereThePlanAllows"),
        Sabotage::RingsForTooLong => (Faults::none(), "RungAsLongAsSaid"),
        Sabotage::KeepsAChannel => (Faults::none(), "ChannelsComeBack"),
        Sabotage::LeavesASocketOpen => (Faults::none(), "NoLegLeftOpen"),
        Sabotage::ArmsNoFiller => (Faults { speaking_slow: 1.0, ..Faults::none() }, "NeverSilent"),
        Sabotage::ForgetsABooking => (Faults::none(), "SlotGivenOnce"),
        Sabotage::GoesInCircles => (Faults::ordinary(), "DeadlineNamed"),
        Sabotage::TalksAllTheSame => {
            (Faults { core_short: 1.0, ..Faults::ordinary() }, "NobodyNewUnderStrain")
        }
    }
}

#[test]
fn each_mischief_in_the_source_is_found_by_the_checker_that_is_named_for_it() {
    let world = World::new(Shop::plumber());
    let mut wrong = Vec::new();
    for sabotage in Sabotage::ALL {
        let (faults, promise) = found_by(sabotage);
        commit(None);
        let seed = (1..=3).find(|seed| world.day(*seed, &faults).is_err());
        assert_eq!(seed, None, "something is wrong without any mischief, with the faults of {sabotage:?}");
        commit(Some(sabotage));
        let found = (1..=12).find_map(|seed| world.day(seed, &faults).err());
        commit(None);
        match found {
            Some(trouble) if trouble.promise == promise => {}
            Some(trouble) => wrong.push(format!("{sabotage:?} was found by another checker: {trouble}")),
            None => wrong.push(format!("nobody noticed {sabotage:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_failing_day_becomes_a_script_of_few_calls_and_few_faults_that_fails_in_the_same_way() {
    let world = World::new(Shop::plumber());
    commit(Some(Sabotage::KeepsAHold));
    let trouble = (1..=12).find_map(|seed| world.day(seed, &Faults::everything()).err()).unwrap();
    let script = world.shrink(&trouble, &Faults::everything());
    let again = world.script(&script).unwrap_err();
    commit(None);
    assert_eq!(again.promise, trouble.promise);
    assert!(script.calls.len() <= 2, "{script}");
    assert!(script.faults.kinds().count() <= 3, "{script}");
    assert!(script.to_string().contains("never_breaks_holds_given_back"), "{script}");
    world.script(&script).unwrap();
}
