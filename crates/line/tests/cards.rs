//! A payment card that is read out to the assistant: its figures are seen by nobody and written down nowhere.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod switchroom;

use desk::business::{Kept, Step};
use desk::call::{Heard, ListenId};
use desk::intake::Words;
use line::{Event, Habits, What};
use sip::Notice;
use switchroom::{DANA, LINE, Switchroom, business};

/// A desk whose assistant answers, and whose records keep what was said.
fn talking() -> Switchroom {
    let mut business = business(&[LINE], DANA, 4);
    business.keeping.transcripts = Kept::Announced;
    business.plans.get_mut("people").unwrap().rules[0].steps = vec![Step::Assistant, Step::Message];
    Switchroom::answering(business, Habits::default())
}

fn says(room: &mut Switchroom, text: &str) {
    let call = room.begun.last().unwrap().arrival.id.clone();
    room.tell(Event::Heard { call, listen: ListenId(1), heard: Heard::Words(Words::typed(text)) });
}

#[test]
fn a_card_that_is_read_out_stands_in_no_record_and_no_journal_and_is_shown_to_nobody() {
    let mut room = talking();
    let leg = room.call(|_| {});
    room.tell(Event::Sip(Notice::Confirmed { leg, sdp: None }));
    for text in ["call me at 312 555 0143", "my card is 4111 1111", "one one one one", "1111 expires 05 27"] {
        says(&mut room, text);
    }
    room.caller_hangs_up(leg);
    let shown = room.shown.iter().filter_map(|live| match &live.what {
        What::Heard { text, .. } => text.as_ref().map(|text| text.reveal().clone()),
        _ => None,
    });
    let written = room.journal.iter().filter_map(|event| match event {
        desk::call::Event::Heard { heard: Heard::Words(words), .. } => Some(words.text.clone()),
        _ => None,
    });
    let kept = room.records.last().unwrap().turns.iter().filter(|turn| turn.understood.is_some());
    let kept = kept.filter_map(|turn| turn.text.as_ref().map(|text| text.reveal().clone()));
    let left = [
        "call me at 312 555 0143",
        "my card is (card number)",
        "(card number)",
        "(card number) expires (card number)",
    ];
    assert_eq!(shown.collect::<Vec<_>>(), left);
    assert_eq!(written.collect::<Vec<_>>(), left);
    assert_eq!(kept.collect::<Vec<_>>(), left);
}
