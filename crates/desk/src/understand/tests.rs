//! What callers say, and what it means, as tables.

use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::pattern::{Pattern, Rules};
use super::*;

/// Monday, 30 November 2026, seven in the morning.
fn now() -> Zoned {
    "2026-11-30T07:00"
        .parse::<DateTime>()
        .unwrap()
        .to_zoned(TimeZone::get("America/Chicago").unwrap())
        .unwrap()
}

fn heard(text: &str) -> Heard {
    understand(text, &now())
}

/// "tue 15:00 | wed >=13:00 ! mon", as short as a table wants it.
fn show(wish: Option<&Wish>) -> String {
    let Some(wish) = wish else { return String::new() };
    let mut text = wish.any.iter().map(show_when).collect::<Vec<_>>().join(" | ");
    for when in &wish.not {
        text.push_str(&format!(" ! {}", show_when(when)));
    }
    if wish.soonest {
        text.push_str(" soonest");
    }
    text.trim().to_string()
}

fn show_when(when: &When) -> String {
    let date = |date: Date| date.strftime("%b%-d").to_string();
    let clock = |time: Time| time.strftime("%H:%M").to_string();
    let day = when.day.map(|day| match day {
        Day::Weekday(day) => crate::phrase::weekday(day)[..3].to_lowercase(),
        Day::On(day) => date(day),
        Day::Span(from, to) => format!("{}-{}", date(from), date(to)),
    });
    let hours = when.hours.map(|hours| match hours {
        Hours::At(time) => clock(time),
        Hours::Around(time) => format!("~{}", clock(time)),
        Hours::Within(from, to) => format!("{}-{}", clock(from), clock(to)),
        Hours::Before(time) => format!("<={}", clock(time)),
        Hours::After(time) => format!(">={}", clock(time)),
    });
    [day, hours].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[test]
fn days_and_times_are_understood_as_callers_say_them() {
    for (text, meaning) in [
        ("tuesday at three thirty", "tue 15:30"),
        ("tuesday at 3:30 pm", "tue 15:30"),
        ("tomorrow morning", "Dec1 05:00-12:00"),
        ("the day after tomorrow at 10 am", "Dec2 10:00"),
        ("half past nine on wednesday", "wed 09:30"),
        ("in two hours", "Nov30 ~09:00"),
        ("next tuesday", "Dec8"),
        ("this friday afternoon", "fri 12:00-17:00"),
        ("friday after two", "fri >=14:00"),
        ("any time after four", ">=16:00"),
        ("thursday before noon", "thu <=12:00"),
        ("around eleven", "~11:00"),
        ("the first of december", "Dec1"),
        ("december third at two o'clock", "Dec3 14:00"),
        ("the 24th", "Dec24"),
        ("next week", "Dec7-Dec13"),
        ("tomorrow", "Dec1"),
        ("today", "Nov30"),
        ("this afternoon", "Nov30 12:00-17:00"),
        ("tonight", "Nov30 17:00-22:00"),
        ("at three", "15:00"),
        ("at eight in the evening", "20:00"),
        ("eight in the morning", "05:00-12:00"),
        ("tomorrow at 8am", "Dec1 08:00"),
        ("tomorrow at eight a m", "Dec1 08:00"),
        ("quarter to ten tomorrow", "Dec1 09:45"),
        ("tomorrow at a quarter past one", "Dec1 13:15"),
        ("between two and four on thursday", "thu 14:00-16:00"),
        ("wednesday between 8 and 10", "wed 08:00-10:00"),
        ("from nine to twelve", "09:00-12:00"),
        ("no earlier than ten", ">=10:00"),
        ("no later than five", "<=17:00"),
        ("not before ten", ">=10:00"),
        ("by friday", "Nov30-Dec4"),
        ("before wednesday", "Nov30-Dec1"),
        ("after wednesday", "Dec3-Mar2"),
        ("on the weekend", "Dec5-Dec6"),
        ("late afternoon", "14:30-18:00"),
        ("first thing tomorrow", "Dec1 05:00-09:01"),
        ("first thing in the morning", "05:00-09:01"),
        ("after work", ">=16:00"),
        ("around lunch", "~12:00"),
        ("tuesday or wednesday", "tue | wed"),
        ("tuesday or wednesday morning", "tue 05:00-12:00 | wed 05:00-12:00"),
        ("tomorrow morning or afternoon", "Dec1 05:00-12:00 | Dec1 12:00-17:00"),
        ("after two and before four", "14:00-16:00"),
        ("tuesday, december first, between 10 and 12", "Dec1 10:00-12:00"),
        ("in three days", "Dec3"),
        ("in a couple of days", "Dec2"),
        ("in a week", "Dec7"),
        ("wednesday next week", "Dec9"),
        ("wednesday the second", "Dec2"),
        ("12/4", "Dec4"),
        ("december 24th", "Dec24"),
        ("january 5", "Jan5"),
        ("november first", "Nov1"),
        ("mondays", "mon"),
        ("as soon as possible", "soonest"),
        ("asap", "soonest"),
        ("right away please", "soonest"),
        ("any day", "soonest"),
    ] {
        assert_eq!(show(heard(text).wish.as_ref()), meaning, "{text}");
    }
}

#[test]
fn what_a_caller_refuses_is_not_offered() {
    for (text, meaning) in [
        ("not monday", "! mon"),
        ("any day but monday", "! mon soonest"),
        ("i can't do tuesday", "! tue"),
        ("i am not home on friday", "! fri"),
        ("monday doesn't work", "! mon"),
        ("monday is no good", "! mon"),
        ("monday is bad", "! mon"),
        ("not in the morning", "! 05:00-12:00"),
        ("not monday or tuesday", "! mon ! tue"),
        ("not tuesday wednesday", "wed ! tue"),
        ("not monday, tuesday", "tue ! mon"),
        ("not tomorrow morning but wednesday", "wed ! Dec1 05:00-12:00"),
        ("wednesday but not in the morning", "wed ! 05:00-12:00"),
        ("my heater is not working can you come tuesday", "tue"),
        ("the toilet does not flush, tomorrow would be good", "Dec1"),
    ] {
        assert_eq!(show(heard(text).wish.as_ref()), meaning, "{text}");
    }
}

#[test]
fn words_without_a_day_or_time_wish_nothing() {
    for text in [
        "i have a leak",
        "two",
        "the second one",
        "yes",
        "no hot water",
        "water on the floor",
        "the one in the kitchen",
        "",
        "one two three",
    ] {
        assert_eq!(heard(text).wish, None, "{text}");
    }
}

#[test]
fn a_correction_is_a_wish_and_a_no() {
    let said = heard("no, wednesday");
    assert_eq!(
        (show(said.wish.as_ref()).as_str(), said.answer, said.corrects),
        ("wed", Some(Answer::No), true)
    );
    let recognised = heard("no wednesday");
    assert_eq!((show(recognised.wish.as_ref()).as_str(), recognised.answer), ("wed", Some(Answer::No)));
    for text in ["actually thursday", "make it thursday", "i meant thursday", "change it to thursday"] {
        assert!(heard(text).corrects, "{text}");
        assert_eq!(show(heard(text).wish.as_ref()), "thu", "{text}");
    }
}

#[test]
fn yes_and_no_are_told_apart_and_a_lone_yes_is_not_firm() {
    use Answer::{FirmYes, Mixed, No, Yes};
    for (text, answer) in [
        ("yes", Some(Yes)),
        ("yeah", Some(Yes)),
        ("yes yes", Some(Yes)),
        ("uh huh", Some(Yes)),
        ("sure", Some(Yes)),
        ("right", Some(Yes)),
        ("that's right", Some(Yes)),
        ("that is correct", Some(Yes)),
        ("book it", Some(Yes)),
        ("yes please", Some(Yes)),
        ("yes that's right", Some(FirmYes)),
        ("yes, that is correct", Some(FirmYes)),
        ("yes book it", Some(FirmYes)),
        ("yes please book it", Some(FirmYes)),
        ("yeah sounds good", Some(FirmYes)),
        ("sure, go ahead", Some(FirmYes)),
        ("no", Some(No)),
        ("nope", Some(No)),
        ("no thanks", Some(No)),
        ("not really", Some(No)),
        ("that's not right", Some(No)),
        ("that is wrong", Some(No)),
        ("no it is not", Some(No)),
        ("don't book it", Some(No)),
        ("yes no", Some(Mixed)),
        ("no hot water", None),
        ("right now", None),
        ("i am not sure", None),
        ("i don't know", None),
        ("the kitchen", None),
        ("i know", None),
    ] {
        assert_eq!(heard(text).answer, answer, "{text}");
    }
}

#[test]
fn a_pick_is_understood_by_number_by_order_and_by_wish() {
    use Pick::{Any, Earlier, Last, Later, Nth};
    for (text, pick) in [
        ("two", Some(Nth(2))),
        ("2", Some(Nth(2))),
        ("one", Some(Nth(1))),
        ("number three", Some(Nth(3))),
        ("option two please", Some(Nth(2))),
        ("the second one", Some(Nth(2))),
        ("second", Some(Nth(2))),
        ("the first one please", Some(Nth(1))),
        ("i'll take the third", Some(Nth(3))),
        ("the last one", Some(Last)),
        ("the later one", Some(Last)),
        ("the earliest", Some(Nth(1))),
        ("any of those", Some(Any)),
        ("it doesn't matter", Some(Any)),
        ("none of those", Some(Pick::None)),
        ("something else", Some(Pick::None)),
        ("another day", Some(Pick::None)),
        ("do you have anything earlier", Some(Earlier)),
        ("something later", Some(Later)),
        ("december first", None),
        ("tuesday the second", None),
        ("first thing in the morning", None),
        ("tuesday at two", None),
        ("i have two leaks", None),
    ] {
        assert_eq!(heard(text).pick, pick, "{text}");
    }
}

#[test]
fn danger_is_heard_in_any_sentence_unless_it_is_denied() {
    for (text, danger) in [
        ("i smell gas", Some(Danger::Gas)),
        ("it smells like gas in here", Some(Danger::Gas)),
        ("gas", Some(Danger::Gas)),
        ("there is a gas leak in the basement", Some(Danger::Gas)),
        ("my gas water heater is leaking", None),
        ("the house is on fire", Some(Danger::Fire)),
        ("sparks are coming out of the panel", Some(Danger::Electric)),
        ("the carbon monoxide alarm went off", Some(Danger::CarbonMonoxide)),
        ("this is an emergency", Some(Danger::Emergency)),
        ("it's not an emergency", None),
        ("there is no gas smell", None),
        ("no gas leak", None),
        ("no, gas leak", Some(Danger::Gas)),
        ("no i smell gas", Some(Danger::Gas)),
        ("it is not just dripping it is an emergency", Some(Danger::Emergency)),
        ("somebody is hurt", Some(Danger::Injury)),
        ("i have a clogged drain", None),
    ] {
        assert_eq!(heard(text).danger, danger, "{text}");
    }
}

#[test]
fn requests_are_heard_in_any_sentence() {
    for (text, request) in [
        ("agent", Some(Request::Person)),
        ("operator please", Some(Request::Person)),
        ("can i talk to a person", Some(Request::Person)),
        ("i want to speak to someone", Some(Request::Person)),
        ("let me talk to the manager", Some(Request::Person)),
        ("are you a robot", Some(Request::Robot)),
        ("am i talking to a real person", Some(Request::Robot)),
        ("is this a real person", Some(Request::Robot)),
        ("wrong number sorry", Some(Request::WrongNumber)),
        ("stop calling me", Some(Request::OptOut)),
        ("take me off your list", Some(Request::OptOut)),
        ("i'd like to leave a message", Some(Request::Message)),
        ("could you repeat that", Some(Request::Repeat)),
        ("hold on a second", Some(Request::Wait)),
        ("never mind", Some(Request::Goodbye)),
        ("a leak in the kitchen", None),
        ("the real problem is the drain", None),
    ] {
        assert_eq!(heard(text).request, request, "{text}");
    }
}

#[test]
fn every_built_in_pattern_reads_and_means_what_its_list_says() {
    for danger in Danger::ALL {
        for text in danger.spoken() {
            for phrase in Pattern::parse(text, &Rules::new()).unwrap().phrases(1000) {
                assert_eq!(heard(&phrase).danger, Some(danger), "{phrase}");
            }
        }
    }
    for request in Request::ALL {
        for text in request.spoken() {
            for phrase in Pattern::parse(text, &Rules::new()).unwrap().phrases(1000) {
                assert_eq!(heard(&phrase).request, Some(request), "{phrase}");
            }
        }
    }
}

#[test]
fn nonsense_of_any_kind_means_nothing_and_breaks_nothing() {
    for text in [
        "",
        ":::",
        "99:99",
        "at 25",
        "13/45",
        "in 99 weeks",
        "the 31st of february",
        "½ ⅓ 日本語",
        "a a a a",
        "between and",
        "no no no no",
        "half past",
        "quarter",
        "the the the",
    ] {
        let said = heard(text);
        assert_eq!(said.danger, None, "{text}");
    }
    // Every three of the words that the rules look out for.
    let known =
        "not no first two half quarter to in between and before tomorrow tuesday december or next 3:30";
    let known: Vec<&str> = known.split(' ').collect();
    for a in &known {
        for b in &known {
            for c in &known {
                heard(&format!("{a} {b} {c}"));
            }
        }
    }
}
