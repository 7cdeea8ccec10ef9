//! What lies between the caller's mouth and us.

use std::process::{Command, Stdio};

use speech::sound::speech_rms;

use crate::Scope;
use crate::caller::{Voice, samples};

/// One way for sound to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// G.711 and nothing else.
    Land,
    /// A mobile phone at its best, then G.711.
    Amr122,
    /// A mobile phone at a cell's edge, then G.711.
    Amr59,
    /// 2 % of the packets gone, as silent holes of 20 ms.
    Loss,
    /// In a car, 15 dB above its noise.
    Car15,
    /// In a car, 10 dB above its noise.
    Car10,
    /// Our own prompt comes back, 20 dB below the caller.
    Echo,
}

/// 300 ms before and 400 ms after the words, as the end-of-speech rule leaves them.
const BEFORE: usize = 2_400;
const AFTER: usize = 3_200;

impl Channel {
    pub const ALL: [Channel; 7] = [
        Channel::Land,
        Channel::Amr122,
        Channel::Amr59,
        Channel::Loss,
        Channel::Car15,
        Channel::Car10,
        Channel::Echo,
    ];

    pub fn all_available() -> Vec<Channel> {
        let amr = !through_amr(&[0; 1_600], 7).is_empty();
        if !amr {
            eprintln!("left out: AMR (needs sox with amr-nb)");
        }
        Channel::ALL
            .into_iter()
            .filter(|channel| amr || !matches!(channel, Channel::Amr122 | Channel::Amr59))
            .collect()
    }

    pub fn name(self) -> &'static str {
        match self {
            Channel::Land => "G.711",
            Channel::Amr122 => "AMR 12.2",
            Channel::Amr59 => "AMR 5.9",
            Channel::Loss => "2 % loss",
            Channel::Car15 => "car 15 dB",
            Channel::Car10 => "car 10 dB",
            Channel::Echo => "echo -20 dB",
        }
    }

    /// The talk that is no answer goes over two channels, in a short trial from all voices over one only.
    pub fn carries_off_topic(self, voice: Voice, scope: Scope) -> bool {
        let close = scope == Scope::Long || matches!(voice, Voice::Rms | Voice::Slt);
        self == Channel::Land || (self == Channel::Car10 && close)
    }

    /// Utterances as they arrive, one by one.
    pub fn carry(self, utterances: &[Vec<i16>], prompt: &[i16]) -> Vec<Vec<i16>> {
        let mut noise = Noise(0x5EED + self as u64);
        let mut padded: Vec<Vec<f64>> = utterances.iter().map(|words| pad(words)).collect();
        for sound in &mut padded {
            match self {
                Channel::Land | Channel::Amr122 | Channel::Amr59 | Channel::Loss => {}
                Channel::Car15 => add_car(sound, 15.0, &mut noise),
                Channel::Car10 => add_car(sound, 10.0, &mut noise),
                Channel::Echo => add(sound, &prompt.iter().map(|&s| f64::from(s)).collect::<Vec<_>>(), 20.0),
            }
        }
        let plain: Vec<Vec<i16>> =
            padded.iter().map(|sound| sound.iter().map(|&s| speech::sound::to_sample(s)).collect()).collect();
        let mut carried = match self {
            Channel::Amr122 => all_through_amr(&plain, 7),
            Channel::Amr59 => all_through_amr(&plain, 2),
            Channel::Land | Channel::Loss | Channel::Car15 | Channel::Car10 | Channel::Echo => plain,
        };
        for sound in &mut carried {
            sound.iter_mut().for_each(|s| *s = through_mu_law(*s));
            if self == Channel::Loss {
                lose_packets(sound, &mut noise);
            }
        }
        carried
    }
}

fn pad(words: &[i16]) -> Vec<f64> {
    let mut sound = vec![0.0; BEFORE];
    sound.extend(words.iter().map(|&s| f64::from(s)));
    sound.extend([0.0; AFTER]);
    sound
}

/// Adds another sound, so many dB below the speech.
fn add(sound: &mut [f64], other: &[f64], below_db: f64) {
    let (Some(speech), Some(loud)) = (speech_rms(sound), speech_rms(other)) else { return };
    let gain = speech / loud * 10.0_f64.powf(-below_db / 20.0);
    for (s, o) in sound.iter_mut().zip(other.iter().cycle()) {
        *s += o * gain;
    }
}

/// Engine and tyres: noise falling 6 dB per octave above 150 Hz, some hiss of the wind on top.
fn add_car(sound: &mut [f64], snr_db: f64, noise: &mut Noise) {
    let mut low = 0.0;
    let car: Vec<f64> = (0..sound.len())
        .map(|_| {
            let white = noise.next();
            low += 0.11 * (white - low);
            1_000.0 * (low + 0.05 * white)
        })
        .collect();
    add(sound, &car, snr_db);
}

fn lose_packets(sound: &mut [i16], noise: &mut Noise) {
    for packet in sound.chunks_mut(160) {
        if noise.next().abs() < 0.02 {
            packet.fill(0);
        }
    }
}

/// All utterances in one file: one encoder run instead of many.
fn all_through_amr(utterances: &[Vec<i16>], mode: u8) -> Vec<Vec<i16>> {
    let joined: Vec<i16> = utterances.concat();
    let decoded = through_amr(&joined, mode);
    let mut at = 0;
    utterances
        .iter()
        .map(|sound| {
            let end = (at + sound.len()).min(decoded.len());
            let piece = decoded[at.min(end)..end].to_vec();
            at += sound.len();
            piece
        })
        .collect()
}

/// AMR-NB and back, by sox. Mode 7 is 12.2 kbit/s, 2 is 5.9.
fn through_amr(sound: &[i16], mode: u8) -> Vec<i16> {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (raw, amr) = (place.path().join("in.raw"), place.path().join("out.amr-nb"));
    let bytes: Vec<u8> = sound.iter().flat_map(|s| s.to_le_bytes()).collect();
    std::fs::write(&raw, bytes).expect("the temporary directory can be written");
    let kind = ["-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1"];
    let encoded = Command::new("sox")
        .args(kind)
        .arg(&raw)
        .args(["-C", &mode.to_string()])
        .arg(&amr)
        .stderr(Stdio::null())
        .status();
    if !encoded.is_ok_and(|status| status.success()) {
        return Vec::new();
    }
    let decoded = Command::new("sox").arg(&amr).args(kind).arg("-").stderr(Stdio::null()).output();
    decoded.map(|o| samples(&o.stdout)).unwrap_or_default()
}

/// One sample to mu-law and back (ITU-T G.711).
fn through_mu_law(sample: i16) -> i16 {
    const BIAS: i32 = 0x84;
    let magnitude = i32::from(sample).abs().min(32_635) + BIAS;
    let exponent = magnitude.ilog2().saturating_sub(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    let decoded = (((mantissa << 3) + BIAS) << exponent) - BIAS;
    if sample < 0 { -decoded as i16 } else { decoded as i16 }
}

/// Repeatable white noise in -1..1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as f64 / (1_u64 << 30) as f64) - 1.0
    }
}
