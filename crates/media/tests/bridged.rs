//! Two legs that hear each other: one stream to each far end, whatever the other does and in whatever codec, in virtual time.

mod imagined;

use imagined::{Call, Heard, MS, connect, listen, play, voice};
use media::{Codec, Connect, Direction, Law, LegId, Order};

#[test]
fn a_bridged_stream_is_one_stream_to_the_far_end() {
    let (mut caller, mut person) = (Call::answered(connect()), Call::new());
    person.leg = media::Leg::new(99);
    person.order(Order::Connect(Connect { codec: Codec::Pcma, payload_type: 8, digits: None, ..connect() }));
    caller.run_ms(500);
    person.run_ms(500);
    caller.order(Order::Bridge { with: LegId(2) });
    person.order(Order::Bridge { with: LegId(1) });
    let mut wire = [0; 600];
    let mut out = [0; 1_500];
    let mut relayed = Vec::new();
    for packet in 0..50u16 {
        let digit = packet % 25 == 20;
        let sound = media::rtp::Packet {
            marker: false,
            payload_type: if digit { 101 } else { 0 },
            sequence: 9_000 + packet,
            timestamp: 70_000 + u32::from(packet) * 160,
            ssrc: 4_242,
            payload: if digit { &[32, 0, 0, 160] } else { &[0x90; 160] },
        };
        let length = sound.write(&mut wire).unwrap();
        let relay = caller.leg.receive(&mut wire[..length], caller.from, person.now).unwrap();
        if let Some(sent) = person.leg.relay(&relay, person.now, &mut out) {
            let packet = media::rtp::Packet::parse(&out[..sent.length]).unwrap();
            relayed.push((packet.sequence, packet.timestamp, packet.payload_type, packet.ssrc));
            assert_eq!(packet.payload[0], Law::Pcma.encode_sample(Law::Pcmu.decode_sample(0x90)));
        }
        person.run_ms(20);
    }
    assert_eq!(
        relayed.len(),
        48,
        "two packets were events that are no keys, which this far end did not agree to"
    );
    let last_own = person.heard.last().unwrap();
    assert_eq!(last_own.payload_type, 8);
    assert_eq!(relayed[0].0, last_own.sequence.wrapping_add(1), "numbers go on where our own ended");
    assert_eq!(relayed[0].3, last_own.ssrc);
    assert!(
        relayed.windows(2).all(|pair| pair[1].0 == pair[0].0.wrapping_add(1)),
        "and no digit leaves a hole"
    );
    assert!(relayed.windows(2).all(|pair| (160..=320).contains(&pair[1].1.wrapping_sub(pair[0].1))));
    // The caller goes quiet: after a moment the person's far end gets silence, so that it sees a living stream.
    let before = person.heard.len();
    person.run_ms(1_000);
    assert!((35..=45).contains(&(person.heard.len() - before)));
    assert_eq!(person.heard[before].sequence, relayed.last().unwrap().0.wrapping_add(1));
    person.order(Order::Unbridge);
    assert!(person.leg.poll_deadline().is_some());
}

#[test]
fn a_hold_leaves_no_hole_in_the_numbers_of_what_is_relayed() {
    let (mut caller, mut person) = (Call::answered(connect()), Call::new());
    person.leg = media::Leg::new(99);
    person.order(Order::Connect(connect()));
    caller.order(Order::Bridge { with: LegId(2) });
    person.order(Order::Bridge { with: LegId(1) });
    for number in 0..300 {
        match number {
            100 => _ = person.order(Order::Direct(Direction::ReceiveOnly)),
            200 => _ = person.order(Order::Direct(Direction::SendReceive)),
            _ => {}
        }
        relayed(&mut caller, &mut person, 0, number, &[0x90; 160]);
        person.run_ms(20);
    }
    let holds = |pair: &[Heard]| pair[1].timestamp.wrapping_sub(pair[0].timestamp) > 99 * 160;
    let held: Vec<_> = person.heard.windows(2).filter(|pair| holds(pair)).collect();
    assert_eq!(held.len(), 1, "time went on during the hold");
    assert!(held[0][1].marker, "a new talkspurt");
    let mut pairs = person.heard.windows(2);
    assert!(pairs.all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)), "and nothing was lost");
}

/// What a far end that speaks G.722 makes of the packets it got.
fn heard_wide(call: &Call) -> Vec<i16> {
    let mut decoder = media::codec::Decoder::default();
    let mut heard = Vec::new();
    for packet in call.heard.iter().filter(|packet| packet.payload_type == 9) {
        let mut samples = [0; 480];
        let length = decoder.decode(Codec::G722, &packet.payload, &mut samples);
        heard.extend(&samples[..length]);
    }
    heard
}

#[test]
fn a_wideband_call_is_heard_both_ways_in_packets_of_every_length() {
    for ms in [10, 20, 30, 60] {
        let with = Connect { codec: Codec::G722, payload_type: 9, packet_time: MS * ms, ..connect() };
        let mut call = Call::answered(Connect { greeting: Some(play(1, 1_000)), ..with });
        call.run_ms(2_000);
        assert!(call.heard.iter().all(|packet| packet.payload.len() == 8 * ms as usize), "{ms} ms");
        let heard = heard_wide(&call);
        let loud = heard.chunks(160).filter(|piece| media::level::is_audible(piece)).count();
        assert!((48..=54).contains(&loud), "{ms} ms: a second of greeting, {loud} pieces of 20 ms");

        call.order(Order::Listen(listen(400)));
        let mut encoder = media::codec::Encoder::new(Codec::G722);
        call.sends = false;
        for piece in [voice(1_000), vec![0; 8_000]].concat().chunks(160) {
            let mut bytes = [0; 160];
            encoder.encode(piece, &mut bytes);
            call.packet(9, &bytes);
            call.run_ms(20);
        }
        assert!(call.names().contains(&"speech ended"), "{ms} ms: {:?}", call.names());
    }
}

#[test]
fn wideband_sound_passes_a_bridge_untouched_and_is_translated_where_the_other_leg_is_narrow() {
    for (codec, untouched) in [(Codec::G722, true), (Codec::Pcmu, false)] {
        let wide = Connect { codec: Codec::G722, payload_type: 9, ..connect() };
        let (mut caller, mut person) = (Call::answered(wide.clone()), Call::new());
        person.leg = media::Leg::new(99);
        let payload_type = codec.payload_type();
        person.order(Order::Connect(Connect { codec, payload_type, ..connect() }));
        caller.order(Order::Bridge { with: LegId(2) });
        person.order(Order::Bridge { with: LegId(1) });
        let mut encoder = media::codec::Encoder::new(Codec::G722);
        let mut wire = [0; 600];
        let mut said = Vec::new();
        for (packet, piece) in voice(2_000).chunks(160).enumerate() {
            let mut payload = [0; 160];
            encoder.encode(piece, &mut payload);
            let sound = media::rtp::Packet {
                marker: false,
                payload_type: 9,
                sequence: packet as u16,
                timestamp: packet as u32 * 160,
                ssrc: 4,
                payload: &payload,
            };
            let length = sound.write(&mut wire).unwrap();
            let relay = caller.leg.receive(&mut wire[..length], caller.from, person.now).unwrap();
            person.relays(&relay);
            person.run_ms(20);
            said.push(payload.to_vec());
        }
        let sent = person.heard.iter().filter(|packet| packet.payload_type == payload_type);
        let sent: Vec<Vec<u8>> = sent.map(|packet| packet.payload.clone()).collect();
        let is_untouched = said.iter().all(|payload| sent.contains(payload));
        assert_eq!(is_untouched, untouched, "{codec:?}");
        let mut decoder = media::codec::Decoder::default();
        let mut heard = Vec::new();
        for payload in sent {
            let mut samples = [0; 160];
            decoder.decode(codec, &payload, &mut samples);
            heard.extend(samples);
        }
        // Where a stream goes over to another encoder's, G.722 needs a moment to find its step.
        let first = heard.chunks(80).position(media::level::is_audible).unwrap() * 80 + 800;
        let level = media::level::rms(&heard[first..]) / media::level::rms(&voice(2_000));
        assert!((0.9..1.1).contains(&level), "{codec:?}: {level}");
        // Numbers and stamps are those of one stream, whichever way its packets went.
        assert!(person.heard.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
    }
}

/// A packet of the caller's, relayed to the person.
fn relayed(caller: &mut Call, person: &mut Call, payload_type: u8, number: u16, payload: &[u8]) {
    let mut wire = [0; 600];
    let packet = media::rtp::Packet {
        marker: false,
        payload_type,
        sequence: number,
        timestamp: u32::from(number) * 160,
        ssrc: 4,
        payload,
    };
    let length = packet.write(&mut wire).expect("a packet fits into this");
    caller.now = person.now;
    if let Some(relay) = caller.leg.receive(&mut wire[..length], caller.from, person.now) {
        person.relays(&relay);
    }
}

#[test]
fn who_keeps_quiet_sounds_like_a_line_to_the_other_and_neither_like_a_hole_nor_like_a_burst() {
    for (codec, below) in [(Codec::Pcmu, 60), (Codec::Pcmu, 0), (Codec::G722, 60), (Codec::G722, 0)] {
        let with = |codec: Codec| Connect { codec, payload_type: codec.payload_type(), ..connect() };
        let (mut caller, mut person) = (Call::answered(with(Codec::Pcmu)), Call::new());
        person.leg = media::Leg::new(99);
        person.order(Order::Connect(with(codec)));
        caller.order(Order::Bridge { with: LegId(2) });
        person.order(Order::Bridge { with: LegId(1) });
        for (number, piece) in voice(1_000).chunks(160).enumerate() {
            let mut payload = [0; 160];
            Law::Pcmu.encode(piece, &mut payload);
            relayed(&mut caller, &mut person, 0, number as u16, &payload);
            person.run_ms(20);
        }
        // RFC 3389: comfort noise, and then nothing for as long as the quiet lasts.
        relayed(&mut caller, &mut person, 13, 50, &[below]);
        let from = person.now + MS * 200;
        person.run_ms(1_200);
        let (mut decoder, mut heard) = (media::codec::Decoder::default(), Vec::new());
        for packet in person.heard.iter().filter(|packet| packet.payload_type == codec.payload_type()) {
            let mut samples = [0; 160];
            decoder.decode(codec, &packet.payload, &mut samples);
            if packet.at > from {
                heard.extend(samples);
            }
        }
        assert!(heard.len() >= 49 * 160, "{codec:?} {below}: the far end sees no living stream");
        let level = media::level::dbfs(&heard);
        let expected = if below == 0 { -53.0..-47.0 } else { -64.0..-56.0 };
        assert!(expected.contains(&level), "{codec:?} {below}: {level}");
    }
}
