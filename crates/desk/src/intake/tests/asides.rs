//! Questions beside the matter, what callers insist on, and what no order of words may bring about.

use super::*;

#[test]
fn a_price_is_only_ever_what_the_configuration_says() {
    let mut call = Story::known();
    call.says("how much is a visit");
    assert!(
        call.said().starts_with(
            "I do not have prices here. The plumber tells you the price before any work is done."
        ),
        "{}",
        call.said()
    );
    assert_eq!(call.open_question(), "service");
    call.says("clogged drain, how much does it cost");
    assert!(call.said().contains("All right, a clogged drain."), "{}", call.said());

    let template = Template::plumbing().with_price("A visit is eighty nine dollars.");
    assert!(template.prompts("Rivera Plumbing").contains("A visit is eighty nine dollars."));
}

#[test]
fn a_caller_who_asks_is_told_the_truth_about_the_machine() {
    let mut call = Story::known();
    call.says("are you a robot");
    assert_eq!(
        call.said(),
        "I am an automated assistant, not a person. To speak with a person, say agent, or press 0. What is going on?"
    );
    call.says("clogged drain").says("am i talking to a real person");
    assert!(
        call.said().starts_with("I am an automated assistant") && call.said().contains("Number one"),
        "{}",
        call.said()
    );
}

#[test]
fn hello_and_i_need_a_plumber_are_no_misunderstandings() {
    for text in ["hello", "I need a plumber", "can you come tomorrow", "i want to book an appointment"] {
        let mut call = Story::known();
        call.says(text);
        assert_eq!(
            call.said(),
            "Sure. What is going on? For example, clogged drain, or water heater.",
            "{text}"
        );
    }
    let mut call = Story::known();
    call.says("can you come tomorrow").says("the drain is clogged");
    assert!(call.said().contains("Number one: tomorrow"), "{}", call.said());
}

#[test]
fn wrong_numbers_opting_out_messages_and_goodbyes_are_taken_at_their_word() {
    for (text, end) in [
        ("sorry wrong number", Move::Finish(Ending::WrongNumber)),
        ("take me off your list", Move::Finish(Ending::OptedOut)),
        ("never mind", Move::Finish(Ending::Informed)),
        ("i want to leave a message", Move::TakeMessage(WhyMessage::Asked)),
    ] {
        let mut call = Story::known();
        call.says(text);
        assert_eq!(call.last(), &end, "{text}");
        let mut call = Story::known();
        call.says("clogged drain").says("one").says(text);
        assert_eq!(call.last(), &end, "{text}");
        assert!(call.moves.contains(&Move::ReleaseHold));
    }
}

#[test]
fn a_caller_may_ask_for_it_once_more_and_for_a_moment() {
    let mut call = Story::known();
    call.says("clogged drain");
    let offers = call.said();
    call.says("say that again please");
    assert!(
        offers.ends_with(&call.said().replace("All right, a clogged drain. I can offer these times. ", "")),
        "{}",
        call.said()
    );
    call.says("hold on");
    match call.last() {
        Move::Ask(question) => assert!(question.no_input_after > Duration::from_secs(10)),
        other => panic!("{other:?}"),
    }
    for _ in 0..20 {
        if !call.intake.is_over() {
            call.says("repeat that");
        }
    }
    assert_eq!(call.last(), &Move::HandOver(WhyPerson::NotUnderstood));
}

#[test]
fn a_caller_nobody_picked_up_for_leaves_a_message_or_goes_on_booking() {
    let mut call = Story::known();
    call.says("a pipe burst");
    let moves = call.intake.resume(Returned::NoAnswer, call.now);
    call.follow(moves);
    assert_eq!(call.last(), &Move::TakeMessage(WhyMessage::Asked));

    let mut call = Story::known();
    call.says("agent");
    let moves = call.intake.resume(Returned::NoAnswer, call.now);
    call.follow(moves);
    assert_eq!(call.open_question(), "returned");
    call.says("book a visit");
    assert_eq!(call.open_question(), "service");
    call.says("clogged drain").says("one").presses("1");
    assert_eq!(call.last(), &Move::Finish(Ending::Booked));

    let mut call = Story::known();
    call.says("agent");
    let moves = call.intake.resume(Returned::PersonBusy, call.now);
    call.follow(moves);
    call.says("agent");
    assert_eq!(call.last(), &Move::TakeMessage(WhyMessage::Asked));
}

#[test]
fn a_late_answer_of_the_shell_changes_nothing_said() {
    let mut call = Story::known();
    assert_eq!(call.intake.booked("b-1", call.now), []);
    assert_eq!(call.intake.slots_found(Vec::new(), call.now), []);
    assert_eq!(call.intake.slot_held(call.now), []);
    assert_eq!(call.intake.slot_taken(call.now), []);
    assert_eq!(call.intake.not_booked(call.now), []);
    assert_eq!(call.intake.slots_unavailable(call.now), []);
    call.says("agent");
    assert_eq!(call.intake.hear(&Words::typed("clogged drain"), call.now), []);
    assert_eq!(call.intake.press('1', call.now), []);
    assert_eq!(call.intake.nothing_heard(call.now), []);
}

#[test]
fn every_sentence_that_can_be_known_before_is_prepared() {
    let mut call = Story::begins(None);
    call.says("hm")
        .says("hm")
        .presses("1")
        .presses("1")
        .presses("3125550143")
        .says("no")
        .says("number")
        .presses("3125550143")
        .presses("1");
    for step in &call.moves {
        if let Move::Say(phrase) = step {
            let moving =
                ["Number one", "Number two", "Number three", "The visit", "We would call", "You are booked"];
            let changes = moving.iter().any(|start| phrase.text.starts_with(start));
            assert_eq!(phrase.prepared, !changes, "{}", phrase.text);
        }
    }
}

/// Whatever is said and pressed in whatever order: the conversation always waits for something or has ended,
/// and books only on key 1 or a firm yes.
#[test]
fn no_order_of_words_keys_and_silences_gets_a_conversation_stuck_or_books_by_accident() {
    const TEXTS: [&str; 26] = [
        "clogged drain",
        "leak",
        "yes",
        "no",
        "yes book it",
        "yes that's right",
        "no wednesday",
        "tomorrow morning",
        "the second one",
        "two",
        "none of those",
        "something earlier",
        "how much is it",
        "hello",
        "are you a robot",
        "say that again",
        "hold on",
        "the number",
        "the problem",
        "another day",
        "three one two five five five oh one four three",
        "nothing",
        "purple elephants",
        "not monday",
        "",
        "as soon as possible",
    ];
    const KEYS: &str = "123456789*#";
    for seed in 0..300_u64 {
        let caller = (seed % 3 != 0).then_some("+13125550143");
        let mut call = Story::begins(caller);
        let mut chance = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for turn in 0..200 {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            let before = call.moves.len();
            let text = TEXTS[(chance >> 8) as usize % TEXTS.len()];
            let key = KEYS.as_bytes()[(chance >> 16) as usize % KEYS.len()] as char;
            let (agreed, spoke) = match chance % 8 {
                0 => (false, call.is_silent().said()),
                1 => (false, call.makes_noise().said()),
                2 | 3 => (key == '1', call.presses(&key.to_string()).said()),
                4 => (false, call.mumbles(text).said()),
                _ => (text.starts_with("yes ") || text == "tomorrow morning", call.says(text).said()),
            };
            let fresh = &call.moves[before..];
            let typing = matches!(call.intake.open, Open::Number { .. });
            assert!(!fresh.is_empty() || typing, "seed {seed}, turn {turn}: stuck after {text:?} or {key:?}");
            let last = fresh.last().unwrap_or(&Move::ReleaseHold);
            let waits = matches!(last, Move::Ask(_)) || (fresh.is_empty() && typing);
            assert!(waits || call.intake.is_over(), "seed {seed}, turn {turn}: {last:?}");
            let books = fresh.iter().any(|step| matches!(step, Move::Book(_)));
            assert!(!books || agreed, "seed {seed}, turn {turn}: booked after {text:?} or {key:?}");
            assert_eq!(
                spoke.contains("You are booked"),
                books && call.intake.booking().is_some(),
                "seed {seed}, turn {turn}"
            );
            if call.intake.is_over() {
                break;
            }
        }
        assert!(call.intake.is_over(), "seed {seed}: two hundred turns and no end");
        let booked = matches!(call.last(), Move::Finish(Ending::Booked));
        assert_eq!(call.diary.bookings().len(), usize::from(booked), "seed {seed}");
        if !booked {
            assert_eq!(
                call.diary.find(&Wish::default(), "", call.now).len(),
                3,
                "seed {seed}: a slot is still held"
            );
        }
    }
}
