//! Two telephones that both speak Opus: what one says passes to the other untouched, and when the desk takes a leg back it is
//! heard, and hears, from the first word on.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod imagined;

use std::time::Duration;

use imagined::{Call, Heard, MS, connect, listen, voice};
use media::codec::{Decoder, Encoder};
use media::{Clip, ClipId, Codec, Connect, Interruptible, LegId, Order, Play};

const OPUS: u8 = Codec::Opus.payload_type();
/// As steep as the tone of these tests is, and half of that again. A click is a jump beyond.
const STEEPEST: i32 = 4_500;

/// A caller and a person, both with an encoder and the caller with a decoder: the caller was greeted and listened to.
struct Two {
    caller: Call,
    person: Call,
    says: [Encoder; 2],
    number: u16,
}

impl Two {
    fn talking() -> Two {
        let with =
            || Connect { codec: Codec::Opus, payload_type: OPUS, receive_payload_type: OPUS, ..connect() };
        let (mut caller, mut person) = (Call::new(), Call::new());
        person.leg = media::Leg::new(99);
        for call in [&mut caller, &mut person] {
            call.order(Order::Connect(with()));
            call.order(Order::Acked);
        }
        caller.order(Order::Listen(listen(400)));
        let mut two = Two { caller, person, says: [Codec::Opus; 2].map(Encoder::new), number: 0 };
        two.say(&tone(1_000));
        two
    }

    fn are_bridged(&mut self) {
        self.caller.order(Order::Bridge { with: LegId(2) });
        self.person.order(Order::Bridge { with: LegId(1) });
    }

    /// Both say this, each in packets of 20 ms.
    fn say(&mut self, what: &[i16]) {
        for piece in what.chunks_exact(160) {
            let Two { caller, person, says: [one, other], number } = self;
            crosses(one, piece, *number, caller, person);
            crosses(other, piece, *number, person, caller);
            *number += 1;
            caller.run_ms(20);
            person.run_ms(20);
        }
    }
}

/// One packet from this telephone, and on to the other where they are bridged.
fn crosses(says: &mut Encoder, piece: &[i16], number: u16, from: &mut Call, to: &mut Call) {
    let mut payload = [0; 480];
    let length = says.encode(piece, &mut payload);
    let packet = media::rtp::Packet {
        marker: false,
        payload_type: OPUS,
        sequence: number,
        timestamp: u32::from(number) * 960,
        ssrc: 5,
        payload: &payload[..length],
    };
    let mut wire = [0; 600];
    let length = packet.write(&mut wire).unwrap();
    if let Some(relay) = from.leg.receive(&mut wire[..length], from.from, from.now) {
        to.relays(&relay);
    }
    from.drain();
}

fn tone(ms: usize) -> Vec<i16> {
    let step = std::f64::consts::TAU * 440.0 / 8_000.0;
    (0..ms * 8).map(|at| (8_000.0 * (step * at as f64).sin()) as i16).collect()
}

/// What the telephone makes of everything it got, and where in it the packets of `from` and later begin.
fn heard(call: &Call, from: Duration) -> (Vec<i16>, usize) {
    let (mut decoder, mut heard, mut begins) = (Decoder::default(), Vec::new(), None);
    for packet in call.heard.iter().filter(|packet| packet.payload_type == OPUS) {
        if packet.at >= from {
            begins.get_or_insert(heard.len());
        }
        let mut samples = [0; 480];
        let length = decoder.decode(Codec::Opus, &packet.payload, &mut samples);
        heard.extend(&samples[..length]);
    }
    (heard, begins.unwrap())
}

fn steepest(heard: &[i16]) -> i32 {
    heard.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap()
}

fn is_one_stream(heard: &[Heard]) -> bool {
    heard.windows(2).all(|pair| {
        let ahead = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        pair[1].sequence == pair[0].sequence.wrapping_add(1)
            && pair[1].ssrc == pair[0].ssrc
            && ahead < 0x8000_0000
    })
}

#[test]
fn a_leg_that_is_taken_back_after_its_sound_passed_through_is_spoken_to_without_a_click_or_a_hole() {
    for passed_ms in [1_000, 20_000] {
        let mut two = Two::talking();
        two.are_bridged();
        two.say(&tone(passed_ms));
        let taken_back = two.caller.now;
        two.caller.order(Order::Unbridge);
        let clip: Clip = tone(1_000).into();
        two.caller.order(Order::Play(Play { id: ClipId(1), clip, interruptible: Interruptible::No }));
        two.caller.run_ms(1_500);
        assert!(is_one_stream(&two.caller.heard), "after {passed_ms} ms");
        let (heard, begins) = heard(&two.caller, taken_back);
        let loud = heard[begins..].chunks(160).filter(|piece| media::level::rms(piece) > 3_000.0).count();
        assert!((49..=51).contains(&loud), "after {passed_ms} ms: {loud} of 50 pieces of 20 ms are heard");
        let click = steepest(&heard[begins - 1_600..]);
        assert!(click < STEEPEST, "after {passed_ms} ms: a click of {click}");
    }
}

#[test]
fn a_caller_who_is_taken_back_is_heard_from_the_first_word_on() {
    let mut two = Two::talking();
    two.are_bridged();
    two.say(&voice(20_000));
    two.caller.order(Order::Unbridge);
    two.caller.order(Order::Listen(listen(400)));
    let speaks_from = two.caller.now;
    two.say(&voice(1_000));
    two.say(&[0; 8_000]);
    let began = two.caller.events.iter().rev().find_map(|event| match event {
        media::Event::SpeechStarted { at, .. } => Some(*at),
        _ => None,
    });
    let late = began.unwrap().saturating_sub(speaks_from);
    assert!(late < MS * 100, "heard {late:?} after they began");
    assert_eq!(two.caller.names().last(), Some(&"speech ended"));
}

#[test]
fn a_held_caller_is_spoken_to_again_without_a_click() {
    let mut two = Two::talking();
    two.caller.order(Order::Direct(media::Direction::Inactive));
    two.caller.run_ms(20_000);
    let taken_up = two.caller.now;
    two.caller.order(Order::Direct(media::Direction::SendReceive));
    let clip: Clip = tone(1_000).into();
    two.caller.order(Order::Play(Play { id: ClipId(1), clip, interruptible: Interruptible::No }));
    two.caller.run_ms(1_500);
    assert!(is_one_stream(&two.caller.heard));
    let (heard, begins) = heard(&two.caller, taken_up);
    let loud = heard[begins..].chunks(160).filter(|piece| media::level::rms(piece) > 3_000.0).count();
    assert!((49..=51).contains(&loud), "{loud} of 50 pieces of 20 ms are heard");
    assert!(steepest(&heard) < STEEPEST);
}
