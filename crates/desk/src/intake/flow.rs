//! From one question to the next: what is asked, offered, read back and ordered, and what happens when it goes wrong.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::template::{Asked, Template};
use super::{
    Directory, Draft, Ending, Errand, Filled, Guest, How, Intake, MOST_MISSES, MOST_PAGES, MOST_REPEATS,
    Misses, Move, Open, Phrase, Question, WhyMessage, WhyPerson, Wish,
};
use crate::booking::{Slot, Urgency};
use crate::business::Front;
use crate::phrase;
use crate::sabotage::{Sabotage, is};

/// Silence after a question that means nobody speaks.
const NO_INPUT: Duration = Duration::from_secs(6);
/// The same, after a caller asked for a moment.
const A_MOMENT: Duration = Duration::from_secs(20);
/// As many times as are offered in one breath.
const OFFERED_AT_ONCE: usize = 3;

impl Intake {
    // What is said.

    /// A sentence, with the business's name filled in.
    pub(super) fn say(&self, text: &str) -> Move {
        let text = match text.contains('{') {
            true => text.replace("{business}", &self.guest.business),
            false => text.to_string(),
        };
        Move::Say(Phrase { prepared: self.is_prepared(&text), text, guarded: false })
    }

    /// A sentence that is heard to its end.
    pub(super) fn warn(&self, text: &str) -> Move {
        let prepared = self.is_prepared(text);
        Move::Say(Phrase { text: text.to_string(), prepared, guarded: true })
    }

    fn is_prepared(&self, text: &str) -> bool {
        let of_offices = |directory: &Arc<Directory>| directory.prompts().contains(text);
        self.prepared.contains(text) || self.directory.as_ref().is_some_and(of_offices)
    }

    fn say_with(&self, text: &str, what: &str, filling: &str) -> Move {
        self.say(&text.replace(what, filling))
    }

    fn when(&self, slot: &Slot, now: Timestamp) -> String {
        phrase::window(slot.start, slot.end, &slot.zone, now)
    }

    // What is asked.

    /// Asks a question for the first time.
    pub(super) fn ask(&mut self, open: Open, mut moves: Vec<Move>) -> Vec<Move> {
        self.open = open;
        self.misses.here = 0;
        let text = &self.asked().text;
        moves.push(self.say(&text.ask));
        if !text.example.is_empty() {
            moves.push(self.say(&text.example));
        }
        moves.push(self.listen());
        moves
    }

    /// Listens for an answer to the open question.
    pub(super) fn listen(&self) -> Move {
        let (name, asked) = self.named();
        let hang = Duration::from_millis(asked.text.hang_ms);
        let question = Question {
            id: name.to_string(),
            grammar: self.template.grammar_id(name),
            keypad: self.keypad(),
            hang,
            no_input_after: NO_INPUT,
            secret: asked.text.secret,
        };
        Move::Ask(question)
    }

    fn listen_patiently(&self) -> Move {
        match self.listen() {
            Move::Ask(question) => Move::Ask(Question { no_input_after: A_MOMENT, ..question }),
            other => other,
        }
    }

    fn asked(&self) -> &Asked {
        self.named().1
    }

    fn named(&self) -> (&'static str, &Asked) {
        let questions = &self.template.questions;
        match self.open {
            Open::Office => match &self.directory {
                Some(directory) => (Directory::QUESTION, directory.asked()),
                None => ("service", &questions.service),
            },
            Open::Service | Open::Waiting(_) | Open::Over { .. } => ("service", &questions.service),
            Open::Urgent => ("urgent", &questions.urgent),
            Open::Slot => ("slot", &questions.slot),
            Open::Number { .. } => ("number", &questions.number),
            Open::Confirm => ("confirm", &questions.confirm),
            Open::Change => ("change", &questions.change),
            Open::Returned | Open::Served => ("returned", &questions.returned),
        }
    }

    fn keypad(&self) -> Vec<(char, String)> {
        let keys =
            |list: &[(char, &str)]| list.iter().map(|(key, means)| (*key, (*means).to_string())).collect();
        match self.open {
            Open::Office => self.directory.iter().flat_map(|directory| directory.keypad()).collect(),
            Open::Service => self.template.services.iter().map(|s| (s.key, s.id.clone())).collect(),
            Open::Urgent => keys(&[('1', "urgent"), ('2', "can wait")]),
            Open::Slot => {
                let offered = self.known.offered.iter().zip('1'..='9');
                let mut keys: Vec<_> = offered.map(|(slot, key)| (key, slot.start.to_string())).collect();
                keys.push(('4', "other times".to_string()));
                keys
            }
            Open::Number { .. } => keys(&[('#', "done"), ('*', "start over")]),
            Open::Confirm => keys(&[('1', "book"), ('2', "change")]),
            Open::Change => keys(&[('1', "time"), ('2', "problem"), ('3', "number")]),
            Open::Returned | Open::Served => keys(&[('1', "message"), ('2', "book")]),
            Open::Waiting(_) | Open::Over { .. } => Vec::new(),
        }
    }

    // What goes wrong.

    /// An answer was not understood: shorter with an example, then the keys, then a person.
    pub(super) fn miss(&mut self) -> Vec<Move> {
        if matches!(self.open, Open::Waiting(_) | Open::Over { .. }) {
            return Vec::new();
        }
        self.misses.here += 1;
        self.misses.ever = self.misses.ever.saturating_add(1);
        if self.misses.ever >= MOST_MISSES {
            self.misses.here = self.misses.here.max(2);
        }
        match self.misses.here {
            // A lone yes was understood well enough; it is only not enough to book.
            0 | 1 if self.open == Open::Confirm => vec![self.say(&self.asked().text.again), self.listen()],
            0 | 1 => {
                let sorry = self.say(&self.template.say.not_understood);
                vec![sorry, self.say(&self.asked().text.again), self.listen()]
            }
            2 => {
                // So that the next one, and not this, is the last.
                self.misses.ever = self.misses.ever.min(MOST_MISSES - 1);
                vec![self.say(&self.asked().text.menu), self.listen()]
            }
            _ => self.give_up(),
        }
    }

    fn give_up(&mut self) -> Vec<Move> {
        if matches!(self.open, Open::Returned | Open::Served) {
            let sorry = self.template.say.not_understood.clone();
            return self.leave_message(&sorry, WhyMessage::NotUnderstood);
        }
        let next = self.say(&self.template.say.person_next);
        self.hand_over(vec![next], WhyPerson::NotUnderstood)
    }

    /// Nobody spoke: ask whether anybody is there, then the keys, then an end.
    pub(super) fn silence(&mut self) -> Vec<Move> {
        if matches!(self.open, Open::Waiting(_) | Open::Over { .. }) {
            return Vec::new();
        }
        if self.open == Open::Served {
            return self.nothing_else();
        }
        self.misses.silent += 1;
        match self.misses.silent {
            0 | 1 => {
                let there = self.say(&self.template.say.still_there);
                vec![there, self.say(&self.asked().text.again), self.listen()]
            }
            2 => vec![self.say(&self.asked().text.menu), self.listen()],
            _ if self.known.service.is_some() || self.open == Open::Returned => {
                let sorry = self.template.say.not_understood.clone();
                self.leave_message(&sorry, WhyMessage::NotUnderstood)
            }
            _ => {
                let goodbye = self.say(&self.template.say.silence);
                self.finish(vec![goodbye], Ending::NoInput)
            }
        }
    }

    /// Who has spoken with a person needs nothing more.
    pub(super) fn nothing_else(&mut self) -> Vec<Move> {
        let goodbye = self.say(&self.template.say.goodbye);
        self.finish(vec![goodbye], Ending::Informed)
    }

    /// The same once more: not a misunderstanding, but not without end either.
    pub(super) fn once_more(&mut self, mut moves: Vec<Move>, now: Timestamp) -> Vec<Move> {
        self.misses.repeats += 1;
        if self.misses.repeats > MOST_REPEATS {
            moves.extend(self.miss());
            return moves;
        }
        match self.open {
            Open::Slot => moves.extend(self.offered_times(now)),
            Open::Confirm => moves.extend(self.read_back(now)),
            _ => {}
        }
        moves.push(self.say(&self.slot_question()));
        moves.push(self.listen());
        moves
    }

    pub(super) fn take_time(&mut self) -> Vec<Move> {
        self.misses.repeats += 1;
        vec![self.say(&self.template.say.take_time), self.listen_patiently()]
    }

    // Where it leads.

    /// The next thing that is not known yet, until everything is and is read back.
    pub(super) fn go_on(&mut self, mut moves: Vec<Move>, now: Timestamp) -> Vec<Move> {
        let Some(service) = self.known.service.as_deref().and_then(|id| self.template.service(id)) else {
            return self.ask(Open::Service, moves);
        };
        if service.ask_urgent && self.known.urgent.is_none() {
            return self.ask(Open::Urgent, moves);
        }
        if self.known.slot.is_none() {
            self.open = Open::Waiting(Errand::Slots);
            moves.push(Move::FindSlots(self.known.wish.clone()));
            return moves;
        }
        if self.known.callback.is_none() {
            return self.ask(Open::Number { typed: String::new() }, moves);
        }
        moves.extend(self.read_back(now));
        self.ask(Open::Confirm, moves)
    }

    /// Looks for times that meet another wish; what was held is given back.
    pub(super) fn find(&mut self, wish: Wish, mut moves: Vec<Move>) -> Vec<Move> {
        self.known.wish = wish;
        self.known.slot = None;
        self.known.filled.remove("slot");
        self.open = Open::Waiting(Errand::Slots);
        moves.push(Move::ReleaseHold);
        moves.push(Move::FindSlots(self.known.wish.clone()));
        moves
    }

    /// The caller wants none of what was offered: later ones of the same kind.
    pub(super) fn find_later(&mut self) -> Vec<Move> {
        self.known.pages += 1;
        if self.known.pages > MOST_PAGES {
            let sorry = self.template.say.no_times.clone();
            return self.leave_message(&sorry, WhyMessage::CouldNotBook);
        }
        let last = self.known.offered.iter().map(|slot| slot.start).max();
        let beyond = last.or_else(|| self.known.slot.as_ref().map(|slot| slot.start));
        let wish =
            Wish { beyond: beyond.or(self.known.wish.beyond), soonest: false, ..self.known.wish.clone() };
        self.find(wish, Vec::new())
    }

    /// The same wish again, because somebody else was faster.
    pub(super) fn find_again(&mut self, moves: Vec<Move>) -> Vec<Move> {
        let wish = self.known.wish.clone();
        self.find(wish, moves)
    }

    /// Offers free times, or tells that there are none.
    pub(super) fn offer(&mut self, mut slots: Vec<Slot>, now: Timestamp) -> Vec<Move> {
        if let Some(beyond) = self.known.wish.beyond {
            slots.retain(|slot| slot.start > beyond);
        }
        slots.truncate(OFFERED_AT_ONCE);
        if slots.is_empty() {
            let sorry = self.template.say.no_times.clone();
            return self.leave_message(&sorry, WhyMessage::CouldNotBook);
        }
        let fitting = slots.iter().any(|slot| self.known.wish.fits(slot));
        let sentences = &self.template.say;
        let opening = match (fitting, slots.len(), self.known.pages) {
            (false, _, _) => &sentences.nearest,
            (true, 1, _) => &sentences.offer,
            (true, _, 0) => &sentences.offers,
            (true, _, _) => &sentences.more,
        };
        let opening = self.say(opening);
        self.offer_these(slots, vec![opening], now)
    }

    /// Reads out times and asks which.
    pub(super) fn offer_these(
        &mut self,
        slots: Vec<Slot>,
        mut moves: Vec<Move>,
        now: Timestamp,
    ) -> Vec<Move> {
        self.known.offered = slots;
        self.open = Open::Slot;
        self.misses.here = 0;
        moves.extend(self.offered_times(now));
        moves.push(self.say(&self.slot_question()));
        moves.push(self.listen());
        moves
    }

    fn offered_times(&self, now: Timestamp) -> Vec<Move> {
        let say = &self.template.say;
        let sentences = [&say.first, &say.second, &say.third];
        let offers = sentences.iter().zip(&self.known.offered);
        offers.map(|(sentence, slot)| self.say_with(sentence, "{when}", &self.when(slot, now))).collect()
    }

    fn slot_question(&self) -> String {
        match (&self.open, self.known.offered.len()) {
            (Open::Slot, 1) => self.template.say.which_of_one.clone(),
            _ => self.asked().text.ask.clone(),
        }
    }

    /// The caller chose: hold it.
    pub(super) fn choose(&mut self, slot: Slot, how: How) -> Vec<Move> {
        let local = slot.start.to_zoned(slot.zone.clone()).to_string();
        self.known.filled.insert("slot".to_string(), Filled { value: local, how });
        self.known.slot = Some(slot.clone());
        self.open = Open::Waiting(Errand::Hold);
        vec![Move::Hold(slot)]
    }

    fn read_back(&self, now: Timestamp) -> Vec<Move> {
        let say = &self.template.say;
        let mut moves = Vec::new();
        if let Some(service) = self.known.service.as_deref().and_then(|id| self.template.service(id)) {
            moves.push(self.say_with(&say.read_back, "{service}", &service.say));
        }
        if let Some(slot) = &self.known.slot {
            moves.push(to_the_end(self.say_with(&say.read_back_when, "{when}", &self.when(slot, now))));
        }
        if let Some(number) = &self.known.callback {
            let typed = self.guest.caller.as_ref() != Some(number);
            let spoken = if typed { number.spoken() } else { number.spoken_ending() };
            let sentence = if typed {
                say.read_back_number.replace("ending in ", "")
            } else {
                say.read_back_number.clone()
            };
            moves.push(self.say_with(&sentence, "{number}", &spoken));
        }
        moves
    }

    /// Everything is agreed: order the booking.
    pub(super) fn book(&mut self, now: Timestamp) -> Vec<Move> {
        let known = &self.known;
        let (Some(slot), Some(callback), Some(service)) = (&known.slot, &known.callback, &known.service)
        else {
            return self.go_on(Vec::new(), now);
        };
        let urgency = if known.urgent == Some(true) { Urgency::Urgent } else { Urgency::Ordinary };
        let draft = Draft {
            slot: slot.clone(),
            service: service.clone(),
            urgency,
            caller: self.guest.caller.clone(),
            callback: callback.clone(),
            note: known.note.clone(),
        };
        self.open = Open::Waiting(Errand::Book);
        if is(Sabotage::SpeaksOfABookingEarly) {
            let booked = self.say_with(&self.template.say.booked, "{when}", &self.when(&draft.slot, now));
            return vec![booked, Move::Book(draft)];
        }
        vec![Move::Book(draft)]
    }

    /// The only place where a caller hears that a visit is booked.
    pub(super) fn confirm_booked(&mut self, now: Timestamp) -> Vec<Move> {
        let when = self.known.slot.as_ref().map_or_else(String::new, |slot| self.when(slot, now));
        let booked = self.say_with(&self.template.say.booked, "{when}", &when);
        let goodbye = self.say(&self.template.say.goodbye);
        self.finish(vec![booked, goodbye], Ending::Booked)
    }

    // Ends.

    pub(super) fn hand_over(&mut self, mut moves: Vec<Move>, why: WhyPerson) -> Vec<Move> {
        self.give_back(&mut moves);
        self.open = Open::Over { why: Some(why.clone()) };
        moves.push(Move::HandOver(why));
        moves
    }

    pub(super) fn leave_message(&mut self, sentence: &str, why: WhyMessage) -> Vec<Move> {
        let mut moves = vec![self.say(sentence)];
        self.give_back(&mut moves);
        self.open = Open::Over { why: None };
        moves.push(Move::TakeMessage(why));
        moves
    }

    /// The caller has chosen an office.
    pub(super) fn go_to_office(&mut self, front: Front, name: &str, how: How) -> Vec<Move> {
        self.known.filled.insert("office".to_string(), Filled { value: front.office.clone(), how });
        self.open = Open::Over { why: None };
        vec![self.say(&Directory::chosen(name)), Move::GoToOffice(front)]
    }

    pub(super) fn finish(&mut self, mut moves: Vec<Move>, ending: Ending) -> Vec<Move> {
        if ending != Ending::Booked {
            self.give_back(&mut moves);
        }
        self.open = Open::Over { why: None };
        moves.push(Move::Finish(ending));
        moves
    }

    fn give_back(&mut self, moves: &mut Vec<Move>) {
        let held = !self.known.offered.is_empty() || self.known.slot.is_some();
        if held && self.known.booking.is_none() {
            self.known.offered.clear();
            self.known.slot = None;
            moves.push(Move::ReleaseHold);
        }
    }

    pub(super) fn start_over_misses(&mut self) {
        self.misses = Misses { ever: self.misses.ever, repeats: self.misses.repeats, ..Misses::default() };
    }
}

/// Whether keys alone lead from this service's key to an order to book, for a caller without a number.
pub(super) fn keys_lead_to_a_booking(template: &Arc<Template>, first: char) -> bool {
    let now = Timestamp::UNIX_EPOCH;
    let guest = Guest { business: "the business".to_string(), caller: None, zone: TimeZone::UTC };
    let mut intake = Intake::new(template.clone(), guest);
    intake.open(now);
    let mut moves = intake.press(first, now);
    for _ in 0..20 {
        moves = match (moves.last(), &intake.open) {
            (Some(Move::Book(_)), _) => return true,
            (Some(Move::FindSlots(_)), _) => {
                let start = now + SignedDuration::from_hours(24);
                let end = start + SignedDuration::from_hours(2);
                intake.slots_found(vec![Slot { start, end, crew: 1, zone: TimeZone::UTC }], now)
            }
            (Some(Move::Hold(_)), _) => intake.slot_held(now),
            (_, Open::Urgent) => intake.press('2', now),
            (_, Open::Number { .. }) => "3125550143#"
                .chars()
                .map(|key| intake.press(key, now))
                .find(|m| !m.is_empty())
                .unwrap_or_default(),
            (Some(Move::Ask(_)), _) => intake.press('1', now),
            _ => return false,
        };
    }
    false
}

/// A sentence that nobody talks over: no agreement counts before it was heard.
fn to_the_end(step: Move) -> Move {
    match step {
        Move::Say(phrase) => Move::Say(Phrase { guarded: true, ..phrase }),
        other => other,
    }
}
