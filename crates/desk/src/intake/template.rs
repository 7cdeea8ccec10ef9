//! A template: the questions, phrases and sentences of one trade, read from TOML and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use serde::Deserialize;

use crate::number::Country;
use crate::understand::pattern::{Pattern, PatternError, Rules};

/// What the assistant asks, says and listens for.
#[derive(Clone, Debug)]
pub struct Template {
    /// The template's name.
    pub name: String,
    /// How a number without a country is read.
    pub country: Country,
    pub(super) rules: Rules,
    pub(super) questions: Questions,
    pub(super) services: Vec<Service>,
    pub(super) emergencies: Vec<Emergency>,
    pub(super) topics: Vec<Topic>,
    pub(super) say: Sentences,
    pronounce: BTreeMap<String, String>,
    /// The menu of the first question as written: `{services}` stands for the keys of the services.
    menu: String,
    prepared: Prepared,
}

/// Every sentence that can be rendered before the first call, for the business that asked first: every call asks, and a
/// template serves one business. A copy may be changed, so it finds its own.
#[derive(Debug, Default)]
struct Prepared(OnceLock<(String, Arc<BTreeSet<String>>)>);

impl Clone for Prepared {
    fn clone(&self) -> Prepared {
        Prepared::default()
    }
}

/// Every question there is.
#[derive(Clone, Debug)]
pub(super) struct Questions {
    pub service: Asked,
    pub urgent: Asked,
    pub slot: Asked,
    pub number: Asked,
    pub confirm: Asked,
    pub change: Asked,
    pub returned: Asked,
}

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub text: AskedText,
    pub words: Vec<Pattern>,
}

/// One question, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedText {
    /// The question.
    pub ask: String,
    /// A second sentence of the question; the first try only.
    #[serde(default)]
    pub example: String,
    /// After a misunderstanding: shorter, with an example.
    pub again: String,
    /// After another one: the keys.
    pub menu: String,
    /// Silence that ends an answer, in milliseconds.
    pub hang_ms: u64,
    /// Least confidence of the recogniser, by its own scale.
    pub threshold: f32,
    /// Its answer is never recorded, as that to a question for a card.
    #[serde(default)]
    pub secret: bool,
    /// What is listened for.
    pub words: Vec<String>,
}

/// Something that is done for callers.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub id: String,
    pub key: char,
    pub say: String,
    pub menu: String,
    pub ask_urgent: bool,
    pub words: Vec<Pattern>,
}

/// A sign of trouble that cannot wait.
#[derive(Clone, Debug)]
pub(super) struct Emergency {
    pub id: String,
    pub advice: String,
    pub words: Vec<Pattern>,
}

/// A question callers ask, with its answer.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub id: String,
    pub say: String,
    pub words: Vec<Pattern>,
}

/// Every sentence, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub(super) struct Sentences {
    pub service: String,
    pub sure: String,
    pub offers: String,
    pub offer: String,
    pub nearest: String,
    pub more: String,
    pub first: String,
    pub second: String,
    pub third: String,
    pub which_of_one: String,
    pub gone: String,
    pub no_times: String,
    pub no_calendar: String,
    pub not_booked: String,
    pub read_back: String,
    pub read_back_when: String,
    pub read_back_number: String,
    pub booked: String,
    pub goodbye: String,
    pub nothing_booked: String,
    pub no_problem: String,
    pub opted_out: String,
    pub still_there: String,
    pub silence: String,
    pub not_understood: String,
    pub robot: String,
    pub person: String,
    pub person_next: String,
    pub take_time: String,
    pub not_a_number: String,
    pub nobody_free: String,
}

impl Sentences {
    /// With what may be filled into each, and what must be.
    fn all(&self) -> [(&'static str, &str, Filling); 31] {
        use Filling::{Business, Nothing, Number, Service, When};
        [
            ("service", &self.service, Service),
            ("sure", &self.sure, Nothing),
            ("offers", &self.offers, Nothing),
            ("offer", &self.offer, Nothing),
            ("nearest", &self.nearest, Nothing),
            ("more", &self.more, Nothing),
            ("first", &self.first, When),
            ("second", &self.second, When),
            ("third", &self.third, When),
            ("which_of_one", &self.which_of_one, Nothing),
            ("gone", &self.gone, Nothing),
            ("no_times", &self.no_times, Nothing),
            ("no_calendar", &self.no_calendar, Nothing),
            ("not_booked", &self.not_booked, Nothing),
            ("read_back", &self.read_back, Service),
            ("read_back_when", &self.read_back_when, When),
            ("read_back_number", &self.read_back_number, Number),
            ("booked", &self.booked, When),
            ("goodbye", &self.goodbye, Business),
            ("nothing_booked", &self.nothing_booked, Business),
            ("no_problem", &self.no_problem, Business),
            ("opted_out", &self.opted_out, Business),
            ("still_there", &self.still_there, Nothing),
            ("silence", &self.silence, Business),
            ("not_understood", &self.not_understood, Nothing),
            ("robot", &self.robot, Business),
            ("person", &self.person, Nothing),
            ("person_next", &self.person_next, Nothing),
            ("take_time", &self.take_time, Nothing),
            ("not_a_number", &self.not_a_number, Nothing),
            ("nobody_free", &self.nobody_free, Nothing),
        ]
    }
}

/// What is filled into a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filling {
    Nothing,
    /// May be named, need not.
    Business,
    Service,
    When,
    Number,
}

impl Filling {
    fn name(self) -> &'static str {
        match self {
            Filling::Nothing => "",
            Filling::Business => "{business}",
            Filling::Service => "{service}",
            Filling::When => "{when}",
            Filling::Number => "{number}",
        }
    }
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Not TOML, an unknown key, or a missing one.
    #[error("line {line}: {why}")]
    Unreadable {
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// A phrase cannot be listened for.
    #[error("{place}: {source}")]
    Phrase {
        /// The table it stands in.
        place: String,
        /// What is wrong.
        source: PatternError,
    },
    /// A value that cannot be.
    #[error("{place}: {why}")]
    Value {
        /// The table and key.
        place: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A caller who only presses keys would never get to a booking.
    #[error(
        "a caller who presses {key} and answers every further question by keys does not get to a booking"
    )]
    NoEnd {
        /// The first key pressed.
        key: char,
    },
}

/// Why an assistant cannot take on some services of a template only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServicesError {
    /// Not one of the template's.
    #[error("there is no service {id:?}; known are {known}")]
    Unknown {
        /// As written.
        id: String,
        /// Those there are.
        known: String,
    },
    /// Nothing would be left to ask for.
    #[error("name at least one; known are {known}")]
    NoneLeft {
        /// Those there are.
        known: String,
    },
    /// The menu would name keys that mean nothing.
    #[error(
        "the menu of [question.service] in the intake names all keys; write {SERVICES} where they are named"
    )]
    MenuOfItsOwn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    rule: BTreeMap<String, String>,
    question: QuestionFile,
    service: Vec<ServiceFile>,
    #[serde(default)]
    emergency: Vec<EmergencyFile>,
    #[serde(default)]
    answer: Vec<TopicFile>,
    say: Sentences,
    #[serde(default)]
    pronounce: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuestionFile {
    service: AskedText,
    urgent: AskedText,
    slot: AskedText,
    number: AskedText,
    confirm: AskedText,
    change: AskedText,
    returned: AskedText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceFile {
    id: String,
    key: char,
    say: String,
    /// In the menu of keys; without it as `say`.
    menu: Option<String>,
    #[serde(default)]
    ask_urgent: bool,
    words: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmergencyFile {
    id: String,
    #[serde(default)]
    advice: String,
    words: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicFile {
    id: String,
    say: String,
    words: Vec<String>,
}

impl Template {
    /// The template for plumbers that comes with the desk.
    pub fn plumbing() -> Template {
        Template::parse(include_str!("../../templates/plumbing.toml")).expect("a test reads this very file")
    }

    /// The template for law firms that comes with the desk.
    pub fn law() -> Template {
        Template::parse(include_str!("../../templates/law.toml")).expect("a test reads this very file")
    }

    /// The template that comes with the desk for a trade, if there is one.
    pub fn built_in(trade: &str) -> Option<Template> {
        match trade {
            "plumbing" => Some(Template::plumbing()),
            "law" => Some(Template::law()),
            _ => None,
        }
    }

    /// Reads and checks a template.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let file: File = toml::from_str(text).map_err(|error| unreadable(text, &error))?;
        check_name(&file.name)?;
        let rules = read_rules(&file.rule)?;
        let mut template = Template {
            menu: file.question.service.menu.clone(),
            questions: Questions::read(file.question, &rules)?,
            services: read_services(file.service, &rules)?,
            emergencies: read_emergencies(file.emergency, &rules)?,
            topics: read_topics(file.answer, &rules)?,
            name: file.name,
            country: Country::US,
            rules,
            say: file.say,
            pronounce: file.pronounce,
            prepared: Prepared::default(),
        };
        template.write_menu();
        template.check_sentences()?;
        template.check_questions()?;
        template.check_ends()?;
        Ok(template)
    }

    /// The same template for whoever takes on only these services, with a name of its own.
    ///
    /// # Errors
    /// If a service is unknown, none is left, or the menu names all keys in words of its own.
    pub fn only(mut self, services: &[String]) -> Result<Template, ServicesError> {
        let known: Vec<&str> = self.services.iter().map(|service| service.id.as_str()).collect();
        if let Some(unknown) = services.iter().find(|id| !known.contains(&id.as_str())) {
            return Err(ServicesError::Unknown { id: unknown.clone(), known: known.join(", ") });
        }
        if services.is_empty() {
            return Err(ServicesError::NoneLeft { known: known.join(", ") });
        }
        if !self.menu.contains(SERVICES) {
            return Err(ServicesError::MenuOfItsOwn);
        }
        self.services.retain(|service| services.contains(&service.id));
        let keys: String = self.services.iter().map(|service| service.key).collect();
        self.name = format!("{}_{keys}", self.name);
        self.write_menu();
        Ok(self)
    }

    /// "a leak, press 2. Hot water, press 3."
    fn write_menu(&mut self) {
        let named = |(place, service): (usize, &Service)| {
            let menu = if place == 0 { service.menu.clone() } else { capital(&service.menu) };
            format!("{menu}, press {}.", service.key)
        };
        let all: Vec<String> = self.services.iter().enumerate().map(named).collect();
        self.questions.service.text.menu = self.menu.replace(SERVICES, &all.join(" "));
        self.prepared = Prepared::default();
    }

    /// The same template for a business of another country.
    #[must_use]
    pub fn in_country(mut self, country: Country) -> Template {
        self.country = country;
        self
    }

    /// The same template with the owner's own words about prices, instead of "I do not have prices here".
    #[must_use]
    pub fn with_price(mut self, words: &str) -> Template {
        if let Some(price) = self.topics.iter_mut().find(|topic| topic.id == "price") {
            price.say = words.to_string();
        }
        self.prepared = Prepared::default();
        self
    }

    /// How words that a dictionary lacks are pronounced, in the dictionary's own signs.
    pub fn pronunciations(&self) -> &BTreeMap<String, String> {
        &self.pronounce
    }

    /// Every sentence that can be rendered before the first call.
    pub fn prompts(&self, business: &str) -> Arc<BTreeSet<String>> {
        let find = || (business.to_string(), Arc::new(self.find_prompts(business)));
        let (of, prompts) = self.prepared.0.get_or_init(find);
        if of == business { Arc::clone(prompts) } else { Arc::new(self.find_prompts(business)) }
    }

    fn find_prompts(&self, business: &str) -> BTreeSet<String> {
        let mut prompts = BTreeSet::new();
        for (_, sentence, filling) in self.say.all() {
            match filling {
                Filling::Nothing | Filling::Business => {
                    prompts.insert(sentence.replace("{business}", business));
                }
                Filling::Service => {
                    prompts.extend(
                        self.services.iter().map(|service| sentence.replace("{service}", &service.say)),
                    );
                }
                Filling::When | Filling::Number => {}
            }
        }
        for asked in self.questions.all() {
            let text = &asked.1.text;
            prompts.extend([text.ask.clone(), text.example.clone(), text.again.clone(), text.menu.clone()]);
        }
        prompts.extend(self.emergencies.iter().map(|emergency| emergency.advice.clone()));
        prompts.extend(crate::understand::Danger::ALL.map(|danger| danger.advice().to_string()));
        prompts.extend(self.topics.iter().map(|topic| topic.say.replace("{business}", business)));
        prompts.remove("");
        prompts
    }

    pub(super) fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    fn check_sentences(&self) -> Result<(), TemplateError> {
        for (name, sentence, filling) in self.say.all() {
            check_text(&format!("[say] {name}"), sentence, filling)?;
        }
        for service in &self.services {
            check_text(&format!("[[service]] {:?} say", service.id), &service.say, Filling::Nothing)?;
        }
        for topic in &self.topics {
            check_text("[[answer]] say", &topic.say, Filling::Business)?;
        }
        Ok(())
    }

    fn check_questions(&self) -> Result<(), TemplateError> {
        for (name, asked) in self.questions.all() {
            let place = |key: &str| format!("[question.{name}] {key}");
            let text = &asked.text;
            for (key, sentence) in [("ask", &text.ask), ("again", &text.again), ("menu", &text.menu)] {
                check_text(&place(key), sentence, Filling::Nothing)?;
            }
            if !(100..=3000).contains(&text.hang_ms) {
                let why = format!("{} is not between 100 and 3000 milliseconds", text.hang_ms);
                return Err(TemplateError::Value { place: place("hang_ms"), why });
            }
            if !(-20.0..=20.0).contains(&text.threshold) {
                let why = format!("{} is not between -20 and 20", text.threshold);
                return Err(TemplateError::Value { place: place("threshold"), why });
            }
            if !text.menu.to_lowercase().contains("press") && name != "number" {
                let why = "the menu names no key; say which keys answer the question".to_string();
                return Err(TemplateError::Value { place: place("menu"), why });
            }
        }
        Ok(())
    }

    /// Walks every service by keys alone, to its booking.
    fn check_ends(&self) -> Result<(), TemplateError> {
        let template = Arc::new(self.clone());
        for service in &self.services {
            if !super::flow::keys_lead_to_a_booking(&template, service.key) {
                return Err(TemplateError::NoEnd { key: service.key });
            }
        }
        Ok(())
    }
}

impl Questions {
    fn read(file: QuestionFile, rules: &Rules) -> Result<Questions, TemplateError> {
        let read = |name: &str, text: AskedText| {
            let words = read_phrases(&format!("[question.{name}] words"), &text.words, rules)?;
            Ok(Asked { text, words })
        };
        Ok(Questions {
            service: read("service", file.service)?,
            urgent: read("urgent", file.urgent)?,
            slot: read("slot", file.slot)?,
            number: read("number", file.number)?,
            confirm: read("confirm", file.confirm)?,
            change: read("change", file.change)?,
            returned: read("returned", file.returned)?,
        })
    }

    pub fn all(&self) -> [(&'static str, &Asked); 7] {
        [
            ("service", &self.service),
            ("urgent", &self.urgent),
            ("slot", &self.slot),
            ("number", &self.number),
            ("confirm", &self.confirm),
            ("change", &self.change),
            ("returned", &self.returned),
        ]
    }
}

fn unreadable(text: &str, error: &toml::de::Error) -> TemplateError {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
    TemplateError::Unreadable { line, why: error.message().replace('\n', " ") }
}

/// Rules may use each other in any order, but not in a circle.
fn read_rules(written: &BTreeMap<String, String>) -> Result<Rules, TemplateError> {
    let mut rules = Rules::new();
    let mut left: Vec<_> = written.iter().collect();
    while !left.is_empty() {
        let before = left.len();
        let mut trouble = None;
        left.retain(|(name, text)| match Pattern::parse(text, &rules) {
            Ok(pattern) => {
                rules.insert((*name).clone(), pattern);
                false
            }
            Err(source) => {
                trouble = Some(TemplateError::Phrase { place: format!("[rule] {name}"), source });
                true
            }
        });
        if let Some(trouble) = trouble.filter(|_| left.len() == before) {
            return Err(trouble);
        }
    }
    Ok(rules)
}

fn read_phrases(place: &str, texts: &[String], rules: &Rules) -> Result<Vec<Pattern>, TemplateError> {
    let read = |text: &String| Pattern::parse(text, rules);
    let phrases: Result<Vec<_>, _> = texts.iter().map(read).collect();
    phrases.map_err(|source| TemplateError::Phrase { place: place.to_string(), source })
}

fn read_services(files: Vec<ServiceFile>, rules: &Rules) -> Result<Vec<Service>, TemplateError> {
    let mut services: Vec<Service> = Vec::new();
    for file in files {
        let place = format!("[[service]] {:?}", file.id);
        let value = |why: &str| TemplateError::Value { place: place.clone(), why: why.to_string() };
        if file.id.is_empty() || services.iter().any(|known| known.id == file.id) {
            return Err(value("every service needs an id of its own"));
        }
        if !('1'..='8').contains(&file.key) {
            return Err(value("its key must be one of 1 to 8; 0 is a person and 9 a message"));
        }
        if services.iter().any(|known| known.key == file.key) {
            return Err(value("its key answers another service already"));
        }
        let words = read_phrases(&format!("{place} words"), &file.words, rules)?;
        services.push(Service {
            id: file.id,
            key: file.key,
            menu: file.menu.unwrap_or_else(|| file.say.clone()),
            say: file.say,
            ask_urgent: file.ask_urgent,
            words,
        });
    }
    match services.is_empty() {
        true => Err(TemplateError::Value {
            place: "[[service]]".to_string(),
            why: "at least one is needed".to_string(),
        }),
        false => Ok(services),
    }
}

fn read_emergencies(files: Vec<EmergencyFile>, rules: &Rules) -> Result<Vec<Emergency>, TemplateError> {
    let read = |file: EmergencyFile| {
        let words = read_phrases(&format!("[[emergency]] {:?} words", file.id), &file.words, rules)?;
        Ok(Emergency { id: file.id, advice: file.advice, words })
    };
    files.into_iter().map(read).collect()
}

fn read_topics(files: Vec<TopicFile>, rules: &Rules) -> Result<Vec<Topic>, TemplateError> {
    let read = |file: TopicFile| {
        let words = read_phrases(&format!("[[answer]] {:?} words", file.id), &file.words, rules)?;
        Ok(Topic { id: file.id, say: file.say, words })
    };
    files.into_iter().map(read).collect()
}

/// Where the menu of the first question names the keys of the services.
const SERVICES: &str = "{services}";

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Grammars are named after the template.
fn check_name(name: &str) -> Result<(), TemplateError> {
    let is_plain = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_';
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_plain) {
        return Ok(());
    }
    let why = format!("{name:?} is no name for an intake; write a word in small letters, digits and _");
    Err(TemplateError::Value { place: "name".to_string(), why })
}

const LONGEST_NAME: usize = 40;

fn check_text(place: &str, text: &str, filling: Filling) -> Result<(), TemplateError> {
    let error = |why: String| Err(TemplateError::Value { place: place.to_string(), why });
    if text.trim().is_empty() {
        return error("there is nothing to say".to_string());
    }
    let must = !matches!(filling, Filling::Nothing | Filling::Business);
    if must && !text.contains(filling.name()) {
        return error(format!("{} must be in this sentence", filling.name()));
    }
    let rest = if filling == Filling::Nothing { text.to_string() } else { text.replace(filling.name(), "") };
    match rest.contains(['{', '}']) {
        true => error(format!("nothing but {:?} can be filled in here", filling.name())),
        false => Ok(()),
    }
}
