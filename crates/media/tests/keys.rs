//! Keys in every codec, every packet time, and across a bridge of two that count time differently.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod imagined;

use imagined::{Call, MS, connect, voice};
use media::digits::DigitEar;
use media::rtp::Packet;
use media::{Codec, Connect, Digit, DigitTypes, Event, Law, LegId, Order};

/// Three keys as sound, each with silence after it.
fn tones() -> Vec<i16> {
    let wave = |hz: f64, at: usize| (std::f64::consts::TAU * hz * at as f64 / 8_000.0).sin();
    let key = |row_hz: f64, column_hz: f64, ms: usize| {
        let tone = (0..ms * 8).map(move |at| (6_000.0 * (wave(row_hz, at) + wave(column_hz, at))) as i16);
        tone.chain(vec![0; 640])
    };
    key(770.0, 1_336.0, 100).chain(key(770.0, 1_336.0, 80)).chain(key(941.0, 1_477.0, 200)).collect()
}

fn keys(call: &Call) -> String {
    let digit = |event: &Event| match event {
        Event::Digit { digit, .. } => Some(digit.as_char()),
        _ => None,
    };
    call.events.iter().filter_map(digit).collect()
}

#[test]
fn keys_sent_as_sound_are_heard_in_every_codec_and_packet_time() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
        for ms in [10, 20, 30, 40, 60] {
            let payload_type = codec.payload_type();
            let mut call = Call::answered(Connect { codec, payload_type, digits: None, ..connect() });
            call.sends = false;
            let samples = codec.packet_time(MS * ms).as_millis() as usize * 8;
            let mut encoder = media::codec::Encoder::new(codec);
            let quiet = vec![0; 4_800];
            for (number, piece) in [quiet.clone(), tones(), quiet].concat().chunks_exact(samples).enumerate()
            {
                let mut payload = [0; 480];
                let length = encoder.encode(piece, &mut payload);
                call.timestamp = 1_000 + number as u32 * codec.ticks(samples);
                call.packet(payload_type, &payload[..length]);
                call.run_ms(samples as u64 / 8);
            }
            assert_eq!(keys(&call), "55#", "{codec:?} {ms} ms");
        }
    }
}

#[test]
fn a_key_crosses_a_bridge_of_two_clocks_once_and_lasts_as_long() {
    for (from, to) in [(Codec::Opus, Codec::Pcmu), (Codec::Pcma, Codec::Opus), (Codec::G722, Codec::Pcmu)] {
        let with = |codec: Codec| Connect {
            codec,
            payload_type: codec.payload_type(),
            digits: Some(DigitTypes { send: 101, receive: 101 }),
            ..connect()
        };
        let (mut caller, mut person) = (Call::new(), Call::new());
        person.leg = media::Leg::new(99);
        caller.order(Order::Connect(with(from)));
        person.order(Order::Connect(with(to)));
        caller.order(Order::Bridge { with: LegId(2) });
        person.order(Order::Bridge { with: LegId(1) });
        let mut encoder = media::codec::Encoder::new(from);
        for number in 0..200u16 {
            // Two presses of six packets each, in the place of sound.
            let press = [40, 120].into_iter().find(|first| (*first..first + 6).contains(&number));
            let (mut payload, mut length) = (vec![0; 480], 4);
            match press {
                Some(first) => {
                    let lasted = from.ticks(160 * usize::from(number - first + 1)) as u16;
                    payload[..2].copy_from_slice(&[8, if number - first == 5 { 0x8a } else { 0x0a }]);
                    payload[2..4].copy_from_slice(&lasted.to_be_bytes());
                }
                None => length = encoder.encode(&[500; 160], &mut payload),
            }
            let packet = Packet {
                marker: press == Some(number),
                payload_type: if press.is_some() { 101 } else { from.payload_type() },
                sequence: number,
                timestamp: u32::from(press.unwrap_or(number)) * from.ticks(160),
                ssrc: 4,
                payload: &payload[..length],
            };
            let mut wire = [0; 600];
            let length = packet.write(&mut wire).unwrap();
            if let Some(relay) = caller.leg.receive(&mut wire[..length], caller.from, person.now) {
                person.relays(&relay);
            }
            caller.run_ms(20);
            person.run_ms(20);
        }
        assert_eq!(keys(&caller), "88", "{from:?}: we hear them as well");
        let mut ear = DigitEar::new();
        ear.set_clock(to.clock_hz());
        let (mut heard, mut longest) = (String::new(), 0);
        for packet in person.heard.iter().filter(|packet| packet.payload_type == 101) {
            longest = longest.max(u16::from_be_bytes([packet.payload[2], packet.payload[3]]));
            let packet = Packet {
                marker: packet.marker,
                payload_type: 101,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                ssrc: packet.ssrc,
                payload: &packet.payload,
            };
            heard.extend(ear.hear(&packet).map(Digit::as_char));
        }
        assert_eq!(heard, "88", "{from:?} {to:?}");
        let lasted_ms = u32::from(longest) * 1_000 / to.clock_hz();
        assert!((100..=200).contains(&lasted_ms), "{from:?} {to:?}: {lasted_ms} ms");
        assert!(person.heard.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
    }
}

#[test]
fn our_digits_are_heard_as_pressed() {
    let mut call = Call::answered(connect());
    for key in "1*0".chars() {
        call.order(Order::SendDigit(Digit::from_char(key).unwrap()));
    }
    call.run_ms(2_000);
    let mut ear = media::digits::DigitEar::new();
    let keys: String = call
        .heard
        .iter()
        .filter(|packet| packet.payload_type == 101)
        .filter_map(|packet| {
            ear.hear(&media::rtp::Packet {
                marker: packet.marker,
                payload_type: 101,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                ssrc: packet.ssrc,
                payload: &packet.payload,
            })
        })
        .map(Digit::as_char)
        .collect();
    assert_eq!(keys, "1*0");
    assert!(call.heard.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
}

/// One key as sound, and silence after it.
fn key_tone(row_hz: f64, column_hz: f64, ms: usize) -> Vec<i16> {
    let wave = |hz: f64, at: usize| (std::f64::consts::TAU * hz * at as f64 / 8_000.0).sin();
    let tone = (0..ms * 8).map(|at| (6_000.0 * (wave(row_hz, at) + wave(column_hz, at))) as i16);
    tone.chain(vec![0; 480]).collect()
}

#[test]
fn keys_sent_as_sound_are_heard_once_where_events_were_not_agreed_and_only_there() {
    let said =
        [key_tone(770.0, 1_336.0, 100), key_tone(770.0, 1_336.0, 60), key_tone(941.0, 1_477.0, 400)].concat();
    for (digits, heard) in [(None, "55#"), (connect().digits, "")] {
        let mut call = Call::answered(Connect { digits, ..connect() });
        call.says(said.clone()).run_ms(1_500);
        let keys: String = call
            .events
            .iter()
            .filter_map(|event| match event {
                media::Event::Digit { digit, .. } => Some(digit.as_char()),
                _ => None,
            })
            .collect();
        assert_eq!(keys, heard);
    }
}

#[test]
fn a_minute_of_speech_presses_no_key() {
    let mut call = Call::answered(Connect { digits: None, ..connect() });
    call.says(voice(60_000)).run_ms(60_000);
    assert!(!call.names().contains(&"digit"));
}

#[test]
fn a_key_goes_on_as_sound_to_a_far_end_that_knows_no_events_and_once() {
    let (mut caller, mut person) = (Call::answered(connect()), Call::new());
    person.leg = media::Leg::new(99);
    person.order(Order::Connect(Connect { digits: None, ..connect() }));
    caller.order(Order::Bridge { with: LegId(2) });
    person.order(Order::Bridge { with: LegId(1) });
    let mut wire = [0; 600];
    let mut out = [0; 1_500];
    for (packet, key) in [(0, 7), (1, 7), (2, 7), (3, 7), (40, 7), (41, 7), (80, 11)] {
        let press = packet / 40 * 40;
        let event = media::rtp::Packet {
            marker: packet == press,
            payload_type: 101,
            sequence: packet as u16,
            timestamp: press * 160,
            ssrc: 4,
            payload: &[key, 0, 0, 160],
        };
        let length = event.write(&mut wire).unwrap();
        let relay = caller.leg.receive(&mut wire[..length], caller.from, person.now).unwrap();
        assert_eq!(person.leg.relay(&relay, person.now, &mut out), None);
        person.run_ms(if packet % 40 > 2 || packet == 41 || packet == 80 { 700 } else { 20 });
    }
    let (mut tones, mut heard, mut samples) = (media::keytones::KeyTones::default(), String::new(), [0; 480]);
    for packet in &person.heard {
        let length = Law::Pcmu.decode(&packet.payload, &mut samples);
        tones.hear(&samples[..length], &mut |digit| heard.push(digit.as_char()));
    }
    assert_eq!(heard, "77#");
}
