//! Another telephone takes the place of the one at the far end of a leg: what is said goes on, as a stream of its own.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod imagined;

use imagined::{Call, MS, connect, play, voice};
use media::{Connect, Event, Order};

#[test]
fn another_telephone_hears_what_goes_on_as_a_stream_of_its_own_and_is_heard() {
    let mut call = Call::answered(connect());
    call.order(Order::Play(play(1, 4_000))).run_ms(1_000);
    let (there, before) = ("192.0.2.77:41000".parse().unwrap(), call.heard.last().unwrap().clone());
    call.order(Order::Connect(Connect { remote: there, is_another: true, ..connect() }));
    let taken_over = call.now;
    // The one before has not noticed yet.
    call.says(voice(5_000)).run_ms(500);
    let refused = call.leg.quality(call.now).refused;
    assert!(refused > 20, "{refused}");
    (call.from, call.ssrc) = (there, 78);
    call.run_ms(3_000);
    let after: Vec<_> = call.heard.iter().filter(|packet| packet.at > taken_over).collect();
    assert!(after.iter().all(|packet| packet.to == there && packet.ssrc != before.ssrc));
    assert!(after[0].sequence < 0x8000, "its numbers have not come round");
    assert!(after.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
    let played = call.events.iter().find_map(|event| match event {
        Event::Played { complete, samples, .. } => Some((*complete, *samples)),
        _ => None,
    });
    assert_eq!(played, Some((true, 32_000)), "not a word is lost of what was being said");
    let silence = call.longest_silence(taken_over, taken_over + MS * 2_900);
    assert!(silence <= MS * 40, "{silence:?}");
    assert_eq!(call.leg.quality(call.now).refused, refused);
}
