//! Messages without the silence around them. Sound is imagined, and a minute of it passes at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod imagined;

use std::time::Duration;

use imagined::voice;
use media::Trim;
use media::level::{AUDIBLE_DBFS, dbfs};

/// Packets of this many samples: 20 ms.
const PACKET: usize = 160;

fn silence(ms: usize) -> Vec<i16> {
    vec![0; ms * 8]
}

/// The hiss of a line nobody speaks on, about -60 dBFS.
fn hiss(ms: usize) -> Vec<i16> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as i16 / 570
    };
    (0..ms * 8).map(|_| next()).collect()
}

/// What is stored of all this.
fn stored(heard: &[Vec<i16>]) -> Vec<i16> {
    let (mut trim, mut kept) = (Trim::default(), Vec::new());
    heard.concat().chunks(PACKET).for_each(|packet| trim.push(packet, &mut kept));
    trim.finish(&mut kept);
    kept
}

fn lasts_about(kept: &[i16], ms: usize) {
    let lasts = kept.len() / 8;
    assert!(lasts.abs_diff(ms) <= 60, "{lasts} ms instead of {ms} ms");
}

/// Every sample that was spoken is there, in its order.
fn holds(kept: &[i16], spoken: &[i16]) {
    assert!(kept.windows(spoken.len()).any(|piece| piece == spoken), "something that was said is missing");
}

#[test]
fn the_silence_before_and_after_a_message_is_not_stored() {
    let words = voice(4_000);
    let kept = stored(&[silence(3_000), words.clone(), silence(3_000)]);
    holds(&kept, &words);
    lasts_about(&kept, 500 + 4_000 + 500);
}

#[test]
fn the_hiss_of_the_line_is_silence_too() {
    let words = voice(4_000);
    let kept = stored(&[hiss(3_000), words.clone(), hiss(3_000)]);
    holds(&kept, &words);
    lasts_about(&kept, 500 + 4_000 + 500);
}

#[test]
fn a_caller_who_thinks_for_a_moment_is_not_cut_short() {
    let message = [voice(2_000), silence(2_800), voice(2_000)].concat();
    let kept = stored(&[silence(1_000), message.clone(), silence(3_000)]);
    holds(&kept, &message);
}

#[test]
fn a_voice_too_soft_to_be_heard_well_is_kept_all_the_same() {
    let loud = voice(4_000);
    let gain = 10_f32.powf((AUDIBLE_DBFS - 3.0 - dbfs(&loud)) / 20.0);
    let soft: Vec<i16> = loud.iter().map(|sample| (f32::from(*sample) * gain) as i16).collect();
    let kept = stored(&[silence(1_000), soft.clone(), silence(3_000)]);
    holds(&kept, &soft);
}

#[test]
fn a_message_of_one_short_word_is_long_enough_to_count_as_one() {
    let word = voice(300);
    let kept = stored(&[silence(1_000), word.clone(), silence(3_000)]);
    holds(&kept, &word);
    assert!(kept.len() >= 8_000, "{} ms", kept.len() / 8);
}

#[test]
fn a_caller_who_hangs_up_in_a_word_has_left_it_to_its_end() {
    let words = voice(2_003);
    let kept = stored(&[silence(1_000), words.clone()]);
    holds(&kept, &words);
}

#[test]
fn who_says_nothing_leaves_nothing() {
    assert!(stored(&[silence(8_000)]).is_empty());
    assert!(stored(&[hiss(8_000)]).is_empty());
}

#[test]
fn what_was_said_is_on_its_way_to_the_disk_before_the_message_is_over() {
    let (mut trim, mut kept) = (Trim::default(), Vec::new());
    let words = voice(5_000);
    words.chunks(PACKET).for_each(|packet| trim.push(packet, &mut kept));
    assert!(kept.len() + PACKET * 2 >= words.len(), "{} of {} samples", kept.len(), words.len());
}

#[test]
fn a_pause_without_an_end_takes_no_memory_without_an_end() {
    let (mut trim, mut kept) = (Trim::default(), Vec::new());
    trim.push(&voice(1_000), &mut kept);
    for _ in 0..60 {
        trim.push(&silence(1_000), &mut kept);
    }
    let held = Duration::from_secs(61).as_millis() as usize * 8 - kept.len();
    assert!(held <= 10 * 8_000 + PACKET, "{held} samples are held back");
    trim.push(&voice(1_000), &mut kept);
    trim.finish(&mut kept);
    lasts_about(&kept, 62_000);
}
