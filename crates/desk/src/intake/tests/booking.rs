//! From a problem to a booking, and what a booking takes.

use super::*;

#[test]
fn a_clogged_drain_is_booked_in_three_answers() {
    let mut call = Story::known();
    call.says("my kitchen sink is clogged");
    assert_eq!(
        call.said(),
        "All right, a clogged drain. I can offer these times. Number one: today, between 10 in the morning and noon. \
         Number two: today, between 12 and 2 in the afternoon. Number three: tomorrow, between 8 and 10 in the morning. \
         Which one would you like?"
    );
    call.says("the third one");
    assert_eq!(
        call.said(),
        "So that is a clogged drain. The visit would be tomorrow, between 8 and 10 in the morning. \
         We would call you at the number ending in zero one four three. \
         Shall I book it? Please say: yes, book it. Or press 1."
    );
    assert_eq!(call.booked_slots(), [""; 0]);
    call.says("yes, book it");
    assert_eq!(
        call.said(),
        "You are booked: tomorrow, between 8 and 10 in the morning. Thank you for calling Rivera Plumbing. Goodbye."
    );
    assert_eq!(call.last(), &Move::Finish(Ending::Booked));
    assert_eq!(call.booked_slots(), ["Tue 08:00"]);
    let filled = call.intake.filled();
    assert_eq!(filled["service"].to_string(), "drain");
    assert_eq!(filled["slot"].to_string(), "2026-12-01T08:00:00-06:00[America/Chicago]");
    assert_eq!(filled["callback"].to_string(), "+13125550143");
}

#[test]
fn one_sentence_may_say_the_problem_and_the_time() {
    let mut call = Story::known();
    call.says("i have a toilet that won't flush, can you come tomorrow afternoon");
    assert!(
        call.said()
            .contains("a toilet problem. I can offer these times. Number one: tomorrow, between 12 and 2"),
        "{}",
        call.said()
    );
    call.says("two o'clock").says("yes that's right");
    assert_eq!(call.booked_slots(), ["Tue 14:00"]);
}

#[test]
fn a_lone_yes_never_books_however_often_it_is_said() {
    let mut call = Story::known();
    call.says("clogged drain").says("the first one");
    call.says("yes");
    assert_eq!(call.open_question(), "confirm");
    assert!(call.said().starts_with("To book it, please say: yes, book it."), "{}", call.said());
    call.says("yeah").says("yes");
    assert_eq!(call.last(), &Move::HandOver(WhyPerson::NotUnderstood));
    assert_eq!(call.booked_slots(), [""; 0]);
}

#[test]
fn a_firm_yes_the_recogniser_is_not_sure_of_does_not_book_but_key_1_does() {
    let mut call = Story::known();
    call.says("clogged drain").says("the first one").mumbles("yes book it");
    assert_eq!(call.open_question(), "confirm");
    call.presses("1");
    assert_eq!(call.booked_slots(), ["Mon 10:00"]);
}

#[test]
fn a_yes_that_names_the_time_read_back_books_it() {
    let mut call = Story::known();
    call.says("clogged drain").says("the third one").says("yes tomorrow morning");
    assert_eq!(call.booked_slots(), ["Tue 08:00"]);
}

#[test]
fn a_correction_at_the_read_back_finds_another_day_and_reads_back_again() {
    for correction in [
        "no, Wednesday",
        "no wednesday",
        "make it wednesday",
        "actually wednesday would be better",
        "wednesday",
    ] {
        let mut call = Story::known();
        call.says("clogged drain").says("the first one").says(correction);
        assert_eq!(call.open_question(), "slot", "{correction}");
        assert!(call.said().contains("Wednesday, December second"), "{}", call.said());
        assert!(call.moves.contains(&Move::ReleaseHold));
        call.says("the first one");
        assert!(
            call.said().contains("Wednesday, December second, between 8 and 10 in the morning"),
            "{}",
            call.said()
        );
        call.says("yes, that's right");
        assert_eq!(call.booked_slots(), ["Wed 08:00"], "{correction}");
    }
}

#[test]
fn a_correction_of_the_hour_keeps_the_day() {
    let mut call = Story::known();
    call.says("clogged drain").says("the third one").says("no, at two in the afternoon");
    assert!(
        call.said().contains("Number one: tomorrow, between 2 and 4 in the afternoon"),
        "{}",
        call.said()
    );
}

#[test]
fn a_plain_no_at_the_read_back_asks_what_to_change() {
    let mut call = Story::known();
    call.says("clogged drain").says("the first one").says("no");
    assert_eq!(call.open_question(), "change");
    call.says("the problem");
    assert_eq!(call.open_question(), "service");
    call.says("actually the toilet is running");
    assert!(
        call.said().contains("So that is a toilet problem. The visit would be today, between 10"),
        "{}",
        call.said()
    );
    call.says("no").presses("3");
    assert_eq!(call.open_question(), "number");
    call.presses("3125550199");
    assert!(
        call.said()
            .contains("We would call you at the number three one two, five five five, zero one nine nine."),
        "{}",
        call.said()
    );
    call.presses("1");
    assert_eq!(call.diary.bookings()[0].callback.as_str(), "+13125550199");
}
