//! Times offered, picked, taken by somebody else, or not there at all.

use super::*;

#[test]
fn a_leak_that_cannot_wait_reaches_a_person_and_one_that_can_is_booked() {
    let mut call = Story::known();
    call.says("there is a leak under the sink");
    assert_eq!(call.open_question(), "urgent");
    call.says("yes");
    assert_eq!(call.last(), &Move::HandOver(WhyPerson::Emergency { word: "urgent".to_string() }));

    for answer in ["no", "no it can wait", "it can wait", "not really", "tomorrow is fine"] {
        let mut call = Story::known();
        call.says("leak").says(answer);
        assert_eq!(call.open_question(), "slot", "{answer}");
    }
}

#[test]
fn a_whole_booking_by_keys_alone_without_a_callers_number() {
    let mut call = Story::begins(None);
    call.presses("1").presses("2");
    assert_eq!(call.open_question(), "number");
    call.presses("3125550");
    assert_eq!(call.said(), "");
    call.presses("143");
    assert!(
        call.said()
            .contains("We would call you at the number three one two, five five five, zero one four three."),
        "{}",
        call.said()
    );
    call.presses("1");
    assert_eq!(call.last(), &Move::Finish(Ending::Booked));
    assert_eq!(call.booked_slots(), ["Mon 12:00"]);
}

#[test]
fn a_caller_without_a_number_may_say_it_or_leave_a_message() {
    let mut call = Story::begins(None);
    call.says("clogged drain").says("one").says("three one two five five five oh one four three");
    assert_eq!(call.open_question(), "confirm");
    let mut call = Story::begins(None);
    call.says("clogged drain").says("one").presses("911#");
    assert!(
        call.said().starts_with("That does not look like a whole phone number. Please enter"),
        "{}",
        call.said()
    );
    call.presses("31255*3125550143");
    assert_eq!(call.open_question(), "confirm");
    let mut call = Story::begins(None);
    call.says("clogged drain").says("one").presses("#");
    assert_eq!(call.last(), &Move::TakeMessage(WhyMessage::Asked));
}

#[test]
fn a_slot_that_somebody_else_took_is_said_so_and_others_are_offered() {
    let mut call = Story::known();
    call.says("clogged drain");
    // The hold lapsed, and another call took the first time.
    let first = call.diary.find(&Wish::default(), "", call.now)[0].clone();
    let offered = match call.intake.open {
        Open::Slot => call.intake.known.offered.clone(),
        _ => Vec::new(),
    };
    call.diary.release("call");
    call.diary.hold(&offered[0], "other", call.now + HOLD, call.now).unwrap();
    call.says("the first one");
    assert!(
        call.said().starts_with("I am sorry, that time has just been taken. I can offer these times."),
        "{}",
        call.said()
    );
    assert!(!call.said().contains("today, between 10"), "{}", call.said());
    assert_ne!(first, call.intake.known.offered[0]);
}

#[test]
fn two_callers_at_once_never_get_one_slot() {
    let mut first = Story::known();
    first.says("clogged drain");
    let mut second = Story::begins(Some("+13125550144"));
    second.diary = first.diary.clone();
    // The second call shares the diary; its holds stand under another name.
    let offered = first.intake.known.offered.clone();
    let moves = second.intake.press('1', second.now);
    assert!(matches!(moves.last(), Some(Move::FindSlots(_))));
    let theirs = second.diary.offer(&Wish::default(), "second", second.now + HOLD, second.now);
    assert!(theirs.iter().all(|slot| !offered.contains(slot)));
}

#[test]
fn nothing_is_confirmed_that_is_not_stored() {
    let mut call = Story::known();
    call.stores = false;
    call.says("clogged drain").says("the first one").presses("1");
    assert_eq!(call.said(), "I am sorry, I could not put that into the calendar, so nothing is booked yet.");
    assert_eq!(call.last(), &Move::TakeMessage(WhyMessage::CouldNotBook));
    let all: Vec<_> = call
        .moves
        .iter()
        .filter_map(|step| if let Move::Say(phrase) = step { Some(&phrase.text) } else { None })
        .collect();
    assert!(!all.iter().any(|text| text.contains("You are booked")));
}

#[test]
fn no_free_time_and_no_calendar_end_in_a_message() {
    let mut call = Story::known();
    call.diary.set_busy(vec![(call.now, call.now + jiff::SignedDuration::from_hours(24 * 30))]);
    call.says("clogged drain");
    assert_eq!(call.last(), &Move::TakeMessage(WhyMessage::CouldNotBook));

    let mut call = Story::known();
    let moves = call.intake.press('1', call.now);
    assert!(matches!(moves.last(), Some(Move::FindSlots(_))));
    let moves = call.intake.slots_unavailable(call.now);
    assert_eq!(moves.last(), Some(&Move::TakeMessage(WhyMessage::CouldNotBook)));
}

#[test]
fn a_wish_that_is_not_free_is_answered_with_the_nearest_times() {
    let mut call = Story::known();
    call.says("clogged drain").says("saturday");
    assert!(call.said().starts_with("I do not have that. These are the nearest times."), "{}", call.said());
    assert!(call.said().contains("Friday, December fourth"), "{}", call.said());
}

#[test]
fn other_times_are_offered_until_it_makes_no_sense() {
    let mut call = Story::known();
    call.says("clogged drain").says("none of those");
    assert!(
        call.said().starts_with("Here are more times. Number one: tomorrow, between 10"),
        "{}",
        call.said()
    );
    for _ in 0..5 {
        if !call.intake.is_over() {
            call.presses("4");
        }
    }
    assert_eq!(call.last(), &Move::TakeMessage(WhyMessage::CouldNotBook));
}

#[test]
fn a_time_among_the_offers_is_picked_by_its_name() {
    for (text, slot) in [
        ("tomorrow", "Tue 08:00"),
        ("tuesday", "Tue 08:00"),
        ("the one in the afternoon", "Mon 12:00"),
        ("ten", "Mon 10:00"),
        ("the ten o'clock one", "Mon 10:00"),
        ("number two", "Mon 12:00"),
        ("the last one please", "Tue 08:00"),
        ("i don't care, any of those", "Mon 10:00"),
        ("not today", "Tue 08:00"),
        ("as soon as possible", "Mon 10:00"),
    ] {
        let mut call = Story::known();
        call.says("clogged drain").says(text);
        assert_eq!(call.open_question(), "confirm", "{text}: {}", call.said());
        call.presses("1");
        assert_eq!(call.booked_slots(), [slot], "{text}");
    }
}

#[test]
fn a_time_that_fits_two_offers_asks_between_those_two() {
    let mut call = Story::known();
    call.says("clogged drain").says("today please");
    assert!(
        call.said().contains("Number one: today, between 10 in the morning and noon. Number two: today"),
        "{}",
        call.said()
    );
    assert!(!call.said().contains("Number three"), "{}", call.said());
    call.says("two").presses("1");
    assert_eq!(call.booked_slots(), ["Mon 12:00"]);
}
