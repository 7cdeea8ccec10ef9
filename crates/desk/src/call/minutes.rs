//! The minutes of a call: who said what and when, kept as it happens, for the record.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::tape::{BETWEEN_KEYS, DIGITS_OF_A_CARD};
use crate::business::Kept;
use crate::call::{Arrival, SayingId, Sound};
use crate::machine::Moment;
use crate::phrase::Phrase;
use crate::private::Private;
use crate::record::{Turn, Who};

/// More turns than this are not kept; a real call has a few dozen.
const MOST_TURNS: usize = 400;

#[derive(Debug)]
pub(super) struct Minutes {
    pub arrival: Arrival,
    pub started: Moment,
    pub answered: Option<Moment>,
    pub sound: Sound,
    pub troubles: Vec<String>,
    kept: Kept,
    turns: Vec<Turn>,
    pending: BTreeMap<SayingId, String>,
    open: BTreeMap<SayingId, usize>,
    speech: Option<(Duration, Option<Duration>)>,
}

impl Minutes {
    pub fn new(arrival: Arrival, started: Moment, kept: Kept) -> Self {
        Minutes {
            arrival,
            started,
            answered: None,
            sound: Sound::default(),
            troubles: Vec::new(),
            kept,
            turns: Vec::new(),
            pending: BTreeMap::new(),
            open: BTreeMap::new(),
            speech: None,
        }
    }

    pub fn answered(&mut self, now: Moment) {
        self.answered.get_or_insert(now);
    }

    pub fn answered_at(&self) -> Option<Timestamp> {
        self.answered.map(|at| at.wall)
    }

    pub fn answer_ms(&self) -> Option<u64> {
        self.answered.map(|at| millis(at.since(self.started)))
    }

    pub fn trouble(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.troubles.contains(&sentence) && self.troubles.len() < 50 {
            self.troubles.push(sentence);
        }
    }

    pub fn will_say(&mut self, saying: SayingId, phrases: &[Phrase]) {
        let text = phrases.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join(" ");
        self.pending.insert(saying, text);
    }

    /// Something was given to be said that has not begun, and was not given up.
    pub fn has_more_to_say(&self) -> bool {
        !self.pending.is_empty()
    }

    pub fn spoke(&mut self, saying: SayingId, at: Duration, gap: Option<Duration>) {
        let Some(text) = self.pending.remove(&saying) else { return };
        let start_ms = self.since_start(at);
        let turn = Turn {
            who: Who::Assistant,
            text: self.keep(text),
            start_ms,
            end_ms: start_ms,
            gap_ms: gap.map(millis),
            understood: None,
        };
        self.open.insert(saying, self.turns.len());
        self.add(turn);
    }

    pub fn said(&mut self, saying: SayingId, at: Duration) {
        self.pending.remove(&saying);
        let end_ms = self.since_start(at);
        if let Some(turn) = self.open.remove(&saying).and_then(|index| self.turns.get_mut(index)) {
            turn.end_ms = end_ms;
        }
    }

    pub fn speech_started(&mut self, at: Duration) {
        self.speech = Some((at, None));
    }

    pub fn speech_ended(&mut self, at: Duration) {
        if let Some((_, end)) = &mut self.speech {
            *end = Some(at);
        }
    }

    pub fn heard(&mut self, text: Option<&str>, understood: &str, now: Moment) {
        let (start, end) = self.speech.take().unwrap_or((now.mono, None));
        let turn = Turn {
            who: Who::Caller,
            text: text.and_then(|text| self.keep(text.to_string())),
            start_ms: self.since_start(start),
            end_ms: self.since_start(end.unwrap_or(now.mono)),
            gap_ms: None,
            understood: Some(understood.to_string()),
        };
        self.add(turn);
    }

    pub fn pressed(&mut self, digit: char, at: Duration) {
        let start_ms = self.since_start(at);
        let turn = Turn {
            who: Who::Keypad,
            text: self.keep(digit.to_string()),
            start_ms,
            end_ms: start_ms,
            gap_ms: None,
            understood: None,
        };
        self.add(turn);
    }

    pub fn take_turns(&mut self) -> Vec<Turn> {
        let mut turns = std::mem::take(&mut self.turns);
        turns.sort_by_key(|turn| turn.start_ms);
        leave_out_cards(&mut turns);
        turns
    }

    fn add(&mut self, turn: Turn) {
        if self.turns.len() < MOST_TURNS {
            self.turns.push(turn);
        }
    }

    fn keep(&self, text: String) -> Option<Private<String>> {
        match self.kept {
            Kept::Never => None,
            Kept::Announced => Some(Private::new(text)),
        }
    }

    fn since_start(&self, at: Duration) -> u64 {
        millis(at.saturating_sub(self.started.mono))
    }
}

/// Keys that can be a card's number are kept as presses, not as figures. A card that is spoken has no figures here: see
/// [`Cards`](crate::understand::Cards).
fn leave_out_cards(turns: &mut [Turn]) {
    let mut pressed: Vec<&mut Turn> = turns.iter_mut().filter(|turn| turn.who == Who::Keypad).collect();
    let goes_on = |one: &&mut Turn, next: &&mut Turn| next.start_ms - one.start_ms <= millis(BETWEEN_KEYS);
    for number in pressed.chunk_by_mut(goes_on) {
        if number.len() >= DIGITS_OF_A_CARD as usize {
            number.iter_mut().for_each(|turn| turn.text = None);
        }
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{Country, E164};
    use crate::record::CallId;

    fn pressed(keys: &str, apart: Duration) -> Vec<Option<String>> {
        let arrival = Arrival {
            id: CallId("1".into()),
            line: E164::parse("+13125550100", Country::US).expect("a number"),
            from: None,
            diverted_by: None,
            diverted_because: None,
            verification: None,
            busy_offices: [].into(),
            voice_refused: false,
        };
        let now = Moment { mono: Duration::from_secs(1), wall: Timestamp::UNIX_EPOCH };
        let mut minutes = Minutes::new(arrival, now, Kept::Announced);
        for (count, key) in keys.chars().enumerate() {
            minutes.pressed(key, now.mono + apart * u32::try_from(count).expect("few keys"));
        }
        minutes.take_turns().into_iter().map(|turn| turn.text.map(|text| text.reveal().clone())).collect()
    }

    #[test]
    fn a_card_that_is_keyed_in_leaves_presses_and_no_figures() {
        assert_eq!(pressed("4111111111111111", Duration::from_secs(1)), vec![None; 16]);
        let number: Vec<_> = "13125550143".chars().map(|key| Some(key.to_string())).collect();
        assert_eq!(pressed("13125550143", Duration::from_secs(1)), number);
        assert!(pressed("121212121212", Duration::from_secs(30)).iter().all(Option::is_some), "menus");
    }
}
