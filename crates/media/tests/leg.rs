//! One call's sound, from the first packet to the goodbye: that it comes, from where it may, and how it ends, in virtual time.

mod imagined;

use imagined::{Call, MS, caller, connect, greeted, listen, play, voice};
use media::rtcp::{self, Part};
use media::{AddressRange, ClipId, Codec, Connect, Direction, Event, Order, Tone};

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

// ---- reports, end ----

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
