//! The local engines as a call uses them: real worker processes, real decoders, spoken sound through G.711.

mod support;

use speech::{EngineError, Hear, HearSpec, Hearing, Question, Reach, Rejection, Speak};
use std::time::Duration;
use support::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_local_voice_is_understood_over_the_telephone() {
    if !model_is_installed() {
        return;
    }
    let speaker = speech::local::LocalSpeaker::start(worker());
    let hearing = hearing().await;
    for voice in ["rms", "slt", "kal16"] {
        let mut call = session(&hearing).await;
        let mut right = 0;
        for (grammar, text) in [
            ("problem", "i have a clogged drain"),
            ("problem", "a pipe burst"),
            ("pick", "the second one"),
            ("when", "wednesday morning"),
            ("confirm", "yes that is right"),
        ] {
            let sound = over_the_phone(&said(&speaker, voice, text).await);
            if let Hearing::Heard(heard) = answer(&mut *call, grammar, &sound).await {
                assert!(heard.confidence >= 0.5 && !heard.sound_lost, "{voice} {text}: {}", heard.confidence);
                right += usize::from((heard.text.as_str(), heard.grammar.as_str()) == (text, grammar));
            }
        }
        assert!(right >= 4, "{voice}: only {right} of 5 answers were understood");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_up_from_talk_that_is_no_answer() {
    if !model_is_installed() {
        return;
    }
    let speaker = speech::local::LocalSpeaker::start(worker());
    let hearing = hearing().await;
    for voice in ["rms", "slt", "kal16"] {
        let mut call = session(&hearing).await;
        for text in [
            "what's the weather like today in chicago",
            "could you hold on my dog is barking",
            "i would like to order a large pizza",
        ] {
            let sound = over_the_phone(&said(&speaker, voice, text).await);
            for grammar in ["problem", "pick", "when", "confirm"] {
                let result = answer(&mut *call, grammar, &sound).await;
                assert!(
                    matches!(result, Hearing::Rejected(_)),
                    "{voice} said {text:?} to {grammar}: {result:?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_no_answer() {
    if !model_is_installed() {
        return;
    }
    let hearing = hearing().await;
    let mut call = session(&hearing).await;
    match answer(&mut *call, "confirm", &[0; 16_000]).await {
        Hearing::Rejected(rejected) => assert_eq!(rejected.why, Rejection::Silence),
        other => panic!("{other:?}"),
    }
    assert_eq!(call.finish().await, Hearing::Failed(EngineError::Wrong("nothing was asked".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_may_come_from_several_grammars() {
    if !model_is_installed() {
        return;
    }
    let speaker = speech::local::LocalSpeaker::start(worker());
    let hearing = hearing().await;
    let mut call = session(&hearing).await;
    let question = Question { grammars: vec!["confirm".into(), "pick".into(), "when".into()] };
    call.listen(&question).await.unwrap();
    call.push(&over_the_phone(&said(&speaker, "rms", "the third one").await));
    match call.finish().await {
        Hearing::Heard(heard) => {
            assert_eq!((heard.text.as_str(), heard.grammar.as_str()), ("the third one", "pick"))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_shows_before_the_caller_has_been_silent_for_long() {
    if !model_is_installed() {
        return;
    }
    let speaker = speech::local::LocalSpeaker::start(worker());
    let hearing = hearing().await;
    let mut call = session(&hearing).await;
    let sound = over_the_phone(&said(&speaker, "rms", "none of them").await);
    call.listen(&Question::of("pick")).await.unwrap();
    let mut partials = call.partials();
    for frame in sound.chunks(160) {
        call.push(frame);
    }
    let whole =
        tokio::time::timeout(Duration::from_secs(5), partials.wait_for(|p| p.reach == Reach::WholeAnswer))
            .await;
    assert_eq!(whole.unwrap().unwrap().text, "none of them");
    call.abandon();
    assert!(matches!(answer(&mut *call, "pick", &sound).await, Hearing::Heard(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_beyond_the_last_place_is_told_so_and_places_come_back() {
    if !model_is_installed() {
        return;
    }
    let hearing = hearing().await;
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(open_within(&hearing).await);
    }
    let Err(refused) = hearing.open(&HearSpec::default()).await else { panic!("a fifth place") };
    assert_eq!(refused, EngineError::Busy { engine: "local hearing", places: 4 });
    calls.clear();
    drop(open_within(&hearing).await);
}

/// A place may be held by a worker that is still getting ready.
async fn open_within(hearing: &speech::local::LocalHearing) -> Box<dyn speech::HearSession> {
    for _ in 0..200 {
        match hearing.open(&HearSpec::default()).await {
            Ok(session) => return session,
            Err(EngineError::Busy { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("no place within four seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_grammar_or_voice_is_refused_by_name() {
    if !model_is_installed() {
        return;
    }
    let hearing = hearing().await;
    let mut call = session(&hearing).await;
    assert_eq!(
        call.listen(&Question::of("nope")).await.unwrap_err().to_string(),
        "there is no grammar \"nope\""
    );
    let speaker = speech::local::LocalSpeaker::start(worker());
    let error = speaker.render(&speech::Line::new("bob", "hello")).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no local voice \"bob\"; use one of slt, rms, kal16");
}
