//! When a caller first hears a clip, whatever else is in the packet in which it begins.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod imagined;

use imagined::{Call, connect};
use media::{Clip, ClipId, Event, Interruptible, Order, Play};

fn plays(call: &mut Call, id: u64, clip: Clip) {
    call.order(Order::Play(Play { id: ClipId(id), clip, interruptible: Interruptible::Yes }));
}

#[test]
fn a_sentence_that_begins_softly_behind_the_quiet_end_of_another_is_told_of() {
    let mut call = Call::answered(connect());
    // The last packet of the first has 100 samples of it, all quiet, and 60 of the second, which is just audible.
    let ends_quietly = (0..1_700).map(|at| if at < 1_500 { 6_000 } else { 0 });
    let begins_softly = (0..1_600).map(|at| if at % 8 < 4 { 200 } else { -200 });
    plays(&mut call, 1, ends_quietly.collect());
    plays(&mut call, 2, begins_softly.collect());
    call.run_ms(1_500);
    let spoke = call.events.iter().filter_map(|event| match event {
        Event::Spoke { id, .. } => Some(*id),
        _ => None,
    });
    assert_eq!(spoke.collect::<Vec<_>>(), [ClipId(1), ClipId(2)]);
}
