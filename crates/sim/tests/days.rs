//! Fifty days and more through the very exchange and desk that ship, with every promise held against every step.
//!
//! `FIRSTRING_SOAK_DAYS` says how many days of each kind; `FIRSTRING_SOAK_SEED` where their seeds begin.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may stop, and may look at its environment"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use desk::booking::DiaryRules;
use desk::business::{Keeping, Kept};
use desk::greeting::Greeting;
use desk::hours::OfficeHours;
use desk::number::Country;
use desk::record::Outcome;
use desk::sayings;
use jiff::tz::TimeZone;
use sim::{Alone, Fault, Faults, Report, Sabotage, Shop, World};

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Days of one kind; stops at the first broken promise with its seed and journal.
fn live(faults: &Faults, days: u64) -> Report {
    let world = World::new(Shop::plumber());
    let first = number("FIRSTRING_SOAK_SEED", 1);
    let mut report = Report::default();
    for seed in first..first + number("FIRSTRING_SOAK_DAYS", days) {
        match world.day(seed, faults) {
            Ok(day) => report.add(&day),
            Err(trouble) => panic!("{trouble}"),
        }
    }
    assert!(report.calls >= 50 * report.days, "{} calls on {} days", report.calls, report.days);
    assert!(report.longest_silence < Duration::from_secs(4), "{:?}", report.longest_silence);
    report
}

#[test]
fn on_a_perfect_day_nearly_everybody_gets_what_they_called_for() {
    let report = live(&Faults::none(), 25);
    assert!(report.satisfied() >= 0.95, "{:.3} of {:#?}", report.satisfied(), report.outcomes);
    assert_eq!(report.ended(Outcome::Lost), 0);
    // Somebody may call while every line of the team is taken.
    assert!(report.ended(Outcome::Callback) * 100 < report.calls, "{:#?}", report.outcomes);
}

#[test]
fn on_ordinary_days_most_callers_get_what_they_called_for() {
    let report = live(&Faults::ordinary(), 25);
    assert!(report.satisfied() >= 0.6, "{:.3} of {:#?}", report.satisfied(), report.outcomes);
    assert_eq!(report.ended(Outcome::Lost), 0);
}

#[test]
fn nobody_is_lost_when_engines_fail_stall_and_answer_late() {
    let report = live(&Faults::bad_engines(), 25);
    assert_eq!(report.ended(Outcome::Lost), 0);
    for fault in [Fault::HearingFails, Fault::HearingLate, Fault::HearingSilent, Fault::SpeakingFails] {
        assert!(report.thrown.get(&fault).is_some_and(|times| *times > 20), "{fault:?}: {:?}", report.thrown);
    }
}

#[test]
fn nothing_untrue_is_said_when_the_disk_refuses_stalls_and_forgets() {
    let report = live(&Faults::bad_disk(), 25);
    for fault in [Fault::StoreRefuses, Fault::StoreLate, Fault::StoreSilent, Fault::RecordingFails] {
        assert!(report.thrown.get(&fault).is_some_and(|times| *times > 10), "{fault:?}: {:?}", report.thrown);
    }
}

#[test]
fn no_line_leaks_when_lines_break_people_are_out_and_the_desk_is_stopped() {
    let report = live(&Faults::bad_lines(), 25);
    assert_eq!(report.ended(Outcome::Lost), 0);
    for fault in [Fault::PersonLate, Fault::SocketRefused, Fault::AckLost, Fault::LineDies, Fault::CallsAgain]
    {
        assert!(report.thrown.get(&fault).is_some_and(|times| *times > 5), "{fault:?}: {:?}", report.thrown);
    }
}

#[test]
fn nobody_is_lost_on_days_on_which_the_machine_is_short_of_a_core() {
    let report = live(&Faults { core_short: 1.0, ..Faults::ordinary() }, 25);
    assert_eq!(report.ended(Outcome::Lost), 0);
    assert_eq!(report.thrown.get(&Fault::CoreShort), Some(&report.days), "{:?}", report.thrown);
    assert!(report.turned_away > 0, "some were sent elsewhere");
    assert!(report.satisfied() >= 0.55, "{:.3} of {:#?}", report.satisfied(), report.outcomes);
}

#[test]
fn everything_at_once_breaks_no_promise() {
    live(&Faults::everything(), 25);
}

#[test]
fn a_rehearsal_throws_every_fault_and_loses_nobody() {
    let report = live(&Faults::rehearsal(), 60);
    assert_eq!(report.ended(Outcome::Lost), 0);
    for fault in Fault::ALL {
        assert!(
            report.thrown.get(&fault).is_some_and(|times| *times > 0),
            "{}: {:?}",
            fault.name(),
            report.thrown
        );
    }
    let arrived = report.alone(Alone::PickedUp) + report.alone(Alone::Closed) + report.alone(Alone::AllBusy);
    assert_eq!(arrived, report.calls + report.turned_away, "every call counts once without the desk");
}

#[test]
fn whoever_was_rung_is_told_by_name_also_for_calls_that_end_with_the_desk() {
    let report = live(&Faults { desk_dies: 1.0, ..Faults::ordinary() }, 60);
    assert!(report.ended(Outcome::Interrupted) > 0, "{:?}", report.outcomes);
    let people = &Shop::plumber().business.people;
    assert!(report.rung.keys().all(|name| people.contains_key(name)), "{:?}", report.rung);
}

#[test]
fn who_is_lost_with_a_desk_that_could_store_nothing_is_told_with_the_day() {
    let report = live(&Faults { store_refuses: 0.5, desk_dies: 1.0, ..Faults::ordinary() }, 40);
    assert!(report.ended(Outcome::Lost) > 0, "{:?}", report.outcomes);
    assert_eq!(report.lost.len() as u64, report.ended(Outcome::Lost));
    let (seed, call) = &report.lost[0];
    let faults = Faults { store_refuses: 0.5, desk_dies: 1.0, ..Faults::ordinary() };
    let day = World::new(Shop::plumber()).day(*seed, &faults).unwrap();
    assert!(day.calls.iter().any(|told| told.id == *call && told.outcome == Outcome::Lost));
}

#[test]
fn on_every_thirty_second_day_the_signalling_of_every_call_goes_as_bytes_between_two_user_agents() {
    let world = World::new(Shop::plumber());
    let (imagined, wired) =
        (world.day(7, &Faults::ordinary()).unwrap(), world.day(8, &Faults::ordinary()).unwrap());
    assert_eq!(imagined.messages, 0);
    // An INVITE, its answers, an ACK, a BYE and its 200 for every caller, and as much for every phone.
    assert!(
        wired.messages > 6 * wired.calls.len() as u64,
        "{} for {} calls",
        wired.messages,
        wired.calls.len()
    );
    let ended = |outcome| wired.calls.iter().filter(|call| call.outcome == outcome).count();
    assert!(ended(Outcome::Booked) > 10 && ended(Outcome::Transferred) > 2, "{:?}", wired.calls);
    let perfect = (1..=4).map(|nth| world.day(nth * 32 - 24, &Faults::none()).unwrap());
    let mut report = Report::default();
    perfect.for_each(|day| report.add(&day));
    assert!(report.satisfied() >= 0.95, "{:.3} of {:#?}", report.satisfied(), report.outcomes);
}

#[test]
fn with_room_for_everybody_nobody_is_turned_away_and_the_peak_is_told() {
    let world = World::new(Shop::plumber());
    let faults = Faults { storm: 1.0, ..Faults::none() };
    let (tight, roomy) = (world.day(3, &faults).unwrap(), world.roomy().day(3, &faults).unwrap());
    assert!(tight.turned_away > 0 && tight.peaks["main"] == 6, "{:?}", tight.peaks);
    assert!(roomy.turned_away == 0 && roomy.peaks["main"] > 6, "{:?}", roomy.peaks);
}

#[test]
fn the_same_seed_gives_the_same_day_to_the_last_journal_line_and_another_seed_another() {
    let world = World::new(Shop::plumber());
    let again = World::new(Shop::plumber());
    let faults = Faults::everything();
    let mut hashes = BTreeSet::new();
    for seed in 1..=3 {
        let day = world.day(seed, &faults).unwrap();
        assert_eq!(again.day(seed, &faults).unwrap(), day);
        hashes.insert(day.hash);
    }
    assert_eq!(hashes.len(), 3);
}

/// The plumber, who records everything and says so.
fn recorded(calls: Kept, bridged: Kept) -> World {
    let shop = Shop::plumber();
    let mut business = (*shop.business).clone();
    business.keeping = Keeping { calls, bridged, ..business.keeping };
    if let Some(robin) = business.assistants.get_mut("Robin").filter(|_| calls == Kept::Announced) {
        let told = robin.greeting.text().replace("How can", &format!("{} How can", sayings::RECORDED));
        robin.greeting = Greeting::of(&told);
    }
    World::new(Shop { business: Arc::new(business), ..shop })
}

#[test]
fn nobody_is_recorded_unaware_on_days_when_everything_breaks() {
    use Kept::{Announced, Never};
    for (calls, bridged) in [(Announced, Never), (Never, Announced), (Announced, Announced)] {
        let world = recorded(calls, bridged);
        for seed in 1..=10 {
            if let Err(trouble) = world.day(seed, &Faults::everything()) {
                panic!("{calls:?} {bridged:?}: {trouble}");
            }
        }
    }
    // After each start the legs are numbered anew.
    let dies = Faults { desk_dies: 1.0, ..Faults::none() };
    let world = recorded(Announced, Announced).calling(200);
    for seed in 1..=30 {
        if let Err(trouble) = world.day(seed, &dies) {
            panic!("{trouble}");
        }
    }
    let world = recorded(Announced, Never);
    let found =
        (1..=5).find_map(|seed| world.sabotaged_day(seed, &Faults::none(), Sabotage::RecordsOn).err());
    assert_eq!(found.map(|found| found.promise), Some("RecordedOnlyWhenTold"), "the checker can fail");
}

/// The plumber whose every visit takes a day, and begins at any hour.
fn day_long_visits() -> World {
    let shop = Shop::plumber();
    let (hours, zone) = ("24/7; 2026 Mar 08 10:00-11:00 off", TimeZone::get("America/Chicago").unwrap());
    let hours = Arc::new(OfficeHours::parse(hours, &[], Country::US, zone).unwrap());
    let visit = Duration::from_secs(86_400);
    let longer = |rules: DiaryRules| DiaryRules { visit, hours: Arc::clone(&hours), crews: 3, ..rules };
    let calendars = shop.calendars.into_iter().map(longer).collect();
    World::new(Shop { calendars, ..shop })
}

#[test]
fn visits_that_overlap_without_beginning_together_are_not_both_booked_by_a_store_whose_replies_are_lost() {
    let faults = Faults { store_reply_lost: 0.5, dst_night: 1.0, ..Faults::none() };
    let world = day_long_visits();
    for seed in 1..=40 {
        if let Err(trouble) = world.day(seed, &faults) {
            panic!("{trouble}");
        }
    }
}

#[test]
fn each_checker_catches_the_mischief_it_is_there_for() {
    let world = World::new(Shop::plumber());
    for (sabotage, faults, promise) in [
        (Sabotage::SleepsThroughDeadlines, Faults::ordinary(), "DeadlineNamed"),
        (Sabotage::LosesRecords, Faults::none(), "OneRecord"),
        (Sabotage::KeepsRecordsTwice, Faults::none(), "OneRecord"),
        (Sabotage::CallsItLost, Faults::none(), "NeverLost"),
        (Sabotage::CallsItTransferred, Faults::none(), "TrueOutcome"),
        (Sabotage::LosesCallbacks, Faults::ordinary(), "NobodyLeftWaiting"),
        (Sabotage::LeavesSocketsOpen, Faults::none(), "NoLegLeftOpen"),
        (Sabotage::TakesAChannel, Faults::none(), "ChannelsComeBack"),
        (Sabotage::KeepsPeopleOnTheLine, Faults::bad_lines(), "LatePersonReleased"),
        (Sabotage::AnswersTwice, Faults::none(), "AskedAnsweredOnce"),
        (Sabotage::ClaimsToHaveStored, Faults::none(), "BookedOnlyWhenStored"),
        (Sabotage::GivesASlotTwice, Faults::none(), "SlotGivenOnce"),
        (Sabotage::PlaysNoFiller, Faults::none(), "NeverSilent"),
    ] {
        let found = (1..=5).find_map(|seed| world.sabotaged_day(seed, &faults, sabotage).err());
        let found = found.unwrap_or_else(|| panic!("nobody noticed: {sabotage:?}"));
        assert_eq!(found.promise, promise, "{sabotage:?} was found by another checker: {found}");
    }
}
