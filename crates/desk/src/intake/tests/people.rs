//! When a person is wanted, and what happens to those who are not understood or say nothing.

use super::*;

#[test]
fn nonsense_is_asked_again_shorter_then_by_keys_then_reaches_a_person() {
    let mut call = Story::known();
    call.says("what's the weather like on mars");
    assert_eq!(
        call.said(),
        "I am sorry, I did not get that. In a few words, please, like: clogged drain, leak, or no hot water."
    );
    call.makes_noise();
    assert!(call.said().starts_with("For a clogged drain, press 1."), "{}", call.said());
    call.says("purple elephants");
    assert_eq!(call.last(), &Move::HandOver(WhyPerson::NotUnderstood));
    assert_eq!(call.said(), "I am sorry, I am not getting it. Let me find someone for you.");
}

#[test]
fn misunderstandings_spread_over_questions_also_end_at_a_person() {
    let mut call = Story::known();
    call.makes_noise().says("leak").makes_noise().makes_noise().says("no").makes_noise();
    assert_eq!(call.open_question(), "slot");
    call.makes_noise();
    assert!(call.said().starts_with("Press 1, 2 or 3"), "{}", call.said());
    call.makes_noise();
    assert_eq!(call.last(), &Move::HandOver(WhyPerson::NotUnderstood));
}

#[test]
fn silence_is_asked_about_then_offered_keys_then_ended() {
    let mut call = Story::known();
    call.is_silent();
    assert!(call.said().starts_with("Are you still there?"), "{}", call.said());
    call.is_silent();
    assert!(call.said().starts_with("For a clogged drain, press 1."), "{}", call.said());
    call.is_silent();
    assert_eq!(call.last(), &Move::Finish(Ending::NoInput));
}

#[test]
fn a_caller_who_falls_silent_after_telling_the_problem_leaves_a_message_not_nothing() {
    let mut call = Story::known();
    call.says("clogged drain").is_silent().is_silent().is_silent();
    assert_eq!(call.last(), &Move::TakeMessage(WhyMessage::NotUnderstood));
    assert_eq!(call.diary.find(&Wish::default(), "", call.now).len(), 3);
}

#[test]
fn agent_or_zero_reach_a_person_from_every_question() {
    let ways: [&dyn Fn(&mut Story); 5] = [
        &|_| {},
        &|call| {
            call.says("leak");
        },
        &|call| {
            call.says("clogged drain");
        },
        &|call| {
            call.says("clogged drain").says("the first one");
        },
        &|call| {
            call.says("clogged drain").says("the first one").says("no");
        },
    ];
    for way in ways {
        for word in ["agent", "can i talk to a person please", "operator"] {
            let mut call = Story::known();
            way(&mut call);
            call.says(word);
            assert_eq!(call.last(), &Move::HandOver(WhyPerson::Asked), "{word}");
        }
        let mut call = Story::known();
        way(&mut call);
        call.presses("0");
        assert_eq!(call.last(), &Move::HandOver(WhyPerson::Asked));
    }
    let mut anonymous = Story::begins(None);
    anonymous.says("clogged drain").says("the first one").presses("0");
    assert_eq!(anonymous.last(), &Move::HandOver(WhyPerson::Asked));
}

#[test]
fn an_emergency_reaches_a_person_from_every_question_with_one_sentence_first() {
    for (words, advice, name) in [
        ("a pipe burst", "If you can do it safely, turn off the main water valve.", "burst pipe"),
        (
            "water is coming through the ceiling",
            "If you can do it safely, turn off the main water valve.",
            "burst pipe",
        ),
        (
            "my basement is flooding",
            "If you can do it safely, turn off the main water valve, and keep away from anything electrical.",
            "flooding",
        ),
        ("i smell gas", Danger::Gas.advice(), "gas"),
        ("a pipe burst and i smell gas", Danger::Gas.advice(), "gas"),
        ("this is an emergency", Danger::Emergency.advice(), "emergency"),
    ] {
        for before in [vec![], vec!["clogged drain"], vec!["clogged drain", "two"]] {
            let mut call = Story::known();
            for text in before {
                call.says(text);
            }
            call.mumbles(words);
            assert_eq!(call.said(), advice, "{words}");
            assert_eq!(
                call.last(),
                &Move::HandOver(WhyPerson::Emergency { word: name.to_string() }),
                "{words}"
            );
            assert_eq!(call.intake.filled()["emergency"].to_string(), name);
        }
    }
}

#[test]
fn advice_in_an_emergency_is_heard_to_its_end() {
    let mut call = Story::known();
    call.says("i smell gas");
    assert!(
        call.moves.iter().any(|step| matches!(step, Move::Say(phrase) if phrase.guarded && phrase.prepared))
    );
}
