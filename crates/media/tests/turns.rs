//! Whose turn it is: what the recogniser gets of a caller, and what becomes of our words when they speak, in virtual time.

mod imagined;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use imagined::{Call, MS, clip, connect, greeted, listen, play, voice};
use media::{
    BargeIn, ClipId, Connect, Digit, Event, Interruptible, Law, Listen, Order, Play, SpeechEnd, Tap,
};

/// The recogniser's end, with room for so many samples.
struct Stream {
    to: Sender<Vec<i16>>,
    room: usize,
}

impl Stream {
    fn with_room(room: usize) -> (Option<Box<dyn Tap>>, Receiver<Vec<i16>>) {
        let (to, stream) = channel();
        (Some(Box::new(Self { to, room })), stream)
    }
}

impl Tap for Stream {
    fn write(&mut self, samples: &[i16]) -> bool {
        let fits = samples.len() <= self.room;
        if fits {
            self.room -= samples.len();
            self.to.send(samples.to_vec()).unwrap_or_default();
        }
        fits
    }
}

#[test]
fn an_answer_is_given_to_the_recogniser_with_its_beginning_and_end() {
    let mut call = Call::answered(greeted());
    let (tap, stream) = Stream::with_room(usize::MAX);
    call.run_ms(1_500);
    call.order(Order::Listen(Listen { tap, ..listen(400) })).run_ms(1_000);
    let began = call.now;
    call.says(voice(800)).run_ms(3_000);
    let times = call.events.iter().fold((None, None), |times, event| match event {
        Event::SpeechStarted { position, at } => (Some((*position, *at)), times.1),
        Event::SpeechEnded { position, at, voiced, why } if times.1.is_none() => {
            assert_eq!(*why, SpeechEnd::Quiet);
            assert!(*voiced > MS * 500, "{voiced:?}");
            (times.0, Some((*position, *at)))
        }
        _ => times,
    });
    let ((first, started), (last, ended)) = (times.0.unwrap(), times.1.unwrap());
    assert!(started.abs_diff(began) < MS * 120, "{started:?} {began:?}");
    assert!(ended.abs_diff(began + MS * 820) < MS * 60, "{ended:?}");
    let stream: Vec<i16> = stream.try_iter().flatten().collect();
    let loud = |from: u64, to: u64| media::level::dbfs(&stream[from as usize..to as usize]);
    assert!(
        loud(first, last) > -25.0 && loud(0, first - 1_000) < -60.0 && loud(last + 400, last + 2_000) < -60.0
    );
}

#[test]
fn talking_over_us_ducks_then_stops() {
    let mut call = Call::answered(Connect { greeting: Some(play(1, 10_000)), ..connect() });
    call.run_ms(1_000).order(Order::Listen(listen(500))).run_ms(500);
    let began = call.now;
    call.says(voice(1_500)).run_ms(1_500);
    let level = |packet: &imagined::Heard| Law::Pcmu.decode_sample(packet.payload[80]).unsigned_abs();
    let ducked =
        call.heard.iter().find(|packet| packet.at > began && level(packet) < 2_000).unwrap().at - began;
    let stopped =
        call.heard.iter().find(|packet| packet.at > began && !packet.is_audible()).unwrap().at - began;
    assert!(ducked < MS * 180 && stopped < MS * 400 && ducked < stopped, "{ducked:?} {stopped:?}");
    let barged = call.events.iter().find_map(|event| match event {
        Event::BargedIn { id, samples, .. } => Some((*id, *samples)),
        _ => None,
    });
    let (id, samples) = barged.unwrap();
    assert_eq!(id, ClipId(1));
    let played = call.events.iter().find_map(|event| match event {
        Event::Played { id: ClipId(1), complete, samples, .. } => Some((*complete, *samples)),
        _ => None,
    });
    let (complete, in_all) = played.unwrap();
    assert!(!complete && in_all >= samples && in_all - samples <= 40);
}

#[test]
fn a_cough_only_ducks() {
    let mut call = Call::answered(Connect { greeting: Some(play(1, 10_000)), ..connect() });
    call.run_ms(1_000).order(Order::Listen(listen(500))).run_ms(500);
    call.says(voice(130)).run_ms(1_500);
    assert!(!call.names().contains(&"barged in"), "{:?}", call.names());
    assert!(call.heard.last().unwrap().is_audible());
    let level = Law::Pcmu.decode_sample(call.heard.last().unwrap().payload[80]).unsigned_abs();
    assert!(level > 5_000, "and is loud again: {level}");
}

#[test]
fn a_disclosure_is_heard_to_its_end_but_a_digit_still_counts() {
    let disclosure = Play { id: ClipId(1), clip: clip(3_000), interruptible: Interruptible::No };
    let mut call = Call::answered(Connect { greeting: Some(disclosure), ..connect() });
    call.run_ms(500).order(Order::Listen(listen(500))).says(voice(1_500)).run_ms(1_000);
    call.packet(101, &[0, 0, 0, 160]);
    call.run_ms(3_000);
    assert!(call.names().contains(&"digit") && !call.names().contains(&"barged in"));
    assert!(call.names().contains(&"speech started") && call.names().contains(&"speech ended"));
    assert!(
        call.events.iter().any(|event| matches!(event, Event::Played { id: ClipId(1), complete: true, .. }))
    );
}

#[test]
fn who_speaks_on_beyond_a_disclosure_is_not_talked_over_with_the_question() {
    let disclosure = Play { id: ClipId(1), clip: clip(1_500), interruptible: Interruptible::No };
    let mut call = Call::answered(Connect { greeting: Some(disclosure), ..connect() });
    call.order(Order::Play(play(2, 3_000))).run_ms(700).order(Order::Listen(listen(500)));
    call.says(voice(2_500)).run_ms(4_000);
    let ended = |wanted: u64| {
        call.events.iter().find_map(|event| match event {
            Event::Played { id, complete, .. } if id.0 == wanted => Some(*complete),
            _ => None,
        })
    };
    assert_eq!((ended(1), ended(2)), (Some(true), Some(false)));
    assert!(call.names().contains(&"barged in"));
}

#[test]
fn what_plays_on_over_an_answer_is_no_gap() {
    let disclosure = Play { id: ClipId(1), clip: clip(4_000), interruptible: Interruptible::No };
    let mut call = Call::answered(Connect { greeting: Some(disclosure), ..connect() });
    call.run_ms(500).order(Order::Listen(listen(500))).says(voice(800)).run_ms(2_500);
    assert!(call.names().contains(&"speech ended"));
    let gaps = call.events.iter().filter(|event| matches!(event, Event::Spoke { gap: Some(_), .. }));
    assert_eq!(gaps.count(), 0);
}

#[test]
fn a_key_stops_a_prompt_at_once() {
    let mut call = Call::answered(Connect { greeting: Some(play(1, 10_000)), ..connect() });
    call.run_ms(1_000).order(Order::Listen(listen(500))).run_ms(500);
    let pressed = call.now;
    call.packet(101, &[11, 0, 0, 160]);
    call.run_ms(200);
    assert!(call.events.contains(&Event::Digit { digit: Digit::from_char('#').unwrap(), at: pressed }));
    let loud =
        call.heard.iter().filter(|packet| packet.at > pressed + MS * 20 && packet.is_audible()).count();
    assert_eq!(loud, 0);
}

#[test]
fn a_sender_that_falls_silent_altogether_has_ended_its_turn() {
    let mut call = Call::answered(connect());
    call.run_ms(500).order(Order::Listen(listen(400))).says(voice(1_000)).run_ms(1_000).sends = false;
    let stopped = call.now;
    call.run_ms(1_000);
    let ended = call.events.iter().find_map(|event| match event {
        Event::SpeechEnded { at, .. } => Some(*at),
        _ => None,
    });
    assert!(ended.unwrap().abs_diff(stopped) < MS * 80, "{ended:?} {stopped:?}");
}

#[test]
fn five_percent_loss_and_reordering_do_not_break_a_turn() {
    let mut call = Call::answered(connect());
    call.run_ms(500).order(Order::Listen(listen(500)));
    call.sends = false;
    let speech = voice(2_000);
    let packets: Vec<&[i16]> = speech.chunks(160).collect();
    for (index, samples) in packets.iter().enumerate() {
        let mut payload = [0; 160];
        Law::Pcmu.encode(samples, &mut payload);
        let (sequence, timestamp) = (call.sequence, call.timestamp);
        match index % 20 {
            7 => (call.sequence, call.timestamp) = (sequence + 1, timestamp + 160),
            12 | 13 => {
                // these two come the other way round
                let swap = if index % 20 == 12 { 1 } else { u16::MAX };
                call.sequence = sequence.wrapping_add(swap);
                call.timestamp = timestamp.wrapping_add(if swap == 1 { 160 } else { 160u32.wrapping_neg() });
                call.packet(0, &payload);
                (call.sequence, call.timestamp) = (sequence + 1, timestamp + 160);
            }
            _ => call.packet(0, &payload),
        }
        call.run_ms(20);
    }
    call.sends = true;
    call.run_ms(1_500);
    let turns = call.names().iter().filter(|name| **name == "speech ended").count();
    assert_eq!(turns, 1, "{:?}", call.names());
}

#[test]
fn the_gap_is_measured_as_the_caller_measures_it() {
    let mut call = Call::answered(greeted());
    call.run_ms(1_500).order(Order::Listen(listen(400))).run_ms(500);
    let spoke_until = call.now + MS * 1_000;
    call.says(voice(1_000));
    while !call.names().contains(&"speech ended") {
        call.run_ms(10);
    }
    call.run_ms(30).order(Order::Play(play(2, 500))).run_ms(600);
    let own = call.events.iter().find_map(|event| match event {
        Event::Spoke { id: ClipId(2), gap, .. } => *gap,
        _ => None,
    });
    let callers = call.first_audible(spoke_until).unwrap() - spoke_until;
    assert!(own.unwrap().abs_diff(callers) < MS * 40, "the leg says {own:?}, the caller {callers:?}");
}

#[test]
fn barge_in_never_means_never() {
    let mut call = Call::answered(Connect { greeting: Some(play(1, 3_000)), ..connect() });
    let never = Listen { barge_in: BargeIn::Never, ..listen(500) };
    call.run_ms(500).order(Order::Listen(never)).says(voice(1_500)).run_ms(4_000);
    assert!(!call.names().contains(&"speech started"), "{:?}", call.names());
    assert!(call.events.iter().any(|event| matches!(event, Event::Played { complete: true, .. })));
}

#[test]
fn a_stall_on_the_way_puts_no_silence_into_what_the_recogniser_gets() {
    let mut call = Call::answered(connect());
    let (tap, stream) = Stream::with_room(usize::MAX);
    call.order(Order::Listen(Listen { tap, ..listen(700) })).run_ms(1_000).says(voice(2_000)).run_ms(600);
    call.stalls_ms(400).run_ms(3_000);
    let sent = 5_000 * 8;
    let heard = stream.try_iter().flatten().count();
    assert!((sent - 320..=sent + 320).contains(&heard), "{heard} samples of {sent}");
    let turns = call.names().iter().filter(|name| **name == "speech ended").count();
    assert_eq!(turns, 1, "and the turn is one");
}

#[test]
fn a_sender_that_keeps_quiet_sends_the_recogniser_its_pause_with_its_next_word() {
    let mut call = Call::answered(connect());
    let (tap, stream) = Stream::with_room(usize::MAX);
    call.order(Order::Listen(Listen { tap, ..listen(500) })).run_ms(1_000).says(voice(600)).run_ms(600);
    call.sends = false;
    call.run_ms(800);
    assert!(call.names().contains(&"speech ended"), "the turn ends by the clock");
    call.skips_ms(800).says(voice(600));
    call.sends = true;
    call.run_ms(2_000);
    let heard = stream.try_iter().flatten().count();
    assert!((4_400 * 8 - 320..=4_400 * 8 + 320).contains(&heard), "{heard} samples");
}

#[test]
fn a_full_recogniser_queue_loses_sound_but_never_stops_the_call() {
    let mut call = Call::answered(connect());
    let (tap, stream) = Stream::with_room(4_000);
    call.order(Order::Listen(Listen { tap, ..listen(500) })).run_ms(1_000).says(voice(1_000)).run_ms(2_000);
    assert_eq!(stream.try_iter().flatten().count(), 4_000);
    assert!(call.leg.quality(call.now).tap_dropped > 10_000);
    assert!(call.names().contains(&"speech ended"), "turns are still told apart");
    assert!(call.heard.len() as u128 >= Duration::from_millis(2_900).as_millis() / 20);
}
