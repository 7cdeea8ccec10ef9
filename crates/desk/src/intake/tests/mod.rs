//! Conversations, as an office owner would want them to go.

use std::time::Duration;

use jiff::civil::DateTime;

use super::*;
use crate::booking::{Diary, DiaryRules, HOLD};
use crate::hours::OfficeHours;
use crate::understand::Danger;

mod asides;
mod booking;
mod people;
mod times;

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
                Move::Book(draft) => match self.diary.prepare(&draft, "call", self.now) {
                    Ok(booking) => {
                        let id = booking.id.clone();
                        self.diary.settle(booking, self.stores);
                        match self.stores {
                            true => self.intake.booked(&id, self.now),
                            false => self.intake.not_booked(self.now),
                        }
                    }
                    Err(_) => self.intake.not_booked(self.now),
                },
                Move::Ask(_)
                | Move::HandOver(_)
                | Move::GoToOffice(_)
                | Move::TakeMessage(_)
                | Move::Finish(_) => continue,
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
