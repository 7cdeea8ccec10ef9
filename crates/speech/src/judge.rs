//! Was it an answer? From a decoder's scores to [`Hearing`].
//!
//! A grammar decoder always finds something. What it found counts only when it reached the end of the grammar, sounds
//! better than arbitrary speech by the grammar's threshold, and is not stretched over far more sound than its words
//! need: an off-topic sentence squeezed into "yes" gives itself away by its length.

use crate::engine::{Heard, Hearing, Reading, Rejected, Rejection};
use crate::grammar::ReadyGrammars;
use crate::worker::wire::Scored;

/// Fewer frames of speech than this (10 ms each) are a click, not a word.
const FEWEST_FRAMES: u32 = 10;

/// A phone takes 5 to 11 frames on average over an answer, as measured on correct answers of five voices.
const FRAMES_PER_PHONE: u32 = 12;
/// What is added for short words drawn out ("yees") and a hesitation.
const FRAMES_AROUND: u32 = 30;

/// From the decoder's log units per frame to confidence: `1 / (1 + exp(-(score - threshold) / CONFIDENCE_SPREAD))`.
pub const CONFIDENCE_SPREAD: f32 = 3.0;

/// The scores of one question.
pub(crate) struct Evidence {
    /// Score of arbitrary speech.
    pub(crate) speech: i32,
    /// How long the caller spoke, in frames of 10 ms.
    pub(crate) spoken: u32,
    /// Each grammar's best path.
    pub(crate) readings: Vec<Scored>,
    /// Not all sound arrived.
    pub(crate) sound_lost: bool,
}

pub(crate) fn judge(evidence: Evidence, grammars: &ReadyGrammars) -> Hearing {
    let reject = |why, nearest| Hearing::Rejected(Rejected { why, nearest });
    if evidence.spoken < FEWEST_FRAMES {
        return reject(Rejection::Silence, None);
    }
    let mut readings: Vec<Reading> =
        evidence.readings.iter().filter_map(|scored| weigh(scored, evidence.speech, grammars)).collect();
    readings.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    if readings.is_empty() {
        return reject(Rejection::NoAnswer, None);
    }
    let best = readings.remove(0);
    let most_frames = FRAMES_AROUND
        + FRAMES_PER_PHONE * u32::try_from(grammars.phones_in(&best.text)).unwrap_or(u32::MAX / 64);
    if evidence.spoken > most_frames {
        return reject(Rejection::TooLong, Some(best));
    }
    if best.confidence < 0.5 {
        return reject(Rejection::Unsure, Some(best));
    }
    Hearing::Heard(Heard {
        text: best.text,
        grammar: best.grammar,
        confidence: best.confidence,
        alternatives: readings,
        sound_lost: evidence.sound_lost,
    })
}

fn weigh(scored: &Scored, speech: i32, grammars: &ReadyGrammars) -> Option<Reading> {
    let grammar = grammars.get(&scored.grammar)?;
    let text = scored.text.split_whitespace().map(without_variant).collect::<Vec<_>>().join(" ");
    let better = (i64::from(scored.score) - i64::from(speech)) as f32 / scored.frames.max(1) as f32;
    let confidence = 1.0 / (1.0 + (-(better - grammar.threshold) / CONFIDENCE_SPREAD).exp());
    Some(Reading { text, grammar: scored.grammar.clone(), confidence })
}

/// The decoder names the second way to say a word `word(2)`.
pub(crate) fn without_variant(word: &str) -> &str {
    word.split('(').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Rejected;
    use crate::grammar::{Answers, Grammar, GrammarSet};

    /// Two grammars over a model directory that holds a dictionary of three words.
    fn grammars() -> ReadyGrammars {
        let model = tempfile::tempdir().unwrap();
        std::fs::create_dir(model.path().join("en-us")).unwrap();
        std::fs::write(model.path().join("en-us/mdef"), "").unwrap();
        let dictionary = "agent EY JH AH N T\nno N OW\nno(2) N AO\nyes Y EH S\n";
        std::fs::write(model.path().join("cmudict-en-us.dict"), dictionary).unwrap();
        let grammar = |name: &str, threshold, words: &[&str]| Grammar {
            name: name.into(),
            answers: Answers::Phrases(words.iter().map(|w| (*w).to_owned()).collect()),
            threshold,
        };
        let set = GrammarSet {
            grammars: vec![grammar("confirm", 0.0, &["yes", "no"]), grammar("always", 2.0, &["agent"])],
            ..GrammarSet::default()
        };
        set.prepare(model.path()).unwrap()
    }

    fn heard(grammar: &str, text: &str, score: i32) -> Scored {
        Scored { grammar: grammar.into(), text: text.into(), score, frames: 100 }
    }

    fn result(spoken: u32, readings: Vec<Scored>) -> Hearing {
        judge(Evidence { speech: -3_000, spoken, readings, sound_lost: false }, &grammars())
    }

    fn why(hearing: &Hearing) -> Option<Rejection> {
        match hearing {
            Hearing::Rejected(Rejected { why, .. }) => Some(*why),
            Hearing::Heard(_) | Hearing::Failed(_) => None,
        }
    }

    #[test]
    fn an_answer_counts_only_when_it_sounds_better_than_any_speech() {
        match result(40, vec![heard("confirm", "no(2)", -2_700)]) {
            Hearing::Heard(heard) => {
                assert_eq!(heard.text, "no");
                assert!((heard.confidence - 0.731).abs() < 0.001, "{}", heard.confidence);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(why(&result(40, vec![heard("confirm", "no", -3_010)])), Some(Rejection::Unsure));
        assert_eq!(why(&result(40, vec![])), Some(Rejection::NoAnswer));
        assert_eq!(why(&result(4, vec![heard("confirm", "no", -10)])), Some(Rejection::Silence));
    }

    #[test]
    fn a_long_sentence_is_not_squeezed_into_a_short_word() {
        let yes = |spoken| result(spoken, vec![heard("confirm", "yes", -2_000)]);
        assert_eq!(why(&yes(66)), None);
        assert_eq!(why(&yes(67)), Some(Rejection::TooLong));
    }

    #[test]
    fn the_grammar_that_fits_better_than_its_own_threshold_wins() {
        let both = vec![heard("always", "agent", -2_700), heard("confirm", "yes", -2_800)];
        match result(50, both) {
            Hearing::Heard(heard) => {
                assert_eq!((heard.grammar.as_str(), heard.alternatives.len()), ("confirm", 1));
                assert_eq!(heard.alternatives[0].text, "agent");
            }
            other => panic!("{other:?}"),
        }
    }
}
