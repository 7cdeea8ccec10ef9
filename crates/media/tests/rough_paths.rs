//! What is heard over a path that loses, delays and swaps packets or goes dark, in virtual time. The same over real sockets,
//! with the program as it ships: `crates/firstring/tests/wire/rough_lines.rs`.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod imagined;

use std::time::Duration;

use imagined::path::{Came, Path, longest_hole, played, spoken};
use imagined::{Call, Heard, MS, connect, e_model, voice};
use media::rtp::Packet;
use media::{ClipId, Codec, Connect, Interruptible, LegId, Order, Play};

/// What a telephone waits before it plays the first packet.
const CUSHION: Duration = Duration::from_millis(60);
/// Nobody hears a hole of this length as one.
const UNHEARD: Duration = Duration::from_millis(60);

/// Paths that each case is tried on.
fn seeds() -> std::ops::Range<u64> {
    0..if std::env::var_os("FIRSTRING_SOAK").is_some() { 100 } else { 6 }
}

fn says(ms: usize) -> Play {
    Play { id: ClipId(1), clip: voice(ms).into(), interruptible: Interruptible::No }
}

/// A packet as it set out, come to its end at `at`.
fn came(packet: &Heard, codec: Codec, at: Duration) -> Came {
    let stamp = packet.timestamp / (codec.clock_hz() / 8_000);
    Came { at, stamp, codec, payload: packet.payload.clone() }
}

/// What was sent, and what came of it through this path.
fn through(path: &mut Path, sent: &[Heard], codec: Codec) -> (Vec<i16>, Vec<i16>) {
    let whole: Vec<Came> = sent.iter().map(|packet| came(packet, codec, packet.at)).collect();
    let mut arrived: Vec<Came> =
        sent.iter().filter_map(|packet| Some(came(packet, codec, path.passes(packet.at)?))).collect();
    arrived.sort_by_key(|packet| packet.at);
    // Both begin with the same packet, or they would not lie beside each other.
    let first = arrived[0].stamp;
    let whole: Vec<Came> =
        whole.into_iter().filter(|packet| packet.stamp.wrapping_sub(first) as i32 >= 0).collect();
    (played(&whole, MS * 1_000), played(&arrived, CUSHION))
}

#[test]
fn what_we_say_has_no_hole_at_the_end_of_a_path_that_loses_five_percent() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
        let payload_type = codec.payload_type();
        let mut call =
            Call::answered(Connect { codec, payload_type, greeting: Some(says(20_000)), ..connect() });
        call.run_ms(20_500);
        for seed in seeds() {
            let mut path = Path::losing(0.05, seed);
            let (said, heard) = through(&mut path, &call.heard, codec);
            assert!((0.03..0.07).contains(&path.lost_ratio()), "{codec:?} {seed}: {}", path.lost_ratio());
            assert!(spoken(&said) > MS * 18_000, "{codec:?} {seed}: nothing was said");
            let hole = longest_hole(&heard, &said);
            assert!(hole <= UNHEARD, "{codec:?} {seed}: {hole:?}");
        }
    }
}

/// A caller at the end of a path and a person beside us, bridged.
struct Bridged {
    caller: Call,
    person: Call,
    codec: Codec,
}

impl Bridged {
    fn between(from: Codec, to: Codec) -> Self {
        let with = |codec: Codec| Connect { codec, payload_type: codec.payload_type(), ..connect() };
        let (mut caller, mut person) = (Call::new(), Call::new());
        person.leg = media::Leg::new(99);
        caller.order(Order::Connect(with(from))).order(Order::Acked);
        person.order(Order::Connect(with(to))).order(Order::Acked);
        caller.order(Order::Bridge { with: LegId(2) });
        person.order(Order::Bridge { with: LegId(1) });
        person.sends = true;
        Self { caller, person, codec: from }
    }

    /// The caller speaks through this path.
    fn hears(&mut self, speech: &[i16], path: &mut Path) {
        let mut encoder = media::codec::Encoder::new(self.codec);
        let began = self.person.now;
        let mut on_the_way = Vec::new();
        for (number, piece) in speech.chunks_exact(160).enumerate() {
            let mut payload = vec![0; 480];
            let length = encoder.encode(piece, &mut payload);
            payload.truncate(length);
            if let Some(at) = path.passes(began + MS * 20 * number as u32) {
                on_the_way.push((at, number, payload));
            }
        }
        on_the_way.sort_by_key(|(at, number, _)| (*at, *number));
        for (at, number, payload) in on_the_way {
            self.caller.run_until(at);
            self.person.run_until(at);
            let packet = Packet {
                marker: number == 0,
                payload_type: self.codec.payload_type(),
                sequence: 9_000 + number as u16,
                timestamp: 70_000 + number as u32 * self.codec.ticks(160),
                ssrc: 4_242,
                payload: &payload,
            };
            let mut wire = [0; 600];
            let length = packet.write(&mut wire).unwrap();
            if let Some(relay) = self.caller.leg.receive(&mut wire[..length], self.caller.from, at) {
                self.person.relays(&relay);
            }
        }
        let over = began + MS * (speech.len() as u32 / 8);
        self.caller.run_until(over);
        self.person.run_until(over);
    }
}

/// What the person's telephone plays, from the first word to the last.
fn heard_by_the_person(person: &Call, codec: Codec) -> Vec<i16> {
    let sound = person.heard.iter().filter(|packet| packet.payload_type == codec.payload_type());
    let came: Vec<Came> = sound.map(|packet| came(packet, codec, packet.at)).collect();
    let heard = played(&came, CUSHION);
    let loud = |piece: &[i16]| media::level::dbfs(piece) > -40.0;
    let first = heard.chunks(80).position(loud).unwrap() * 80;
    let last = heard.chunks(80).rposition(loud).unwrap() * 80;
    heard[first..last].to_vec()
}

#[test]
fn what_a_caller_says_over_such_a_path_has_no_hole_at_the_person_who_is_put_through() {
    // This voice never pauses, so that every silence is a hole.
    let speech = voice(20_000);
    for (from, to) in [
        (Codec::Pcmu, Codec::Pcmu),
        (Codec::Pcmu, Codec::Pcma),
        (Codec::G722, Codec::G722),
        (Codec::Pcma, Codec::G722),
        (Codec::G722, Codec::Pcmu),
        (Codec::Opus, Codec::Opus),
        (Codec::Opus, Codec::Pcmu),
        (Codec::Pcma, Codec::Opus),
    ] {
        for seed in seeds() {
            let mut call = Bridged::between(from, to);
            call.hears(&speech, &mut Path::losing(0.05, seed));
            let heard = heard_by_the_person(&call.person, to);
            assert!(heard.len() > 19_000 * 8, "{from:?} {to:?} {seed}: {} samples", heard.len());
            let hole = longest_hole(&heard, &speech);
            assert!(hole <= UNHEARD, "{from:?} {to:?} {seed}: {hole:?}");
            let level = media::level::dbfs(&heard) - media::level::dbfs(&speech);
            assert!(level.abs() < 1.5, "{from:?} {to:?} {seed}: {level} dB");
        }
    }
}

#[test]
fn a_dark_second_or_ten_end_nothing_and_sound_is_back_at_once() {
    let speech = voice(30_000);
    for (from, to) in [(Codec::Pcmu, Codec::Pcmu), (Codec::Opus, Codec::Pcmu), (Codec::Pcma, Codec::G722)] {
        for dark_ms in [1_000, 10_000] {
            let mut call = Bridged::between(from, to);
            let began = call.person.now;
            let (dark, light) = (began + MS * 5_000, began + MS * (5_000 + dark_ms));
            let mut path = Path { dark: Some((dark, light)), ..Path::losing(0.0, 1) };
            call.hears(&speech, &mut path);
            for leg in [&call.caller, &call.person] {
                let gone = leg.names().iter().any(|name| ["media timeout", "closed"].contains(name));
                assert!(!gone, "{from:?} {to:?} {dark_ms}: {:?}", leg.names());
            }
            let (mut decoder, mut back) = (media::codec::Decoder::default(), None);
            for packet in call.person.heard.iter().filter(|packet| packet.payload_type == to.payload_type()) {
                let mut samples = [0; 480];
                let length = decoder.decode(to, &packet.payload, &mut samples);
                if packet.at > light && media::level::is_audible(&samples[..length]) {
                    back.get_or_insert(packet.at - light);
                }
            }
            let back = back.unwrap();
            // The path itself takes up to 80 ms.
            assert!(back <= MS * 300, "{from:?} {to:?} {dark_ms}: after {back:?}");
        }
    }
}

#[test]
fn the_score_and_the_loss_of_a_leg_are_those_of_its_path() {
    for (loss, least, most) in
        [(0.0, 5, 5), (0.02, 40, 80), (0.05, 40, 80), (0.05, 140, 180), (0.1, 10, 50), (0.2, 100, 120)]
    {
        let (mut call, mut far) = (Call::answered(connect()), Call::new());
        let takes = (MS * least, MS * most);
        let [mut here, mut there] = [3, 4].map(|seed| Path { takes, ..Path::losing(loss, seed) });
        talk(&mut call, &mut far, &mut here, &mut there);
        let quality = call.leg.quality(call.now);
        let mean = f64::from(least + most) / 2.0;
        // A telephone waits until nearly everything has come, and collects a packet of 20 ms on each side.
        let mouth_to_ear = f64::from(most).max(mean) + 40.0;
        let truly = e_model::mos(mouth_to_ear, here.lost_ratio());
        assert!(
            (quality.mos - truly).abs() <= 0.2,
            "{loss} {least}-{most}: {} said, {truly} is",
            quality.mos
        );
        assert!(
            (quality.loss_ratio - here.lost_ratio()).abs() <= 0.005,
            "{loss}: {quality:?} {}",
            here.lost_ratio()
        );
        let trip = quality.round_trip_ms.unwrap();
        // Both ends are looked at every 5 ms here.
        assert!((trip - 2.0 * mean).abs() <= 12.0, "{loss} {least}-{most}: {trip}");
        let ours = quality.to_trunk_ms.unwrap();
        assert!((ours - trip / 2.0 - 20.0).abs() < 1.0, "our stretch: {ours}");
        let heard = quality.far_end.unwrap();
        assert!(
            (heard.loss_ratio - there.lost_ratio()).abs() <= 0.005,
            "{loss}: {heard:?} {}",
            there.lost_ratio()
        );
        let truly = e_model::mos(mouth_to_ear, there.lost_ratio());
        assert!((heard.mos - truly).abs() <= 0.2, "{loss} {least}-{most}: {} told, {truly} is", heard.mos);
    }
}

/// Two legs speak and report to each other for ten minutes: `here` is the way to us, `there` from us.
fn talk(us: &mut Call, far: &mut Call, here: &mut Path, there: &mut Path) {
    us.sends = false;
    far.leg = media::Leg::new(4_711);
    far.from = "192.0.2.1:5000".parse().unwrap();
    far.order(Order::Connect(Connect { remote: far.from, ..connect() })).order(Order::Acked);
    let mut on_the_way = Vec::new();
    let until = us.now + MS * 600_000;
    while us.now < until {
        let step = us.now + MS * 5;
        us.run_until(step);
        far.run_until(step);
        for (call, path, to_us) in [(&mut *us, &mut *there, false), (&mut *far, &mut *here, true)] {
            for packet in call.heard.drain(..) {
                let mut wire = vec![0; 600];
                let sound = Packet {
                    marker: packet.marker,
                    payload_type: packet.payload_type,
                    sequence: packet.sequence,
                    timestamp: packet.timestamp,
                    ssrc: packet.ssrc,
                    payload: &packet.payload,
                };
                let length = sound.write(&mut wire).unwrap();
                wire.truncate(length);
                on_the_way.extend(path.passes(packet.at).map(|at| (at, to_us, wire)));
            }
            // What is counted is sound: reports are never lost here, only late.
            let late = (path.takes.0 + path.takes.1) / 2;
            on_the_way.extend(call.reports.drain(..).map(|wire| (step + late, to_us, wire)));
        }
        on_the_way.sort_by_key(|(at, ..)| *at);
        let due = on_the_way.partition_point(|(at, ..)| *at <= step + MS * 5);
        for (at, to_us, mut wire) in on_the_way.drain(..due) {
            let call = if to_us { &mut *us } else { &mut *far };
            let is_report = media::rtp::is_rtcp(&wire);
            match is_report {
                true => call.leg.receive_report(&mut wire, call.from, at),
                false => drop(call.leg.receive(&mut wire, call.from, at)),
            }
        }
    }
}
