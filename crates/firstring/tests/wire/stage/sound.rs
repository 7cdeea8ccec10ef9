//! Sound of phones that are not ours: read, sent, received and compared.

use std::net::UdpSocket;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media::Law;
use media::tones::{Player, Tone};
use speech::local::{LocalSpeaker, WorkerCommand};
use speech::{Line, Speak as _};

/// Samples a second.
pub const RATE: usize = 8_000;
/// Samples of a packet of 20 ms.
const PACKET: usize = 160;
/// As alike as what is heard is to what was played.
const ALIKE: f64 = 0.8;

/// A text in a voice, rendered by the program's own worker.
pub fn rendered(voice: &str, text: &str) -> Vec<i16> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let worker = WorkerCommand { program: super::FIRSTRING.into(), args: vec!["worker".into()] };
        let speaker = LocalSpeaker::start(worker);
        speaker.render(&Line::new(voice, text)).await.unwrap().samples().to_vec()
    })
}

/// Samples at 8 kHz of a WAV file of 8, 16 or 48 kHz, 16 bit, one channel or two.
pub fn read_wave(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
    let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let long = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((&bytes[..4], &bytes[8..12]), (&b"RIFF"[..], &b"WAVE"[..]), "{}", path.display());
    let (mut at, mut rate, mut channels) = (12, RATE, 1);
    while &bytes[at..at + 4] != b"data" {
        if &bytes[at..at + 4] == b"fmt " {
            rate = long(at + 12);
            channels = usize::from(word(at + 10));
            let is_known = [RATE, 2 * RATE, 6 * RATE].contains(&rate) && [1, 2].contains(&channels);
            assert!(is_known && word(at + 22) == 16, "{}", path.display());
        }
        at += 8 + long(at + 4);
    }
    // A recorder that was stopped has not always written the length.
    let sound = &bytes[at + 8..];
    let length = long(at + 4);
    let sound = if length == 0 { sound } else { &sound[..length.min(sound.len())] };
    let samples: Vec<i16> =
        sound.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let one: Vec<i16> = samples.chunks_exact(channels).map(mean).collect();
    at_8k(&one, rate)
}

/// The same sound at 8 kHz, from 8, 16 or 48 kHz.
pub fn at_8k(samples: &[i16], rate_hz: usize) -> Vec<i16> {
    match rate_hz {
        RATE => samples.to_vec(),
        // Coarse, and good enough to tell words by.
        _ if rate_hz == 6 * RATE => samples.chunks_exact(6).map(mean).collect(),
        _ => media::resample::clip_to_8k(samples),
    }
}

fn mean(of: &[i16]) -> i16 {
    (of.iter().map(|sample| i32::from(*sample)).sum::<i32>() / of.len().max(1) as i32) as i16
}

/// Writes such a file of 8 kHz and one channel.
pub fn write_wave(path: &Path, samples: &[i16]) {
    write_channels(path, 1, samples);
}

/// The same with two channels that are alike: what baresip wants to have for Opus.
pub fn write_wave_twice(path: &Path, samples: &[i16]) {
    let both: Vec<i16> = samples.iter().flat_map(|sample| [*sample; 2]).collect();
    write_channels(path, 2, &both);
}

fn write_channels(path: &Path, channels: u16, samples: &[i16]) {
    let length = samples.len() as u32 * 2;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(8_000_u32.to_le_bytes());
    bytes.extend((16_000 * u32::from(channels)).to_le_bytes());
    bytes.extend((2 * channels).to_le_bytes());
    bytes.extend(b"\x10\0data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, bytes).unwrap();
}

/// The best normalised cross-correlation of `wanted` within `heard` (1 is identical), and the sample it begins at.
pub fn correlation(heard: &[i16], wanted: &[i16]) -> (f64, usize) {
    let float = |samples: &[i16]| -> Vec<f32> { samples.iter().map(|s| f32::from(*s)).collect() };
    let power_until = power_until(heard);
    let wanted_power = self::power_until(wanted)[wanted.len()] as f64;
    let (heard, wanted) = (float(heard), float(wanted));
    let mut best = (0.0, 0);
    for (at, window) in heard.windows(wanted.len()).enumerate() {
        let power = (power_until[at + wanted.len()] - power_until[at]) as f64;
        let both = (power * wanted_power).sqrt();
        let alike = if both > 0.0 { f64::from(product(window, &wanted)) / both } else { 0.0 };
        if alike > best.0 {
            best = (alike, at);
        }
    }
    best
}

/// The power of everything before each sample, and of all.
fn power_until(samples: &[i16]) -> Vec<u64> {
    let mut sum = 0;
    let powers = samples.iter().map(|sample| u64::from(sample.unsigned_abs()).pow(2));
    std::iter::once(0)
        .chain(powers.map(|power| {
            sum += power;
            sum
        }))
        .collect()
}

/// Of two that are equally long, in sums beside each other: one alone would wait for itself.
fn product(one: &[f32], other: &[f32]) -> f32 {
    let (one, one_rest) = one.as_chunks::<16>();
    let (other, other_rest) = other.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for (one, other) in one.iter().zip(other) {
        sums = std::array::from_fn(|at| sums[at] + one[at] * other[at]);
    }
    let rest = one_rest.iter().zip(other_rest).map(|(one, other)| one * other);
    sums.into_iter().chain(rest).sum()
}

/// Whether this was heard, as it was played.
pub fn hears(heard: &[i16], wanted: &[i16]) -> bool {
    heard.len() > wanted.len() && correlation(heard, wanted).0 >= ALIKE
}

/// What was heard last, two beeps at least: the search is not cheap, and a call is long.
pub fn latest(heard: &[i16]) -> &[i16] {
    &heard[heard.len().saturating_sub(RATE * 6)..]
}

/// Without the quiet before and after.
pub fn trimmed(samples: &[i16]) -> &[i16] {
    let loud = |sample: &i16| sample.unsigned_abs() > 300;
    let first = samples.iter().position(loud).unwrap_or(0);
    let last = samples.iter().rposition(loud).map_or(0, |last| last + 1);
    &samples[first..last.max(first)]
}

/// Loudness of one frequency, as a share of everything that sounds (Goertzel).
pub fn share_of(samples: &[i16], frequency_hz: f64) -> f64 {
    let step = 2.0 * std::f64::consts::PI * frequency_hz / RATE as f64;
    let (mut real, mut imaginary, mut all) = (0.0, 0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let (sample, angle) = (f64::from(*sample), step * n as f64);
        real += sample * angle.cos();
        imaginary += sample * angle.sin();
        all += sample * sample;
    }
    if all == 0.0 { 0.0 } else { 2.0 * (real * real + imaginary * imaginary) / (all * samples.len() as f64) }
}

/// A tone, for so long.
pub fn tone(frequency_hz: f64, length: Duration) -> Vec<i16> {
    let step = 2.0 * std::f64::consts::PI * frequency_hz / RATE as f64;
    (0..(length.as_secs_f64() * RATE as f64) as usize)
        .map(|n| (8_000.0 * (step * n as f64).sin()) as i16)
        .collect()
}

/// A tone for a second, then quiet for two, for as long as anybody listens.
pub fn beeps(frequency_hz: f64) -> Vec<i16> {
    let mut once = tone(frequency_hz, Duration::from_secs(1));
    once.resize(RATE * 3, 0);
    once.repeat(60)
}

/// What is sure to be heard of such a tone without anything else.
pub fn beep(frequency_hz: f64) -> Vec<i16> {
    tone(frequency_hz, Duration::from_millis(300))
}

/// How the desk's music begins.
pub fn music() -> Vec<i16> {
    let mut samples = vec![0; RATE];
    Player::new(Tone::Music).fill(&mut samples);
    samples
}

/// As µ-law, the way it travels.
pub fn mu_law(samples: &[i16]) -> Vec<u8> {
    let mut bytes = vec![0; samples.len()];
    Law::Pcmu.encode(samples, &mut bytes);
    bytes
}

/// Packets that were heard, each with its law.
type Packets = Mutex<Vec<(Law, Vec<i16>)>>;

/// The sound of a phone whose signalling somebody else does: sends a tone once it hears anything, and keeps what it hears.
/// It speaks the law that it is spoken to in; in A-law the tone is half as high again, so that who listens can tell.
pub struct Handset {
    pub port: u16,
    stop: Arc<AtomicBool>,
    heard: Arc<Packets>,
    thread: Option<JoinHandle<()>>,
}

impl Handset {
    /// Listens from now on.
    pub fn with_tone(frequency_hz: f64) -> Handset {
        Handset::saying(frequency_hz, Duration::ZERO)
    }

    /// The same with a tone for a second and then two seconds of quiet: who waits for that may speak.
    pub fn with_beeps(frequency_hz: f64) -> Handset {
        Handset::saying(frequency_hz, Duration::from_secs(2))
    }

    fn saying(frequency_hz: f64, rest: Duration) -> Handset {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let port = socket.local_addr().unwrap().port();
        let (stop, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (told, kept) = (Arc::clone(&stop), Arc::clone(&heard));
        let thread = std::thread::spawn(move || converse(&socket, (frequency_hz, rest), &told, &kept));
        Handset { port, stop, heard, thread: Some(thread) }
    }

    /// Everything heard so far.
    pub fn heard(&self) -> Vec<i16> {
        self.heard.lock().unwrap().iter().flat_map(|(_, samples)| samples.clone()).collect()
    }

    /// What was heard so far in this law.
    pub fn heard_in(&self, law: Law) -> Vec<i16> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|(of, _)| *of == law).flat_map(|(_, samples)| samples.clone()).collect()
    }

    /// What was heard so far since the last packet in this law.
    pub fn heard_after(&self, law: Law) -> Vec<i16> {
        let heard = self.heard.lock().unwrap();
        let first = heard.iter().rposition(|(of, _)| *of == law).map_or(0, |last| last + 1);
        heard[first..].iter().flat_map(|(_, samples)| samples.clone()).collect()
    }
}

impl Drop for Handset {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn converse(socket: &UdpSocket, (frequency_hz, rest): (f64, Duration), stop: &AtomicBool, heard: &Packets) {
    let said = |law: Law, frequency_hz: f64| {
        let mut samples = tone(frequency_hz, Duration::from_secs(1));
        samples.resize(samples.len() + RATE * rest.as_secs() as usize, 0);
        let mut bytes = vec![0; samples.len()];
        law.encode(&samples, &mut bytes);
        bytes
    };
    let (mu_law, a_law) = (said(Law::Pcmu, frequency_hz), said(Law::Pcma, frequency_hz * 1.5));
    let mut peer = None;
    let mut next = Instant::now();
    let mut sequence = 0_u16;
    let mut buffer = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        if let Ok((length, from)) = socket.recv_from(&mut buffer)
            && let Some(law) = law_of(&buffer[..length])
        {
            if peer.is_none() {
                next = Instant::now();
            }
            peer = Some((from, law));
            let mut samples = vec![0; length - 12];
            law.decode(&buffer[12..length], &mut samples);
            heard.lock().unwrap().push((law, samples));
        }
        while let Some((peer, law)) = peer.filter(|_| Instant::now() >= next) {
            let (sound, payload_type) = if law == Law::Pcma { (&a_law, 8) } else { (&mu_law, 0) };
            let at = usize::from(sequence) * PACKET;
            let piece = &sound[at % sound.len()..at % sound.len() + PACKET];
            let mut packet = rtp(sequence, at as u32, piece);
            packet[1] = payload_type;
            let _ = socket.send_to(&packet, peer);
            sequence = sequence.wrapping_add(1);
            next += Duration::from_millis(20);
        }
    }
}

/// The law of a datagram that is RTP of PCMU or PCMA. Source: RFC 3551 table 4.
fn law_of(datagram: &[u8]) -> Option<Law> {
    match datagram.get(1)? & 0x7f {
        0 if is_rtp(datagram) => Some(Law::Pcmu),
        8 if is_rtp(datagram) => Some(Law::Pcma),
        _ => None,
    }
}

/// A packet of PCMU. Source: RFC 3550 section 5.1, RFC 3551 table 4.
pub fn rtp(sequence: u16, timestamp: u32, sound: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(0x5eed_0001_u32.to_be_bytes());
    packet.extend(sound);
    packet
}

/// Whether a datagram is RTP of PCMU.
pub fn is_sound(datagram: &[u8]) -> bool {
    law_of(datagram) == Some(Law::Pcmu)
}

fn is_rtp(datagram: &[u8]) -> bool {
    datagram.len() > 12 && datagram[0] >> 6 == 2
}

/// Sound like a voice that never pauses: harmonics of a gliding pitch, a little louder and softer by turns.
pub fn never_pausing(length: Duration) -> Vec<i16> {
    let tau = 2.0 * std::f64::consts::PI;
    let mut phase = 0.0_f64;
    let wave = |at: usize| {
        let time = at as f64 / RATE as f64;
        phase += tau * (120.0 + 20.0 * (tau * 1.3 * time).sin()) / RATE as f64;
        let harmonics: f64 =
            (1..=20).map(|number| (phase * f64::from(number)).sin() / f64::from(number)).sum();
        (harmonics * (0.65 + 0.35 * (tau * 4.0 * time).sin()) * 5_000.0) as i16
    };
    (0..(length.as_secs_f64() * RATE as f64) as usize).map(wave).collect()
}
