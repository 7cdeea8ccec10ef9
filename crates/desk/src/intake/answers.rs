//! What an answer means for the open question.
//!
//! Order: danger, then requests that count everywhere, then the question itself; an aside (a price) is
//! answered on the way.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Ending, Errand, Filled, How, Intake, Move, Open, WhyMessage, WhyPerson, Wish, Words};
use crate::booking::Slot;
use crate::number::E164;
use crate::sayings;
use crate::understand::pattern::Pattern;
use crate::understand::{Answer, Danger, Heard, Pick, Request, safety, understand};

/// As much of a caller's own words as a note keeps.
const NOTE_CHARS: usize = 300;

pub(super) fn hear(intake: &mut Intake, words: &Words, now: Timestamp) -> Vec<Move> {
    if intake.is_over() {
        return Vec::new();
    }
    let heard = understand(&words.text, &now.to_zoned(intake.guest.zone.clone()));
    if let Some(moves) = intake.warned(&heard) {
        return moves;
    }
    if let Some(moves) = intake.requested(&heard, now) {
        return moves;
    }
    let said = Said { heard, text: &words.text, sure: words.sure, now };
    let moves = match intake.open {
        Open::Office => intake.hear_office(&said),
        Open::Service => intake.hear_service(&said),
        Open::Urgent => intake.hear_urgent(&said),
        Open::Slot => intake.hear_slot(&said),
        Open::Number { .. } => intake.hear_number(&said),
        Open::Confirm => intake.hear_confirm(&said),
        Open::Change => intake.hear_change(&said),
        Open::Returned => intake.hear_returned(&said),
        Open::Served => intake.hear_served(&said),
        Open::Waiting(_) | Open::Over { .. } => return Vec::new(),
    };
    let aside = intake.aside(&said.heard);
    match (moves, aside) {
        (Some(moves), None) => moves,
        (Some(moves), Some(aside)) => [aside].into_iter().chain(moves).collect(),
        (None, Some(aside)) => intake.once_more(vec![aside], now),
        (None, None) => intake.miss(),
    }
}

/// One utterance, with what was found in it.
struct Said<'a> {
    heard: Heard,
    text: &'a str,
    sure: bool,
    now: Timestamp,
}

impl Intake {
    /// Danger: one sentence of advice, then a person.
    fn warned(&mut self, heard: &Heard) -> Option<Vec<Move>> {
        let grave = heard.danger.filter(|danger| *danger != Danger::Emergency);
        let is_said = |words: &[Pattern]| words.iter().any(|pattern| safety::is_said(pattern, &heard.words));
        let of_trade = self.template.emergencies.iter().find(|emergency| is_said(&emergency.words));
        let (word, advice) = match (grave, of_trade, heard.danger) {
            (Some(danger), _, _) => (danger.name().to_string(), danger.advice().to_string()),
            (None, Some(emergency), _) => (emergency.id.clone(), emergency.advice.clone()),
            (None, None, Some(danger)) => (danger.name().to_string(), danger.advice().to_string()),
            (None, None, None) => return None,
        };
        let advice = (!advice.is_empty()).then(|| self.warn(&advice));
        self.known.urgent = Some(true);
        self.known.filled.insert("emergency".to_string(), Filled { value: word.clone(), how: How::Heard });
        Some(self.hand_over(advice.into_iter().collect(), WhyPerson::Emergency { word }))
    }

    /// What nobody may be denied.
    fn requested(&mut self, heard: &Heard, now: Timestamp) -> Option<Vec<Move>> {
        let template = Arc::clone(&self.template);
        let say = &template.say;
        if matches!(self.open, Open::Waiting(_)) && heard.request != Some(Request::Person) {
            return Some(Vec::new());
        }
        Some(match heard.request? {
            Request::Person => self.person_asked(),
            Request::Message => self.leave_message(&say.sure, WhyMessage::Asked),
            Request::OptOut => self.finish(vec![self.say(&say.opted_out)], Ending::OptedOut),
            Request::WrongNumber => self.finish(vec![self.say(&say.no_problem)], Ending::WrongNumber),
            Request::Goodbye => self.finish(vec![self.say(&say.nothing_booked)], Ending::Informed),
            Request::Robot => self.once_more(vec![self.say(&say.robot)], now),
            // That it ends is the recording's own matter.
            Request::Unrecorded => {
                self.once_more(vec![Move::Say(sayings::prepared(sayings::NOT_RECORDED))], now)
            }
            Request::Repeat => self.once_more(Vec::new(), now),
            Request::Wait => self.take_time(),
        })
    }

    fn person_asked(&mut self) -> Vec<Move> {
        if self.open == Open::Returned {
            let sorry = self.template.say.nobody_free.clone();
            return self.leave_message(&sorry, WhyMessage::Asked);
        }
        let sure = self.say(&self.template.say.person);
        self.hand_over(vec![sure], WhyPerson::Asked)
    }

    /// The answer to a question that is none of ours: a price.
    fn aside(&self, heard: &Heard) -> Option<Move> {
        let is_asked = |words: &[Pattern]| words.iter().any(|pattern| pattern.find(&heard.words).is_some());
        self.template.topics.iter().find(|topic| is_asked(&topic.words)).map(|topic| self.say(&topic.say))
    }

    /// The service whose phrase is the longest in these words.
    fn service_in(&self, heard: &Heard) -> Option<String> {
        let longest = |words: &[Pattern]| {
            let said = words.iter().filter(|pattern| safety::is_said(pattern, &heard.words));
            said.flat_map(|pattern| pattern.find_all(&heard.words)).map(|place| place.len()).max()
        };
        let mut best: Option<(usize, &str)> = None;
        for service in &self.template.services {
            if let Some(length) =
                longest(&service.words).filter(|length| best.is_none_or(|(most, _)| *length > most))
            {
                best = Some((length, &service.id));
            }
        }
        best.map(|(_, id)| id.to_string())
    }

    fn fill_service(&mut self, id: &str, how: How) -> Vec<Move> {
        self.known.filled.insert("service".to_string(), Filled { value: id.to_string(), how });
        if self.known.service.as_deref() != Some(id) {
            self.known.urgent = None;
        }
        self.known.service = Some(id.to_string());
        let service = self.template.service(id).map_or("", |service| &service.say);
        vec![self.say(&self.template.say.service.replace("{service}", service))]
    }

    fn note(&mut self, said: &Said) {
        if self.known.note.is_empty() {
            self.known.note = said.text.trim().chars().take(NOTE_CHARS).collect();
        }
    }

    fn hear_office(&mut self, said: &Said) -> Option<Vec<Move>> {
        let door = self.directory.as_ref()?.door_in(&said.heard.words).cloned();
        if let Some(door) = door {
            return Some(self.go_to_office(door.front, &door.name, How::Heard));
        }
        // What it is about is asked where they come to.
        let is_about = self.service_in(&said.heard).is_some() || said.heard.wish.is_some();
        is_about.then(|| {
            self.note(said);
            let sure = self.say(&self.template.say.sure);
            self.once_more(vec![sure], said.now)
        })
    }

    fn hear_service(&mut self, said: &Said) -> Option<Vec<Move>> {
        let service = self.service_in(&said.heard);
        let wished = said.heard.wish.clone();
        if let Some(wish) = wished.clone() {
            self.known.wish = wish;
        }
        if let Some(service) = service {
            self.note(said);
            let moves = self.fill_service(&service, How::Heard);
            return Some(self.go_on(moves, said.now));
        }
        let asked = &self.template.questions.service;
        let is_generic = asked.words.iter().any(|pattern| pattern.find(&said.heard.words).is_some());
        let is_hello =
            matches!(said.heard.words.at(0), "hello" | "hi" | "hey") && said.heard.words.len() <= 3;
        if is_generic || is_hello || wished.is_some() {
            let sure = self.say(&self.template.say.sure);
            let example = self.say(&self.template.questions.service.text.example);
            let mut moves = self.once_more(vec![sure], said.now);
            moves.insert(moves.len().saturating_sub(1), example);
            return Some(moves);
        }
        None
    }

    fn hear_urgent(&mut self, said: &Said) -> Option<Vec<Move>> {
        const CAN_WAIT: [&[&str]; 3] = [&["can", "wait"], &["not", "urgent"], &["no", "rush"]];
        let words = &said.heard.words;
        let waits = (0..words.len()).any(|at| CAN_WAIT.iter().any(|phrase| words.are(at, phrase)));
        let denies = (0..words.len()).any(|at| words.are(at, &["can", "not", "wait"]));
        if let Some(wish) = said.heard.wish.clone() {
            self.known.wish = wish;
        }
        if denies {
            return Some(self.urgent());
        }
        match said.heard.answer {
            _ if waits => Some(self.can_wait(said.now)),
            Some(Answer::Yes | Answer::FirmYes) => Some(self.urgent()),
            Some(Answer::No) => Some(self.can_wait(said.now)),
            None if said.heard.wish.is_some() => Some(self.can_wait(said.now)),
            Some(Answer::Mixed) | None => None,
        }
    }

    fn urgent(&mut self) -> Vec<Move> {
        self.known.urgent = Some(true);
        self.known.filled.insert("urgent".to_string(), Filled { value: "yes".to_string(), how: How::Heard });
        let sure = self.say(&self.template.say.person);
        self.hand_over(vec![sure], WhyPerson::Emergency { word: "urgent".to_string() })
    }

    fn can_wait(&mut self, now: Timestamp) -> Vec<Move> {
        self.known.urgent = Some(false);
        self.known.filled.insert("urgent".to_string(), Filled { value: "no".to_string(), how: How::Heard });
        self.go_on(Vec::new(), now)
    }

    fn hear_slot(&mut self, said: &Said) -> Option<Vec<Move>> {
        if let Some(moves) = self.another_service(said) {
            return Some(moves);
        }
        let offered = self.known.offered.clone();
        match said.heard.pick {
            Some(Pick::Nth(nth)) => {
                return offered.get(nth - 1).map(|slot| self.choose(slot.clone(), How::Heard));
            }
            Some(Pick::Last) => return offered.last().map(|slot| self.choose(slot.clone(), How::Heard)),
            Some(Pick::Any) => return offered.first().map(|slot| self.choose(slot.clone(), How::Heard)),
            Some(Pick::None) if said.heard.wish.as_ref().is_none_or(|wish| wish.any.is_empty()) => {
                return Some(self.find_later());
            }
            Some(Pick::Later) if said.heard.wish.is_none() => return Some(self.find_later()),
            Some(Pick::Earlier) if said.heard.wish.is_none() => {
                let soonest = Wish { soonest: true, ..Wish::default() };
                return Some(self.find(soonest, Vec::new()));
            }
            Some(Pick::None | Pick::Later | Pick::Earlier) | None => {}
        }
        if let Some(wish) = self.slot_wish(said) {
            return Some(self.wish_among_offers(wish, offered, said.now));
        }
        match said.heard.answer {
            Some(Answer::Yes | Answer::FirmYes) if offered.len() == 1 => {
                offered.first().map(|slot| self.choose(slot.clone(), How::Heard))
            }
            Some(Answer::No) => Some(self.find_later()),
            // Yes, but which?
            Some(Answer::Yes | Answer::FirmYes) => Some(self.once_more(Vec::new(), said.now)),
            Some(Answer::Mixed) | None => None,
        }
    }

    /// A bare "ten" is a time here, if it is none of the picks.
    fn slot_wish(&self, said: &Said) -> Option<Wish> {
        let zoned = said.now.to_zoned(self.guest.zone.clone());
        let bare = || understand(&format!("at {}", said.text), &zoned).wish;
        said.heard.wish.clone().or_else(|| (said.heard.words.len() <= 3).then(bare).flatten())
    }

    /// One of the offers fits: that one. Several: ask between them. None: look for it.
    fn wish_among_offers(&mut self, wish: Wish, offered: Vec<Slot>, now: Timestamp) -> Vec<Move> {
        let only_soon = wish.soonest && wish.any.is_empty() && wish.not.is_empty();
        if let Some(first) = offered.first().filter(|_| only_soon) {
            return self.choose(first.clone(), How::Heard);
        }
        let fitting: Vec<Slot> = offered.iter().filter(|slot| wish.fits(slot)).cloned().collect();
        match fitting.as_slice() {
            [] => self.find(wish, Vec::new()),
            [only] => self.choose(only.clone(), How::Heard),
            several if several.len() < offered.len() => {
                let opening = self.say(&self.template.say.offers);
                self.offer_these(fitting, vec![opening], now)
            }
            _ => self.once_more(Vec::new(), now),
        }
    }

    /// "Actually it's the toilet": the service changes, and the conversation goes on where it was.
    fn another_service(&mut self, said: &Said) -> Option<Vec<Move>> {
        let service = self.service_in(&said.heard).filter(|id| self.known.service.as_deref() != Some(id))?;
        // "something else" and the like is about times here.
        if service == "other" && said.heard.pick.is_some() {
            return None;
        }
        let mut moves = self.fill_service(&service, How::Heard);
        let ask_urgent = self.template.service(&service).is_some_and(|service| service.ask_urgent);
        if ask_urgent || self.open != Open::Slot {
            return Some(self.go_on(moves, said.now));
        }
        moves = self.once_more(moves, said.now);
        Some(moves)
    }

    fn hear_number(&mut self, said: &Said) -> Option<Vec<Move>> {
        let country = self.country();
        let number =
            (said.heard.digits.len() >= 7).then(|| E164::parse(&said.heard.digits, country).ok())??;
        Some(self.fill_number(number, How::Heard, said.now))
    }

    fn fill_number(&mut self, number: E164, how: How, now: Timestamp) -> Vec<Move> {
        self.known.filled.insert("callback".to_string(), Filled { value: number.to_string(), how });
        self.known.callback = Some(number);
        self.go_on(Vec::new(), now)
    }

    fn hear_confirm(&mut self, said: &Said) -> Option<Vec<Move>> {
        let heard = &said.heard;
        let slot = self.known.slot.clone();
        let agrees = matches!(heard.answer, Some(Answer::Yes | Answer::FirmYes));
        let same_time = match (&heard.wish, &slot) {
            (Some(wish), Some(slot)) => !wish.any.is_empty() && wish.fits(slot),
            _ => false,
        };
        let firm = heard.answer == Some(Answer::FirmYes) || (agrees && same_time);
        if firm && said.sure && !heard.corrects && (heard.wish.is_none() || same_time) {
            return Some(self.book(said.now));
        }
        if let Some(moves) = self.another_service(said) {
            return Some(moves);
        }
        if let Some(wish) = heard.wish.clone().filter(|_| !same_time) {
            let wish = if let Some(slot) = &slot { wish.on_the_day_of(slot) } else { wish };
            return Some(self.find(wish, Vec::new()));
        }
        if let Some(moves) = self.named_change(said) {
            return Some(moves);
        }
        match heard.answer {
            Some(Answer::No) => Some(self.ask(Open::Change, Vec::new())),
            Some(Answer::Yes | Answer::FirmYes | Answer::Mixed) | None => None,
        }
    }

    /// "The number", "another day", "the problem".
    fn named_change(&mut self, said: &Said) -> Option<Vec<Move>> {
        let mentions =
            |words: &[&str]| said.heard.words.all().iter().any(|word| words.contains(&word.as_str()));
        let country = self.country();
        if said.heard.digits.len() >= 10 {
            let number = E164::parse(&said.heard.digits, country).ok()?;
            return Some(self.fill_number(number, How::Heard, said.now));
        }
        if mentions(&["number", "phone"]) {
            return Some(self.ask(Open::Number { typed: String::new() }, Vec::new()));
        }
        if mentions(&["problem", "service"]) {
            return Some(self.ask(Open::Service, Vec::new()));
        }
        let later = matches!(said.heard.pick, Some(Pick::None | Pick::Later));
        if later || mentions(&["time", "day", "date"]) {
            return Some(self.find_later());
        }
        None
    }

    fn hear_change(&mut self, said: &Said) -> Option<Vec<Move>> {
        if let Some(moves) = self.another_service(said) {
            return Some(moves);
        }
        if let Some(wish) = said.heard.wish.clone() {
            let wish = if let Some(slot) = &self.known.slot { wish.on_the_day_of(slot) } else { wish };
            return Some(self.find(wish, Vec::new()));
        }
        if let Some(moves) = self.named_change(said) {
            return Some(moves);
        }
        match (said.heard.words.at(0), said.heard.answer) {
            ("nothing", _) | (_, Some(Answer::No)) => Some(self.go_on(Vec::new(), said.now)),
            _ => None,
        }
    }

    fn hear_served(&mut self, said: &Said) -> Option<Vec<Move>> {
        let wish = self.hear_returned(said);
        wish.or_else(|| (said.heard.answer == Some(Answer::No)).then(|| self.nothing_else()))
    }

    fn hear_returned(&mut self, said: &Said) -> Option<Vec<Move>> {
        let mentions =
            |words: &[&str]| said.heard.words.all().iter().any(|word| words.contains(&word.as_str()));
        if mentions(&["message"]) {
            let sure = self.template.say.sure.clone();
            return Some(self.leave_message(&sure, WhyMessage::Asked));
        }
        if let Some(service) = self.service_in(&said.heard) {
            self.note(said);
            let moves = self.fill_service(&service, How::Heard);
            return Some(self.go_on(moves, said.now));
        }
        if mentions(&["book", "visit", "booking", "appointment"]) {
            return Some(self.go_on(Vec::new(), said.now));
        }
        None
    }
}

pub(super) fn press(intake: &mut Intake, key: char, now: Timestamp) -> Vec<Move> {
    if let Open::Number { .. } = intake.open {
        return intake.press_number(key, now);
    }
    match (key, &intake.open) {
        (_, Open::Over { .. }) => return Vec::new(),
        ('0', _) => return intake.person_asked(),
        (_, Open::Waiting(_)) => return Vec::new(),
        ('9', _) => {
            let sure = intake.template.say.sure.clone();
            return intake.leave_message(&sure, WhyMessage::Asked);
        }
        ('*', _) => return intake.once_more(Vec::new(), now),
        _ => {}
    }
    match intake.pressed(key, now) {
        Some(moves) => {
            intake.start_over_misses();
            moves
        }
        None => {
            // A key that answers nothing: say which do.
            intake.misses.here = intake.misses.here.max(1);
            intake.miss()
        }
    }
}

impl Intake {
    fn pressed(&mut self, key: char, now: Timestamp) -> Option<Vec<Move>> {
        match (&self.open, key) {
            (Open::Office, _) => {
                let door = self.directory.as_ref()?.door_of(key)?.clone();
                Some(self.go_to_office(door.front, &door.name, How::Pressed))
            }
            (Open::Service, _) => {
                let service = self.template.services.iter().find(|service| service.key == key)?.id.clone();
                let moves = self.fill_service(&service, How::Pressed);
                Some(self.go_on(moves, now))
            }
            (Open::Urgent, '1') => Some(self.urgent()),
            (Open::Urgent, '2') => Some(self.can_wait(now)),
            (Open::Slot, '4') => Some(self.find_later()),
            (Open::Slot, '1'..='3') => {
                let nth = usize::try_from(key.to_digit(10)?).ok()?;
                self.known.offered.get(nth - 1).cloned().map(|slot| self.choose(slot, How::Pressed))
            }
            (Open::Confirm, '1') => Some(self.book(now)),
            (Open::Confirm, '2') => Some(self.ask(Open::Change, Vec::new())),
            (Open::Change, '1') => Some(self.find_later()),
            (Open::Change, '2') => Some(self.ask(Open::Service, Vec::new())),
            (Open::Change, '3') => Some(self.ask(Open::Number { typed: String::new() }, Vec::new())),
            (Open::Returned | Open::Served, '1') => {
                let sure = self.template.say.sure.clone();
                Some(self.leave_message(&sure, WhyMessage::Asked))
            }
            (Open::Returned | Open::Served, '2') => Some(self.go_on(Vec::new(), now)),
            (
                Open::Waiting(Errand::Slots | Errand::Hold | Errand::Book)
                | Open::Number { .. }
                | Open::Over { .. },
                _,
            )
            | (Open::Urgent | Open::Slot | Open::Confirm | Open::Change | Open::Returned | Open::Served, _) => {
                None
            }
        }
    }

    /// A number key by key. Nothing comes back until it is whole; no number begins with zero.
    fn press_number(&mut self, key: char, now: Timestamp) -> Vec<Move> {
        let country = self.country();
        let Open::Number { typed } = &mut self.open else { return Vec::new() };
        match key {
            '0' if typed.is_empty() => return self.person_asked(),
            '0'..='9' if typed.len() < 16 => typed.push(key),
            '*' => typed.clear(),
            '#' if typed.is_empty() => {
                let sure = self.template.say.sure.clone();
                return self.leave_message(&sure, WhyMessage::Asked);
            }
            _ => {}
        }
        let whole = country.national_digits().map(|digits| digits + usize::from(typed.starts_with('1')));
        if key != '#' && whole.is_none_or(|whole| typed.len() < whole) {
            return Vec::new();
        }
        let entered = std::mem::take(typed);
        match E164::parse(&entered, country) {
            Ok(number) => self.fill_number(number, How::Pressed, now),
            Err(_) => {
                let wrong = self.say(&self.template.say.not_a_number);
                let moves = self.miss();
                let sorry = self.say(&self.template.say.not_understood);
                [wrong].into_iter().chain(moves.into_iter().filter(|step| *step != sorry)).collect()
            }
        }
    }
}
