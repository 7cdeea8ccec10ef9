//! What callers can say, and what each phrase gets them: the intake template's own phrases, tried out beforehand.
//!
//! A phrase is put to a conversation that stands at its question, and kept under what the conversation makes of it
//! with one, two and three times on offer. So an imagined caller needs no understanding of its own, and a changed
//! template changes what callers say.

use std::collections::BTreeMap;
use std::sync::Arc;

use desk::booking::Slot;
use desk::intake::{
    Directory, Ending, Guest, Intake, Move, Question, Template, WhyMessage, WhyPerson, Words,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// What a phrase gets whoever says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub(crate) enum Meaning {
    /// The question is answered, and the next one comes.
    Onward,
    /// Times are looked for.
    Times,
    Pick,
    Book,
    Urgent,
    Emergency,
    Agent,
    Message,
    WrongNumber,
    Goodbye,
    OptOut,
    /// Something is to be changed.
    Change,
    /// The same question again, without a misunderstanding.
    Again,
}

/// Phrases by question and meaning.
#[derive(Clone, Debug)]
pub(crate) struct Phrasebook {
    phrases: BTreeMap<(String, Meaning), Vec<String>>,
    /// How the sentence begins by which a caller is told that a visit is booked.
    pub booked: String,
}

/// Phrases tried of each pattern.
const OF_EACH: usize = 4;

impl Phrasebook {
    /// What can be said to a template, and to the question for an office if there are several.
    pub fn of(template: &Arc<Template>, directory: Option<&Arc<Directory>>) -> Phrasebook {
        // A copy, because it is tried out here for nobody's business.
        let template = &Arc::new(Template::clone(template));
        let mut phrases: BTreeMap<(String, Meaning), Vec<String>> = BTreeMap::new();
        let offices = directory.map(|directory| template.directory_grammar(directory));
        for grammar in template.grammars().into_iter().chain(offices) {
            let settings: Vec<Intake> = match directory {
                Some(directory) if grammar.name == Directory::QUESTION => {
                    vec![at_the_door(template, directory)]
                }
                _ => (1..=3).filter_map(|offers| at_question(&grammar.name, template, offers)).collect(),
            };
            for phrase in grammar.phrases(OF_EACH) {
                let mut meanings = settings.iter().map(|intake| meaning(intake, &grammar.name, &phrase));
                let Some(Some(first)) = meanings.next() else { continue };
                if meanings.all(|other| other == Some(first)) {
                    phrases.entry((grammar.name.clone(), first)).or_default().push(phrase);
                }
            }
        }
        Phrasebook { phrases, booked: booked_sentence(template) }
    }

    /// Phrases with this meaning at this question.
    pub fn phrases(&self, question: &str, meaning: Meaning) -> &[String] {
        self.phrases.get(&(question.to_string(), meaning)).map(Vec::as_slice).unwrap_or_default()
    }
}

fn now() -> Timestamp {
    // A Monday morning in Chicago; all three slots lie ahead of it.
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 20_422 + 13)
}

fn slots(offers: usize) -> Vec<Slot> {
    let slot = |hours: i64| {
        let start = now() + SignedDuration::from_hours(hours);
        Slot { start, end: start + SignedDuration::from_hours(2), crew: 1, zone: TimeZone::UTC }
    };
    [3, 5, 25].into_iter().take(offers).map(slot).collect()
}

/// A conversation that has just asked for an office.
fn at_the_door(template: &Arc<Template>, directory: &Arc<Directory>) -> Intake {
    let caller = "+13125550143".parse().ok();
    let guest = Guest { business: String::new(), caller, zone: TimeZone::UTC };
    let mut intake = Intake::new(template.clone(), guest).choosing_among(Arc::clone(directory));
    intake.open(now());
    intake
}

/// A conversation at the moment when the question is open, reached by keys alone.
fn at_question(name: &str, template: &Arc<Template>, offers: usize) -> Option<Intake> {
    let caller = match name {
        "number" => None,
        _ => "+13125550143".parse().ok(),
    };
    let guest = Guest { business: String::new(), caller, zone: TimeZone::UTC };
    let mut intake = Intake::new(template.clone(), guest);
    let mut moves = intake.open(now());
    for _ in 0..12 {
        moves = match moves.last()? {
            Move::Ask(question) if question.id == name => return Some(intake),
            Move::Ask(question) => {
                let key = towards(name, question, template)?;
                intake.press(key, now())
            }
            Move::FindSlots(_) => intake.slots_found(slots(offers), now()),
            Move::Hold(_) => intake.slot_held(now()),
            Move::HandOver(_) => intake.resume(desk::intake::Returned::NoAnswer, now()),
            _ => return None,
        };
    }
    None
}

/// The key that leads from this question towards the one that is wanted.
fn towards(name: &str, question: &Question, template: &Arc<Template>) -> Option<char> {
    match (question.id.as_str(), name) {
        ("service", "returned") => Some('0'),
        ("service", "urgent") => asks_whether_urgent(template),
        ("confirm", "change") => Some('2'),
        ("urgent", _) => Some('2'),
        _ => question.keypad.first().map(|(key, _)| *key),
    }
}

/// The key of a service that asks whether it can wait, found by pressing each.
fn asks_whether_urgent(template: &Arc<Template>) -> Option<char> {
    ('1'..='8').find(|key| {
        let guest = Guest { business: String::new(), caller: None, zone: TimeZone::UTC };
        let mut intake = Intake::new(template.clone(), guest);
        intake.open(now());
        let moves = intake.press(*key, now());
        matches!(moves.last(), Some(Move::Ask(question)) if question.id == "urgent")
    })
}

fn meaning(at: &Intake, question: &str, phrase: &str) -> Option<Meaning> {
    let mut intake = at.clone();
    let moves = intake.hear(&Words::typed(phrase), now());
    match moves.last()? {
        Move::HandOver(WhyPerson::Emergency { word }) if word == "urgent" => Some(Meaning::Urgent),
        Move::HandOver(WhyPerson::Emergency { .. }) => Some(Meaning::Emergency),
        Move::HandOver(WhyPerson::Asked) => Some(Meaning::Agent),
        Move::HandOver(WhyPerson::NotUnderstood) => None,
        Move::TakeMessage(WhyMessage::Asked) => Some(Meaning::Message),
        Move::TakeMessage(WhyMessage::CouldNotBook | WhyMessage::NotUnderstood) => None,
        Move::Finish(Ending::WrongNumber) => Some(Meaning::WrongNumber),
        Move::Finish(Ending::OptedOut) => Some(Meaning::OptOut),
        Move::Finish(Ending::Informed) => Some(Meaning::Goodbye),
        Move::Finish(Ending::Booked | Ending::Advised | Ending::NoInput) => None,
        Move::Book(_) => Some(Meaning::Book),
        Move::Hold(_) => Some(Meaning::Pick),
        Move::GoToOffice(_) => Some(Meaning::Onward),
        Move::FindSlots(_) => Some(Meaning::Times),
        Move::Ask(next) if next.id == "change" => Some(Meaning::Change),
        Move::Ask(next) if next.id != question => Some(Meaning::Onward),
        Move::Ask(_) => Some(Meaning::Again),
        Move::Say(_) | Move::ReleaseHold => None,
    }
}

/// What is said when a booking is stored, up to where the time begins.
fn booked_sentence(template: &Arc<Template>) -> String {
    let said = |key: char| -> Option<String> {
        let mut intake = at_question("confirm", template, 1)?;
        intake.press(key, now());
        intake.booked("b", now()).iter().find_map(|step| match step {
            Move::Say(phrase) => Some(phrase.text.clone()),
            _ => None,
        })
    };
    let whole = said('1').unwrap_or_default();
    let slot = slots(1).remove(0);
    let when = desk::phrase::window(slot.start, slot.end, &slot.zone, now());
    whole.split(&when).next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_find_a_phrase_for_everything_they_may_want() {
        let book = Phrasebook::of(&Arc::new(Template::plumbing()), None);
        for (question, meaning) in [
            ("service", Meaning::Times),
            ("service", Meaning::Onward),
            ("service", Meaning::Emergency),
            ("service", Meaning::Agent),
            ("service", Meaning::Message),
            ("service", Meaning::WrongNumber),
            ("service", Meaning::Goodbye),
            ("urgent", Meaning::Times),
            ("urgent", Meaning::Urgent),
            ("slot", Meaning::Pick),
            ("slot", Meaning::Times),
            ("confirm", Meaning::Book),
            ("confirm", Meaning::Times),
            ("confirm", Meaning::Change),
            ("change", Meaning::Times),
            ("returned", Meaning::Message),
        ] {
            assert!(!book.phrases(question, meaning).is_empty(), "{question} {meaning:?}");
        }
        assert_eq!(book.booked, "You are booked: ");
    }
}
