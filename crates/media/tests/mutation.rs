//! Seeded mutation of packets into a live leg: nothing panics, nothing latches that should not, the call goes on.
//!
//! `FIRSTRING_SOAK_MUTATIONS` sets how many packets each kind gets (5,000 by default); `FIRSTRING_SEED` where to begin.
#![allow(clippy::unwrap_used)]

mod imagined;

use imagined::{Call, MS, caller, connect, filler, listen, play, voice};
use media::rtcp::{Report, ReportBlock, SenderInfo};
use media::rtp::Packet;
use media::{AddressRange, Codec, Connect, LegId, Order};

/// How long to soak is the one thing these tests ask their surroundings.
#[allow(clippy::disallowed_methods)]
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    /// Flips, cuts, doubles, overwrites: one to four times.
    fn spoil(&mut self, wire: &mut Vec<u8>) {
        for _ in 0..=self.roll(3) {
            if wire.is_empty() {
                wire.push(self.roll(256) as u8);
            }
            let at = self.roll(wire.len());
            match self.roll(6) {
                0 => wire[at] ^= 1 << self.roll(8),
                1 => wire.truncate(at),
                2 => wire[at] = [0, 0x7f, 0x80, 0xff][self.roll(4)],
                3 => {
                    let tail = wire[at..].to_vec();
                    wire.extend(tail);
                }
                4 => wire.insert(at, self.roll(256) as u8),
                _ => {
                    for index in 0..4.min(wire.len() - at) {
                        wire[at + index] = self.roll(256) as u8;
                    }
                }
            }
        }
        wire.truncate(2_048);
    }
}

fn good_rtp(dice: &mut Dice, call: &Call) -> Vec<u8> {
    let digit = dice.roll(4) == 0;
    let sound = vec![dice.roll(256) as u8; [80, 160, 240, 480, 1_000][dice.roll(5)]];
    let payload: &[u8] = if digit { &[5, 0x8a, 0, 160] } else { &sound };
    let packet = Packet {
        marker: dice.roll(2) == 0,
        payload_type: if digit { 101 } else { [0, 8, 13][dice.roll(3)] },
        sequence: call.sequence.wrapping_add(dice.roll(6) as u16),
        timestamp: call.timestamp.wrapping_add(160 * dice.roll(6) as u32),
        ssrc: call.ssrc,
        payload,
    };
    let mut wire = vec![0; 1_100];
    let length = packet.write(&mut wire).unwrap();
    wire.truncate(length);
    wire
}

fn good_report(dice: &mut Dice, call: &Call) -> Vec<u8> {
    let word = |dice: &mut Dice| dice.roll(u32::MAX as usize) as u32;
    let sent = SenderInfo {
        ntp: u64::from(word(dice)) << 20,
        rtp: word(dice),
        packets: word(dice),
        octets: word(dice),
    };
    let heard = ReportBlock {
        ssrc: word(dice),
        fraction_lost: dice.roll(256) as u8,
        cumulative_lost: 5,
        highest_sequence: word(dice),
        jitter: word(dice),
        last_sr: word(dice),
        delay_since_last_sr: word(dice),
    };
    let report = Report {
        ssrc: call.ssrc,
        sent: Some(sent),
        heard: Some(heard),
        cname: "x",
        goodbye: dice.roll(2) == 0,
    };
    let mut wire = vec![0; Report::MAX_LEN];
    let length = report.write(&mut wire).unwrap();
    wire.truncate(length);
    wire
}

fn live_call() -> Call {
    let mut call = Call::answered(Connect {
        greeting: Some(play(1, 1_000)),
        filler: Some(filler(500)),
        latch: vec![AddressRange { address: "192.0.2.0".parse().unwrap(), prefix: 24 }],
        ..connect()
    });
    call.run_ms(1_500).order(Order::Listen(listen(400)));
    call
}

#[test]
fn spoiled_packets_from_the_right_place_neither_panic_nor_end_the_call() {
    let (count, seed) = (setting("FIRSTRING_SOAK_MUTATIONS", 5_000), setting("FIRSTRING_SEED", 1));
    let (mut dice, mut call) = (Dice(seed | 1), live_call());
    for number in 0..count {
        let report = dice.roll(4) == 0;
        let mut wire = if report { good_report(&mut dice, &call) } else { good_rtp(&mut dice, &call) };
        dice.spoil(&mut wire);
        match (report, dice.roll(8)) {
            (true, 0..4) => call.leg.receive_report(&mut wire, caller(), call.now),
            (true, _) | (false, _) => {
                call.leg.receive(&mut wire, caller(), call.now);
            }
        }
        call.drain();
        call.events.truncate(100);
        call.reports.clear();
        if number % 10 == 0 {
            call.run_ms(20);
            call.heard.truncate(1_000);
        }
        if number % 500 == 0 {
            call.order(Order::Listen(listen(300))).order(Order::Play(play(number, 200)));
        }
        assert!(!call.leg.is_over() && call.leg.poll_deadline().is_some(), "seed {seed}, packet {number}");
        assert_eq!(call.leg.target(), Some(caller()), "seed {seed}, packet {number}: the latch moved");
    }
    // After all that the caller is still understood.
    call.run_ms(30_000);
    call.events.clear();
    call.order(Order::Listen(listen(400))).run_ms(500).says(voice(1_000)).run_ms(3_000);
    assert!(call.names().contains(&"speech ended"), "seed {seed}: {:?}", call.names());
}

#[test]
fn spoiled_packets_from_elsewhere_get_nothing() {
    let (count, seed) = (setting("FIRSTRING_SOAK_MUTATIONS", 5_000), setting("FIRSTRING_SEED", 2));
    let (mut dice, mut call) = (Dice(seed | 1), live_call());
    call.events.clear();
    for number in 0..count {
        let mut wire =
            if dice.roll(4) == 0 { good_report(&mut dice, &call) } else { good_rtp(&mut dice, &call) };
        if dice.roll(2) == 0 {
            dice.spoil(&mut wire); // the other half are perfect forgeries, from the carrier's own range
        }
        let from = [
            format!("203.0.113.{}:4000", dice.roll(255)),
            format!("192.0.2.{}:{}", dice.roll(255), 5_000 + dice.roll(100)),
            "192.0.2.10:4001".to_owned(),
        ];
        let from = from[dice.roll(3)].parse().unwrap();
        assert!(call.leg.receive(&mut wire, from, call.now).is_none());
        call.drain();
        if number % 5 == 0 {
            call.run_ms(20);
        }
        assert_eq!(
            call.leg.target(),
            Some(caller()),
            "seed {seed}, packet {number}: the latch was stolen by {from}"
        );
    }
    assert!(call.heard.iter().all(|packet| packet.to == caller()));
    assert!(!call.names().contains(&"digit") && !call.names().contains(&"closed"), "seed {seed}");
}

#[test]
fn spoiled_packets_across_a_bridge_do_not_panic() {
    let (count, seed) = (setting("FIRSTRING_SOAK_MUTATIONS", 5_000), setting("FIRSTRING_SEED", 3));
    let mut dice = Dice(seed | 1);
    let (mut one, mut two) = (live_call(), live_call());
    two.order(Order::Connect(Connect { codec: Codec::Pcma, payload_type: 8, ..connect() }));
    one.order(Order::Bridge { with: LegId(2) });
    two.order(Order::Bridge { with: LegId(1) });
    let mut out = [0; media::MAX_DATAGRAM];
    let mut relayed = 0;
    for number in 0..count {
        let mut wire = good_rtp(&mut dice, &one);
        dice.spoil(&mut wire);
        if let Some(relay) = one.leg.receive(&mut wire, caller(), one.now)
            && let Some(sent) = two.leg.relay(&relay, two.now, &mut out)
        {
            relayed += 1;
            assert!(Packet::parse(&out[..sent.length]).is_ok() && sent.to == caller());
        }
        one.drain();
        if number % 10 == 0 {
            one.run_ms(20);
            two.run_ms(20);
            one.now = one.now.max(two.now);
        }
    }
    assert!(relayed > count / 20, "{relayed} of {count}");
    assert!(two.leg.poll_deadline().unwrap().at <= two.now + MS * 60);
}

#[test]
fn spoiled_opus_neither_panics_nor_breaks_the_stream_that_is_made_of_it() {
    let (count, seed) = (setting("FIRSTRING_SOAK_MUTATIONS", 5_000), setting("FIRSTRING_SEED", 4));
    let mut dice = Dice(seed | 1);
    let (mut one, mut two) = (Call::answered(connect()), Call::answered(connect()));
    let payload_type = Codec::Opus.payload_type();
    one.order(Order::Connect(Connect { codec: Codec::Opus, payload_type, digits: None, ..connect() }));
    one.order(Order::Bridge { with: LegId(2) });
    two.order(Order::Bridge { with: LegId(1) });
    one.sends = false;
    two.heard.clear();
    let mut encoder = media::codec::Encoder::new(Codec::Opus);
    for (number, piece) in voice(1_000).chunks(160).cycle().take(count as usize).enumerate() {
        let mut payload = vec![0; 480];
        let length = encoder.encode(piece, &mut payload);
        payload.truncate(length);
        if dice.roll(3) > 0 {
            dice.spoil(&mut payload);
        }
        let packet = Packet {
            marker: false,
            payload_type,
            sequence: number as u16,
            timestamp: number as u32 * 960,
            ssrc: 9,
            payload: &payload[..payload.len().min(1_400)],
        };
        let mut wire = vec![0; 1_500];
        let length = packet.write(&mut wire).unwrap();
        if dice.roll(10) > 0
            && let Some(relay) = one.leg.receive(&mut wire[..length], caller(), one.now)
        {
            two.relays(&relay);
        }
        one.drain();
        one.run_ms(20);
        two.run_ms(20);
    }
    assert!(two.heard.len() as u64 >= count - 5, "{} of {count}", two.heard.len());
    let in_step = |pair: &[imagined::Heard]| {
        (pair[1].sequence, pair[1].timestamp)
            == (pair[0].sequence.wrapping_add(1), pair[0].timestamp.wrapping_add(160))
    };
    assert!(two.heard.windows(2).all(in_step), "seed {seed}: packets out of step");
}
