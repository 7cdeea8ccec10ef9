//! One call's sound, from the first packet to the goodbye, in virtual time.

mod imagined;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use imagined::{Call, Heard, MS, caller, clip, connect, filler, listen, play, voice};
use media::rtcp::{self, Part};
use media::{
    AddressRange, BargeIn, ClipId, Codec, Connect, Digit, Direction, Event, Interruptible, Law, LegId,
    Listen, Order, Play, Recorded, Recorder, Recording, SpeechEnd, Tap, Tone, Track,
};

fn greeted() -> Connect {
    Connect { greeting: Some(play(1, 1_000)), filler: Some(filler(600)), ..connect() }
}

// ---- the first second ----

#[test]
fn silence_goes_out_at_once_and_the_greeting_a_tenth_of_a_second_after_the_first_packet() {
    let mut call = Call::new();
    let answered = call.now;
    call.order(Order::Connect(greeted()));
    assert_eq!(call.heard.len(), 1, "the path is opened before anything has come");
    assert!(call.heard[0].marker && !call.heard[0].is_audible());
    call.run_ms(30).sends = true;
    call.run_ms(500);
    let greeting = call.first_audible(answered).unwrap() - answered;
    assert!((MS * 130..=MS * 150).contains(&greeting), "{greeting:?}");
}

#[test]
fn a_caller_whose_sound_never_comes_is_greeted_a_quarter_second_after_the_ack() {
    let mut call = Call::new();
    let answered = call.now;
    call.order(Order::Connect(greeted())).run_ms(40).order(Order::Acked).run_ms(600);
    let greeting = call.first_audible(answered).unwrap() - answered;
    assert!((MS * 290..=MS * 310).contains(&greeting), "{greeting:?}");
    let quality = call.leg.quality(call.now);
    assert!(quality.first_word_ms.unwrap() <= 270, "counted from the ACK: {quality:?}");
}

#[test]
fn without_ack_and_without_sound_the_greeting_itself_breaks_the_silence() {
    let mut call = Call::new();
    let answered = call.now;
    call.order(Order::Connect(greeted())).run_ms(3_000);
    assert!(call.first_audible(answered).unwrap() - answered <= MS * 1_020);
}

#[test]
fn packets_go_out_every_twenty_milliseconds_without_a_hole_in_numbers_or_time() {
    for (packet_time, samples) in [(10, 80), (20, 160), (30, 240), (60, 480)] {
        let mut call = Call::answered(Connect { packet_time: MS * packet_time, ..greeted() });
        call.leg.set_phase(MS * 7);
        call.run_ms(3_000);
        for pair in call.heard[1..].windows(2) {
            assert_eq!(pair[1].at - pair[0].at, MS * packet_time);
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(samples));
            assert_eq!((pair[1].ssrc, pair[1].payload.len()), (pair[0].ssrc, samples as usize));
        }
        assert!(call.heard.len() as u32 >= 2_900 / packet_time);
    }
}

#[test]
fn after_a_sleep_of_the_machine_time_goes_on_without_a_heap_of_packets() {
    let mut call = Call::answered(connect());
    call.run_ms(100);
    let before = call.heard.len();
    call.now += MS * 500;
    call.leg.handle_deadline(call.now);
    call.drain();
    let after = &call.heard[before..];
    assert!(after.len() <= 2, "{} packets at once", after.len());
    let stamp = after.last().unwrap().timestamp.wrapping_sub(call.heard[before - 1].timestamp);
    assert!((3_840..=4_320).contains(&stamp), "the stamp tells how long it was: {stamp}");
}

// ---- no dead line ----

#[test]
fn a_desk_that_hangs_is_never_silence() {
    let mut call = Call::answered(greeted());
    let answered = call.now;
    call.run_ms(30_000); // the desk never says another word
    let silence = call.longest_silence(answered, call.now);
    assert!(silence < MS * 4_000, "{silence:?}");
    let fillers = call.names().iter().filter(|name| **name == "filler").count();
    assert!((7..=9).contains(&fillers), "{fillers} fillers");
    let own = call.leg.quality(call.now).longest_silence_ms;
    assert!(
        silence.as_millis().abs_diff(u128::from(own)) <= 40,
        "the leg says {own} ms, the caller {silence:?}"
    );
}

#[test]
fn when_the_caller_has_spoken_the_filler_comes_within_a_second_and_a_fifth() {
    let mut call = Call::answered(greeted());
    call.run_ms(1_500).order(Order::Listen(listen(700))).run_ms(5_000);
    assert!(!call.names().contains(&"filler"), "a caller may think: {:?}", call.names());
    let spoke_until = call.now + MS * 1_000;
    call.says(voice(1_000)).run_ms(4_000);
    let heard = call.first_audible(spoke_until).unwrap() - spoke_until;
    assert!(heard < MS * 1_200, "{heard:?}");
}

#[test]
fn a_digit_makes_it_our_turn() {
    let mut call = Call::answered(greeted());
    call.run_ms(1_500).order(Order::Listen(listen(700))).run_ms(3_000);
    let pressed = call.now;
    call.packet(101, &[5, 0, 0, 160]);
    call.run_ms(2_000);
    let spoke = call.events.iter().find_map(|event| match event {
        Event::Spoke { id: ClipId::FILLER, gap, at } => Some((*gap, *at)),
        _ => None,
    });
    let (gap, at) = spoke.unwrap();
    assert_eq!(gap, Some(at - pressed));
    assert!(at - pressed <= MS * 1_020);
}

#[test]
fn ringback_is_not_silence_and_needs_no_filler() {
    let mut call = Call::answered(greeted());
    call.run_ms(1_300).order(Order::Tone(Some(Tone::Ringback)));
    let from = call.now;
    call.run_ms(20_000);
    assert!(call.longest_silence(from, call.now) < MS * 3_100);
    assert!(!call.names().contains(&"filler"));
}

#[test]
fn held_by_the_far_end_nothing_is_sent_and_nothing_times_out() {
    let mut call = Call::answered(greeted());
    call.run_ms(2_000).order(Order::Direct(Direction::Inactive)).sends = false;
    let sent = call.heard.len();
    call.run_ms(120_000);
    assert_eq!(call.heard.len(), sent);
    assert!(!call.names().contains(&"media timeout") && !call.names().contains(&"filler"));
    call.order(Order::Direct(Direction::SendReceive)).run_ms(19_000);
    assert!(!call.names().contains(&"media timeout"));
    call.run_ms(2_000);
    assert!(call.names().contains(&"media timeout"));
    call.sends = true;
    call.run_ms(100);
    assert_eq!(call.names().iter().filter(|name| **name == "media back").count(), 1);
}

// ---- turns ----

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

// ---- who may speak ----

#[test]
fn sound_from_elsewhere_changes_nothing_and_gets_nothing() {
    let mut call = Call::answered(connect());
    call.run_ms(500).from = "203.0.113.66:9999".parse().unwrap();
    call.ssrc = 666;
    call.packet(101, &[9, 0, 0, 160]);
    call.run_ms(3_000);
    assert!(call.heard.iter().all(|packet| packet.to == caller()));
    assert!(!call.names().contains(&"digit"));
    assert!(call.leg.quality(call.now).refused > 100);
}

#[test]
fn a_caller_behind_a_nat_is_answered_where_they_are() {
    let allowed = AddressRange::only("198.51.100.4".parse().unwrap());
    let mut call = Call::new();
    call.from = "198.51.100.4:62000".parse().unwrap();
    call.order(Order::Connect(Connect { latch: vec![allowed], ..connect() })).sends = true;
    call.run_ms(100);
    assert_eq!(call.heard[0].to, caller());
    assert_eq!(call.heard.last().unwrap().to, call.from);
}

#[test]
fn nothing_is_ever_sent_to_a_multicast_address() {
    let mut call = Call::answered(Connect { remote: "224.0.0.9:4000".parse().unwrap(), ..greeted() });
    call.run_ms(7_000);
    assert!(call.heard.is_empty() && call.reports.is_empty());
}

#[test]
fn a_moved_far_end_is_followed_at_its_re_invite() {
    let mut call = Call::answered(connect());
    call.run_ms(500);
    let (last, ssrc) = (call.heard.last().unwrap().sequence, call.heard[0].ssrc);
    let moved = "192.0.2.77:6000".parse().unwrap();
    let from = call.heard.len();
    call.order(Order::Connect(Connect { remote: moved, codec: Codec::Pcma, payload_type: 8, ..connect() }));
    call.from = moved;
    call.run_ms(500);
    assert!(call.heard[from..].iter().all(|packet| packet.to == moved && packet.payload_type == 8));
    assert_eq!((call.heard[from].sequence, call.heard[from].ssrc), (last.wrapping_add(1), ssrc));
}

// ---- bridge, digits, reports, end ----

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

#[test]
fn reports_come_about_every_five_seconds_and_tell_what_was_lost() {
    let mut call = Call::answered(connect());
    for _ in 0..100 {
        call.run_ms(100);
        (call.sequence, call.timestamp) = (call.sequence + 1, call.timestamp + 160); // one in six is lost
    }
    assert!((2..=3).contains(&call.reports.len()), "{}", call.reports.len());
    let mut lost = None;
    rtcp::read(call.reports.last().unwrap(), |part| {
        if let Part::Block { block, .. } = part {
            lost = Some((block.ssrc, block.fraction_lost));
        }
    })
    .unwrap();
    let (ssrc, fraction) = lost.unwrap();
    assert_eq!(ssrc, 77);
    assert!((38..=48).contains(&fraction), "{fraction} of 256");
    let quality = call.leg.quality(call.now);
    assert!((0.15..0.18).contains(&quality.loss_ratio) && quality.mos < 3.6, "{quality:?}");
}

#[test]
fn a_call_ends_with_a_goodbye_and_every_clip_accounted_for() {
    let mut call = Call::answered(greeted());
    call.order(Order::Play(play(2, 500))).run_ms(600).order(Order::Listen(listen(500))).order(Order::Close);
    assert!(call.leg.is_over() && call.leg.poll_deadline().is_none());
    let mut goodbye = false;
    rtcp::read(call.reports.last().unwrap(), |part| goodbye |= matches!(part, Part::Goodbye { .. })).unwrap();
    assert!(goodbye);
    for id in [1, 2] {
        let ends = call
            .events
            .iter()
            .filter(|event| matches!(event, Event::Played { id: ended, .. } if ended.0 == id));
        assert_eq!(ends.count(), 1, "clip {id}");
    }
    assert!(matches!(call.events.last(), Some(Event::Closed { .. })));
    call.run_ms(1_000).order(Order::Play(play(3, 100)));
    assert_eq!(call.names().iter().filter(|name| **name == "closed").count(), 1);
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

// ---- recordings ----

/// Which way, when, and the first byte.
type Kept = (Track, Duration, u8);

/// Hands on what it is given.
struct Pen(Sender<Kept>);

impl Recorder for Pen {
    fn take(&mut self, packet: &Recorded<'_>) {
        // Whoever reads may be gone at the end of a test.
        let _ = self.0.send((packet.track, packet.at, packet.payload[0]));
    }
}

/// Everything that was written.
struct Book {
    from: Receiver<Kept>,
    kept: Vec<Kept>,
}

impl Book {
    fn open() -> (Box<Pen>, Book) {
        let (pen, from) = channel();
        (Box::new(Pen(pen)), Book { from, kept: Vec::new() })
    }

    fn read(&mut self) -> &[Kept] {
        self.kept.extend(self.from.try_iter());
        &self.kept
    }

    fn count(&mut self, track: Track) -> usize {
        self.read().iter().filter(|(kept, _, _)| *kept == track).count()
    }
}

#[test]
fn a_recording_has_both_ways_from_its_beginning_to_its_end_and_no_pause() {
    let mut call = Call::new();
    call.order(Order::Connect(connect())).sends = true;
    call.run_ms(1_000);
    let (pen, mut kept) = Book::open();
    call.order(Order::Record(Recording::To(pen)));
    let began = call.now;
    call.run_ms(1_000).order(Order::Record(Recording::Pause));
    let mut both = || (kept.count(Track::Came), kept.count(Track::Went));
    assert_eq!(both(), (50, 50));
    call.run_ms(1_000).order(Order::Record(Recording::Resume)).run_ms(200);
    assert_eq!(both(), (60, 60));
    call.order(Order::Record(Recording::End)).run_ms(1_000);
    assert_eq!(both(), (60, 60));
    assert!(kept.read().iter().all(|(_, at, _)| *at >= began));
}

#[test]
fn keys_and_what_is_not_from_the_caller_never_reach_a_recording() {
    let mut call = Call::answered(connect());
    let (pen, mut kept) = Book::open();
    call.run_ms(100).order(Order::Record(Recording::To(pen)));
    call.sends = false;
    for end in [0, 0, 0x80] {
        call.packet(101, &[4, end, 0, 160]);
    }
    call.from = "198.51.100.9:9".parse().unwrap();
    call.packet(0, &[0x11; 160]);
    call.order(Order::SendDigit(Digit::from_event(4).unwrap())).run_ms(1_000);
    assert_eq!(kept.count(Track::Came), 0);
    assert!(kept.read().iter().all(|(_, _, first)| *first == 0xff), "silence went out, and a key");
    assert!(call.heard.iter().any(|heard| heard.payload_type == 101), "the key went out");
}
