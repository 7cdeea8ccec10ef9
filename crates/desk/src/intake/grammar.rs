//! What a recogniser listens for at each question: the template's phrases, and in every state those that
//! nobody may be denied.
//!
//! Grammars have no filler words: those absorb noise and turn it into answers.

use std::collections::BTreeSet;

use super::directory::Directory;
use super::template::{Asked, Template};
use crate::understand::pattern::{Pattern, Rules};
use crate::understand::{Danger, Request};

/// The grammar of one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Grammar {
    /// The question's name.
    pub name: String,
    /// The grammar's own name, which no other intake's grammar has.
    pub id: String,
    /// The whole grammar as JSGF 1.0, with one public rule of the grammar's own name.
    pub jsgf: String,
    /// Least confidence for an answer to count, on the recogniser's scale.
    pub threshold: f32,
    /// Every word in it; each must be in the dictionary or in [`Template::pronunciations`].
    pub vocabulary: BTreeSet<String>,
    /// What it listens for, phrase by phrase, before choices are expanded.
    pub patterns: Vec<Pattern>,
}

impl Grammar {
    /// Phrases it accepts, at most `most` for each pattern.
    pub fn phrases(&self, most: usize) -> Vec<String> {
        self.patterns.iter().flat_map(|pattern| pattern.phrases(most)).collect()
    }
}

impl Template {
    /// The grammar of every question.
    pub fn grammars(&self) -> Vec<Grammar> {
        let all = self.questions.all().into_iter();
        all.map(|(name, asked)| self.grammar(name, asked)).collect()
    }

    /// The own name of a question's grammar.
    pub(super) fn grammar_id(&self, question: &str) -> String {
        format!("{}_{question}", self.name)
    }

    /// What is listened for while a caller chooses an office; they may say as well what it is about.
    pub fn directory_grammar(&self, directory: &Directory) -> Grammar {
        self.grammar(Directory::QUESTION, directory.asked())
    }

    fn grammar(&self, name: &str, asked: &Asked) -> Grammar {
        let mut patterns = asked.words.clone();
        if name == "service" || name == Directory::QUESTION {
            patterns.extend(self.problems());
        }
        let known =
            |text: &&str| Pattern::parse(text, &Rules::new()).expect("a test reads every built-in phrase");
        patterns.extend(Danger::ALL.iter().flat_map(|danger| danger.spoken()).map(known));
        patterns.extend(Request::ALL.iter().flat_map(|request| request.spoken()).map(known));
        patterns.extend(self.emergencies.iter().flat_map(|emergency| emergency.words.clone()));
        let id = self.grammar_id(name);
        let vocabulary = patterns.iter().flat_map(Pattern::vocabulary).collect();
        Grammar {
            name: name.to_string(),
            jsgf: self.jsgf(&id, &patterns),
            id,
            threshold: asked.text.threshold,
            vocabulary,
            patterns,
        }
    }

    /// Every problem, with what callers say before and after it: rules `before` and `after`, if there are any.
    fn problems(&self) -> Vec<Pattern> {
        let written: Vec<_> =
            self.services.iter().flat_map(|service| &service.words).map(Pattern::to_string).collect();
        let before = if self.rules.contains_key("before") { "[<before>]" } else { "" };
        let after = if self.rules.contains_key("after") { "[<after>]" } else { "" };
        let whole =
            |problem: &String| Pattern::parse(&format!("{before} ( {problem} ) {after}"), &self.rules).ok();
        written.iter().filter_map(whole).collect()
    }

    fn jsgf(&self, id: &str, patterns: &[Pattern]) -> String {
        let needed: BTreeSet<String> = patterns.iter().flat_map(Pattern::needs).collect();
        let mut text = format!("#JSGF V1.0;\ngrammar {id};\n");
        for (rule, pattern) in self.rules.iter().filter(|(rule, _)| needed.contains(*rule)) {
            text.push_str(&format!("<{rule}> = {pattern};\n"));
        }
        let choices: Vec<_> = patterns.iter().map(Pattern::to_string).collect();
        text.push_str(&format!("public <{id}> = {};\n", choices.join("\n | ")));
        text
    }
}
