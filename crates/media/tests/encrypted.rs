//! Encrypted sound, from the key to a call on which nothing else is heard.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod imagined;

use imagined::{Call, MS, caller, connect, play};
use media::rtp::Packet;
use media::srtp::{Keys, MasterKey, Opener, Sealer, SrtpError, Suite};
use media::{Connect, LegId, MAX_DATAGRAM, Order};

const SUITES: [Suite; 3] = [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32, Suite::AeadAes128Gcm];

fn key(suite: Suite, byte: u8) -> MasterKey {
    MasterKey::new(suite, &vec![byte; suite.key_len()]).unwrap()
}

fn keys(suite: Suite) -> Keys {
    Keys { ours: key(suite, 1), theirs: key(suite, 2) }
}

fn sound(sequence: u16, payload: &[u8]) -> ([u8; MAX_DATAGRAM], usize) {
    let mut wire = [0; MAX_DATAGRAM];
    let timestamp = u32::from(sequence) * 160;
    let packet = Packet { marker: false, payload_type: 0, sequence, timestamp, ssrc: 9, payload };
    let length = packet.write(&mut wire).unwrap();
    (wire, length)
}

fn sealed(sealer: &mut Sealer, sequence: u16) -> Vec<u8> {
    let (mut wire, length) = sound(sequence, &[0x55; 160]);
    let length = sealer.seal(&mut wire, length).unwrap();
    wire[..length].to_vec()
}

fn opened(opener: &mut Opener, mut wire: Vec<u8>) -> Result<Vec<u8>, SrtpError> {
    let length = opener.open(&mut wire)?;
    wire.truncate(length);
    Ok(wire)
}

#[test]
fn a_call_of_hours_opens_to_its_end_whatever_is_lost_on_the_way() {
    for suite in SUITES {
        let (mut sealer, mut opener) = (Sealer::new(key(suite, 1)), Opener::new(key(suite, 1)));
        for packet in 0..200_000u32 {
            let wire = sealed(&mut sealer, packet as u16);
            let is_lost = packet % 5 == 3 || (65_000..65_600).contains(&packet);
            if packet % 50 < 2 && !is_lost {
                let clear = opened(&mut opener, wire).unwrap();
                assert_eq!(Packet::parse(&clear).unwrap().payload, [0x55; 160], "{suite:?} {packet}");
            }
        }
    }
}

#[test]
fn a_packet_that_was_touched_anywhere_is_refused_and_the_right_one_is_still_taken() {
    for suite in SUITES {
        let (mut sealer, mut opener) = (Sealer::new(key(suite, 1)), Opener::new(key(suite, 1)));
        let wire = sealed(&mut sealer, 700);
        for at in 0..wire.len() {
            let mut touched = wire.clone();
            touched[at] ^= 0x10;
            assert!(opened(&mut opener, touched).is_err(), "{suite:?} byte {at}");
        }
        for length in 0..wire.len() {
            assert!(opened(&mut opener, wire[..length].to_vec()).is_err(), "{suite:?} cut to {length}");
        }
        assert!(opened(&mut Opener::new(key(suite, 3)), wire.clone()).is_err(), "another key");
        assert!(opened(&mut opener, wire).is_ok());
    }
}

#[test]
fn a_packet_is_taken_once_however_late_it_is_sent_again() {
    for suite in SUITES {
        let (mut sealer, mut opener) = (Sealer::new(key(suite, 1)), Opener::new(key(suite, 1)));
        let wires: Vec<_> = (0..300).map(|sequence| sealed(&mut sealer, sequence)).collect();
        for wire in [10, 12, 11, 90] {
            assert!(opened(&mut opener, wires[wire].clone()).is_ok(), "{suite:?} {wire}");
        }
        for wire in [10, 11, 12, 90] {
            assert_eq!(
                opened(&mut opener, wires[wire].clone()),
                Err(SrtpError::Replayed),
                "{suite:?} {wire}"
            );
        }
        assert!(opened(&mut opener, wires[27].clone()).is_ok(), "63 behind, and not there yet");
        assert!(opened(&mut opener, wires[299].clone()).is_ok());
        assert_eq!(opened(&mut opener, wires[28].clone()), Err(SrtpError::Replayed), "too old to tell");
    }
}

#[test]
fn no_number_is_sealed_twice_so_that_no_key_stream_is() {
    for suite in SUITES {
        let mut sealer = Sealer::new(key(suite, 1));
        sealed(&mut sealer, 40);
        sealed(&mut sealer, 42);
        let (mut wire, length) = sound(40, b"other words");
        assert_eq!(sealer.seal(&mut wire, length), None, "{suite:?}");
        assert!(!sealed(&mut sealer, 41).is_empty(), "a number between them was never used");
    }
}

#[test]
fn a_new_key_takes_over_with_its_first_packet_and_the_old_one_serves_until_then() {
    for suite in SUITES {
        let (mut before, mut after) = (Sealer::new(key(suite, 1)), Sealer::new(key(suite, 7)));
        let mut opener = Opener::new(key(suite, 1));
        assert!(opened(&mut opener, sealed(&mut before, 1)).is_ok());
        opener.rekey(key(suite, 7));
        opener.rekey(key(suite, 7));
        assert!(opened(&mut opener, sealed(&mut before, 2)).is_ok(), "{suite:?}: still under way");
        let late = sealed(&mut before, 4);
        assert!(opened(&mut opener, sealed(&mut after, 3)).is_ok());
        assert_eq!(opened(&mut opener, late), Err(SrtpError::NotAuthentic), "{suite:?}: that key is over");
        assert!(opened(&mut opener, sealed(&mut after, 4)).is_ok());
    }
}

/// RFC 3711 section 3.3.1 counts on under a new key; many far ends begin anew. Both are understood.
#[test]
fn a_new_key_late_in_a_call_opens_whichever_way_the_far_end_counts() {
    let suite = Suite::AesCm128HmacSha1_80;
    for counts_on in [false, true] {
        let (mut before, mut after) = (Sealer::new(key(suite, 1)), Sealer::new(key(suite, 7)));
        let mut opener = Opener::new(key(suite, 1));
        for packet in 0..70_000u32 {
            let wire = sealed(&mut before, packet as u16);
            if packet % 1_000 == 0 {
                assert!(opened(&mut opener, wire).is_ok());
            }
        }
        if counts_on {
            for packet in (0..69_000u32).step_by(1_000) {
                sealed(&mut after, packet as u16);
            }
        }
        opener.rekey(key(suite, 7));
        let wires: Vec<_> = (70_000..70_005u32).map(|packet| sealed(&mut after, packet as u16)).collect();
        assert!(wires.into_iter().all(|wire| opened(&mut opener, wire).is_ok()), "counts on: {counts_on}");
    }
}

#[test]
fn reports_are_counted_by_themselves_and_taken_once() {
    for suite in SUITES {
        let (mut sealer, mut opener) = (Sealer::new(key(suite, 1)), Opener::new(key(suite, 1)));
        let mut wire = [0; 64];
        for round in 0..3 {
            wire[..8].copy_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 9]);
            wire[8..16].fill(round);
            let length = sealer.seal_report(&mut wire, 16).unwrap();
            let (mut once, mut again) = (wire, wire);
            assert_eq!(opener.open_report(&mut once[..length]), Ok(16), "{suite:?}");
            assert_eq!(once[8..16], [round; 8]);
            assert_eq!(opener.open_report(&mut again[..length]), Err(SrtpError::Replayed));
        }
        for length in 0..20 {
            assert!(opener.open_report(&mut wire[..length]).is_err());
        }
    }
}

#[test]
fn a_key_is_never_printed() {
    let keys = keys(Suite::AeadAes128Gcm);
    let (sealer, opener) = (Sealer::new(keys.ours.clone()), Opener::new(keys.theirs.clone()));
    let printed = format!("{keys:?} {sealer:?} {opener:?}");
    assert!(printed.contains("***") && !printed.contains("1, 1") && !printed.contains("2, 2"), "{printed}");
    assert_eq!(MasterKey::new(Suite::AeadAes128Gcm, &[0; 30]), None, "a key of another length");
}

/// What the far end of an encrypted call makes of the packets it gets.
struct FarEnd {
    sealer: Sealer,
    opener: Opener,
}

impl FarEnd {
    fn of(keys: Keys) -> Self {
        Self { sealer: Sealer::new(keys.theirs), opener: Opener::new(keys.ours) }
    }

    /// What the leg sends until then: audible packets of sound, and reports.
    fn hears_for(&mut self, call: &mut Call, ms: u64) -> (usize, usize) {
        let until = call.now + MS * ms as u32;
        let (mut audible, mut reports) = (0, 0);
        let mut out = [0; MAX_DATAGRAM];
        while let Some(due) = call.leg.poll_deadline().filter(|due| due.at <= until) {
            call.now = call.now.max(due.at);
            call.leg.handle_deadline(call.now);
            while let Some(sent) = call.leg.write(call.now, &mut out) {
                let wire = &mut out[..sent.length];
                if media::rtp::is_rtcp(wire) {
                    reports += usize::from(self.opener.open_report(wire).is_ok());
                    continue;
                }
                assert_eq!(sent.length, 12 + 160 + 10);
                let length = self.opener.open(wire).expect("what a leg sends opens under its key");
                audible += usize::from(
                    Packet::parse(&wire[..length]).unwrap().payload.iter().any(|byte| *byte != 0xff),
                );
            }
        }
        call.now = until;
        (audible, reports)
    }
}

#[test]
fn an_encrypted_call_is_heard_both_ways_and_nothing_else_is() {
    let keys = keys(Suite::AesCm128HmacSha1_80);
    let mut there = FarEnd::of(keys.clone());
    let mut call = Call::new();
    call.leg.handle(
        Order::Connect(Connect { keys: Some(keys), greeting: Some(play(1, 2_000)), ..connect() }),
        call.now,
    );
    call.leg.handle(Order::Acked, call.now);
    let (mut plain, length) = sound(1, &[0x55; 160]);
    call.leg.receive(&mut plain[..length], caller(), call.now);
    assert!(call.leg.poll_event().is_none(), "a packet in the clear is not even the first packet");
    let mut wire = sealed(&mut there.sealer, 1);
    let mut again = wire.clone();
    call.leg.receive(&mut wire, caller(), call.now);
    assert!(matches!(call.leg.poll_event(), Some(media::Event::FirstPacket { .. })));
    call.leg.receive(&mut again, caller(), call.now);
    let quality = call.leg.quality(call.now);
    assert_eq!((quality.received, quality.refused), (1, 2));
    let (audible, reports) = there.hears_for(&mut call, 12_000);
    assert!((99..=102).contains(&audible), "two seconds of greeting, {audible} packets");
    assert!(reports >= 2, "{reports} reports");
}

#[test]
fn a_bridge_joins_an_encrypted_leg_and_a_plain_one() {
    let keys = keys(Suite::AeadAes128Gcm);
    let mut there = FarEnd::of(keys.clone());
    let (mut caller_call, mut person) = (Call::new(), Call::new());
    caller_call.order(Order::Connect(Connect { keys: Some(keys), ..connect() }));
    person.order(Order::Connect(connect()));
    caller_call.order(Order::Bridge { with: LegId(2) });
    person.order(Order::Bridge { with: LegId(1) });
    let mut out = [0; MAX_DATAGRAM];
    for sequence in 0..50 {
        let mut wire = sealed(&mut there.sealer, sequence);
        let relay = caller_call.leg.receive(&mut wire, caller(), caller_call.now).unwrap();
        let sent = person.leg.relay(&relay, person.now, &mut out).unwrap();
        assert_eq!(Packet::parse(&out[..sent.length]).unwrap().payload, [0x55; 160]);

        let (mut wire, length) = sound(sequence, &[0x77; 160]);
        let relay = person.leg.receive(&mut wire[..length], caller(), person.now).unwrap();
        let sent = caller_call.leg.relay(&relay, caller_call.now, &mut out).unwrap();
        let length = there.opener.open(&mut out[..sent.length]).unwrap();
        assert_eq!(Packet::parse(&out[..length]).unwrap().payload, [0x77; 160]);
        caller_call.now += MS * 20;
        person.now += MS * 20;
    }
}
