//! Conversations, as an office owner would want them to go.

use std::time::Duration;

use jiff::civil::DateTime;

use super::*;
use crate::booking::{Diary, DiaryRules, HOLD};
use crate::hours::OfficeHours;
use crate::understand::Danger;

fn chicago() -> TimeZone {
    TimeZone::get("America/Chicago").unwrap()
}

fn diary() -> Diary {
    let hours = OfficeHours::parse("Mo-Fr 08:00-16:00", &[], Country::US, chicago()).unwrap();
    let hour = |hours: u64| Duration::from_secs(hours * 3600);
    Diary::new(DiaryRules {
        tenant: "Rivera Plumbing".to_string(),
        calendar: "jobs".to_string(),
        hours: Arc::new(hours),
        visit: hour(2),
        lead: hour(2),
        horizon: hour(24 * 14),
        crews: 1,
        offers: 3,
    })
}

/// A caller on the line, with the desk's side of slots and storing played by a real diary.
struct Story {
    intake: Intake,
    diary: Diary,
    now: Timestamp,
    /// What was said since the caller last did something.
    said: Vec<String>,
    /// Everything ordered so far.
    moves: Vec<Move>,
    stores: bool,
}

impl Story {
    /// Monday, 30 November 2026, seven in the morning; times are offered as Mon 10:00, Mon 12:00, Tue 08:00.
    fn begins(caller: Option<&str>) -> Story {
        let now = "2026-11-30T07:00".parse::<DateTime>().unwrap().to_zoned(chicago()).unwrap().timestamp();
        let caller = caller.map(|number| number.parse().unwrap());
        let guest = Guest { business: "Rivera Plumbing".to_string(), caller, zone: chicago() };
        let intake = Intake::new(Arc::new(Template::plumbing()), guest);
        let mut story =
            Story { intake, diary: diary(), now, said: Vec::new(), moves: Vec::new(), stores: true };
        let moves = story.intake.open(now);
        story.follow(moves);
        story
    }

    fn known() -> Story {
        Story::begins(Some("+13125550143"))
    }

    fn says(&mut self, text: &str) -> &mut Self {
        self.said.clear();
        let moves = self.intake.hear(&Words::typed(text), self.now);
        self.follow(moves);
        self
    }

    fn mumbles(&mut self, text: &str) -> &mut Self {
        self.said.clear();
        let words = Words { text: text.to_string(), confidence: 0.1, sure: false };
        let moves = self.intake.hear(&words, self.now);
        self.follow(moves);
        self
    }

    fn presses(&mut self, keys: &str) -> &mut Self {
        self.said.clear();
        for key in keys.chars() {
            let moves = self.intake.press(key, self.now);
            self.follow(moves);
        }
        self
    }

    fn is_silent(&mut self) -> &mut Self {
        self.said.clear();
        let moves = self.intake.nothing_heard(self.now);
        self.follow(moves);
        self
    }

    fn makes_noise(&mut self) -> &mut Self {
        self.said.clear();
        let moves = self.intake.not_understood(self.now);
        self.follow(moves);
        self
    }

    fn follow(&mut self, moves: Vec<Move>) {
        for step in moves {
            self.moves.push(step.clone());
            let until = self.now + HOLD;
            let answer = match step {
                Move::Say(phrase) => {
                    self.said.push(phrase.text);
                    continue;
                }
                Move::FindSlots(wish) => {
                    let slots = self.diary.offer(&wish, "call", until, self.now);
                    self.intake.slots_found(slots, self.now)
                }
                Move::Hold(slot) => match self.diary.hold(&slot, "call", until, self.now) {
                    Ok(()) => self.intake.slot_held(self.now),
                    Err(_) => self.intake.slot_taken(self.now),
                },
                Move::ReleaseHold => {
                    self.diary.release("call");
                    continue;
                }
                Move::Book(draft) => match self.diary.prepare(&draft, "call", until, self.now) {
                    Ok(booking) if self.stores => {
                        let id = booking.id.clone();
                        self.diary.keep(booking);
                        self.intake.booked(&id, self.now)
                    }
                    _ => self.intake.not_booked(self.now),
                },
                Move::Ask(_) | Move::HandOver(_) | Move::TakeMessage(_) | Move::Finish(_) => continue,
            };
            self.follow(answer);
        }
    }

    fn said(&self) -> String {
        self.said.join(" ")
    }

    fn last(&self) -> &Move {
        self.moves.last().unwrap()
    }

    fn open_question(&self) -> &str {
        match self.last() {
            Move::Ask(question) => &question.id,
            other => panic!("no question is open but {other:?}"),
        }
    }

    fn booked_slots(&self) -> Vec<String> {
        let start =
            |b: &&crate::booking::Booking| b.slot.start.to_zoned(chicago()).strftime("%a %H:%M").to_string();
        self.diary.bookings().iter().map(start).collect()
    }
}

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
    assert_eq!(call.diary.find(&Wish::default(), call.now).len(), 3);
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
    let first = call.diary.find(&Wish::default(), call.now)[0].clone();
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
    assert!(template.prompts("Rivera Plumbing").contains(&"A visit is eighty nine dollars.".to_string()));
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
                call.diary.find(&Wish::default(), call.now).len(),
                3,
                "seed {seed}: a slot is still held"
            );
        }
    }
}
