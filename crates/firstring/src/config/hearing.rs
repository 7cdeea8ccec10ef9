//! The part of `check` that looks at what is listened for: each word of each intake must have a pronunciation.
//!
//! Only the dictionary is asked here; the decoder itself tries the grammars when the desk starts.

use std::path::Path;

use speech::{GrammarError, GrammarSet, LexiconError};

use super::look::Finding;

/// Whether the recogniser can listen for these grammars with the model in this directory.
pub fn hearing(grammars: &GrammarSet, model: &Path) -> Vec<Finding> {
    match grammars.prepare(model) {
        Ok(_) => {
            let says = format!("callers are understood in {} kinds of questions", grammars.grammars.len());
            vec![Finding::fine(ABOUT, says)]
        }
        Err(problems) => problems.iter().map(finding).collect(),
    }
}

const ABOUT: &str = "hearing";

fn finding(problem: &GrammarError) -> Finding {
    match problem {
        GrammarError::Lexicon(LexiconError::NoModel(directory)) => Finding::weak(
            ABOUT,
            format!("there is no speech model in {}, so callers can only press keys", directory.display()),
            "apt install pocketsphinx-en-us",
        ),
        GrammarError::UnknownWord { grammar, word, .. } => Finding::broken(
            ABOUT,
            format!("nobody knows how {word:?} is pronounced, so the question {grammar:?} is not understood"),
            format!("add {word} = \"…\" under [pronounce] in the intake, or use another word"),
        ),
        other => Finding::broken(ABOUT, other.to_string(), "correct the intake"),
    }
}

#[cfg(test)]
mod tests {
    use speech::{Answers, Grammar};

    use super::*;
    use crate::config::Weight;

    fn model() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("en-us")).unwrap();
        std::fs::write(directory.path().join("en-us/mdef"), "").unwrap();
        std::fs::write(directory.path().join("cmudict-en-us.dict"), "yes Y EH S\nno N OW\n").unwrap();
        directory
    }

    fn asking_for(words: &[&str]) -> GrammarSet {
        let answers = Answers::Phrases(words.iter().map(ToString::to_string).collect());
        GrammarSet {
            grammars: vec![Grammar { name: "confirm".into(), answers, threshold: 0.0 }],
            ..GrammarSet::default()
        }
    }

    #[test]
    fn a_word_that_nobody_can_pronounce_is_named_before_the_first_caller_says_it() {
        let model = model();
        let found = hearing(&asking_for(&["yes", "yupyup"]), model.path());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].weight, Weight::Broken);
        assert_eq!(
            found[0].says,
            "nobody knows how \"yupyup\" is pronounced, so the question \"confirm\" is not understood"
        );
        assert_eq!(hearing(&asking_for(&["yes", "no"]), model.path())[0].weight, Weight::Fine);
    }

    #[test]
    fn without_a_speech_model_the_keypad_still_works_and_the_remedy_is_named() {
        let found = hearing(&asking_for(&["yes"]), Path::new("/nonexistent"));
        assert_eq!(found[0].weight, Weight::Weak);
        assert_eq!(found[0].remedy, "apt install pocketsphinx-en-us");
    }
}
