//! The media threads as they ship, in a process of their own: one thread, so many legs of one kind.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use media::{BargeIn, ClipId, Event, Interruptible, LegId, Listen, Order, OursFrom, Play};

use crate::counted::in_use_kib;
use crate::kinds::{Kind, What};
use crate::media_thread::{Config, MediaThreads, RingTap};
use crate::process::{ports, tell, told};

pub const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// A prompt of ten seconds, over and over.
const PROMPT: usize = 80_000;
const TIMES: u64 = 6;

/// Opens a leg for each port it is told, plays, and closes them when it is told to; then the same again with other ports.
pub fn work(kind: Kind) {
    let (over, closed) = channel();
    let config = Config { threads: 1, rtp_ports: 20_000..=32_767, marked: true, origin: Instant::now() };
    let threads = MediaThreads::start(config, move |_: LegId, event: Event| {
        if matches!(event, Event::Closed { .. }) {
            over.send(()).unwrap();
        }
    })
    .unwrap();
    let prompt: Arc<[i16]> = voice(PROMPT).into();
    tell(&format!("ready {}", in_use_kib()));
    let mut first = 0;
    loop {
        let phones = ports(&told());
        if phones.is_empty() {
            return;
        }
        round(&threads, kind, first, &phones, &prompt);
        for leg in first..first + phones.len() as u64 {
            threads.order(LegId(leg), Order::Close).unwrap();
            closed.recv().unwrap();
        }
        tell(&format!("closed {}", in_use_kib()));
        first += phones.len() as u64;
    }
}

/// Legs toward these phones, from this number on, until it is told to close them.
fn round(threads: &MediaThreads, kind: Kind, first: u64, phones: &[u16], prompt: &Arc<[i16]>) {
    let mut desk = Vec::new();
    let mut taps = Vec::new();
    for (leg, phone) in phones.iter().enumerate() {
        let id = LegId(first + leg as u64);
        let beside = (kind.what == What::Bridges && leg % 2 == 1).then(|| LegId(id.0 - 1));
        desk.push(threads.open(id, HOME, beside).unwrap().port().to_string());
        threads.order(id, Order::Connect(kind.connect(leg, *phone))).unwrap();
        taps.extend(begin(threads, kind, id, beside, prompt));
    }
    tell(&desk.join(" "));
    let stop = Arc::new(AtomicBool::new(false));
    let recogniser = std::thread::spawn(drained(taps, Arc::clone(&stop)));
    assert_eq!(told(), "close");
    stop.store(true, Relaxed);
    recogniser.join().unwrap();
}

fn begin(
    threads: &MediaThreads,
    kind: Kind,
    id: LegId,
    beside: Option<LegId>,
    prompt: &Arc<[i16]>,
) -> Option<rtrb::Consumer<i16>> {
    if kind.what == What::Bridges {
        if let Some(with) = beside {
            threads.order(id, Order::Bridge { with }).unwrap();
        }
        return None;
    }
    for turn in 0..TIMES {
        // Not to be interrupted, so that it plays throughout although the phone speaks.
        let play = Play { id: ClipId(turn), clip: prompt.clone(), interruptible: Interruptible::No };
        threads.order(id, Order::Play(play)).unwrap();
    }
    (kind.what == What::Listens).then(|| {
        let (tap, heard) = RingTap::with_room(8_000);
        let listen = Listen {
            hang: Duration::from_millis(700),
            max: Duration::from_secs(15),
            tap: Some(tap),
            barge_in: BargeIn::DuckThenStop,
            ours_from: OursFrom::LastWord,
        };
        threads.order(id, Order::Listen(listen)).unwrap();
        heard
    })
}

/// Takes what was heard, as a recogniser would.
fn drained(mut taps: Vec<rtrb::Consumer<i16>>, stop: Arc<AtomicBool>) -> impl FnOnce() {
    move || {
        let mut sound = [0; 8_000];
        while !stop.load(Relaxed) {
            for tap in &mut taps {
                let _ = tap.pop_partial_slice(&mut sound);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Sound with the harmonics and the level of a voice.
pub fn voice(samples: usize) -> Vec<i16> {
    let tau = std::f64::consts::TAU;
    let wave = |at: usize| {
        let time = at as f64 / 8_000.0;
        let harmonics = (1..=20).map(|number| {
            let near = |formant: f64| 1.0 / (1.0 + ((130.0 * f64::from(number) - formant) / 100.0).powi(2));
            (tau * 130.0 * f64::from(number) * time).sin() * (near(600.0) + 0.5 * near(1_600.0) + 0.02)
        });
        (harmonics.sum::<f64>() * (0.65 + 0.35 * (tau * 4.0 * time).sin()) * 4_000.0) as i16
    };
    (0..samples).map(wave).collect()
}
