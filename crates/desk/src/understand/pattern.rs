//! Phrases with choices, written once: the recogniser's grammar is made of them, and text is matched by them.
//!
//! The syntax is a part of JSGF: `(a | b)` is a choice, `[a]` may be left out, `<rule>` stands for another
//! phrase. There is no repetition, so every pattern means a finite list of phrases.
//! Invariant: what a pattern expands to, it also finds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::Words;
use super::words::{Places, mark};

/// A pattern, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    root: Arc<Node>,
    /// The marks of what its phrases begin with, so that most places are passed over at once.
    first: u64,
    /// The marks of what each part begins with that cannot be left out, so that most utterances are.
    needed: Vec<u64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Node {
    /// As written, and as the utterance's words look.
    Word(String, Vec<String>),
    Row(Vec<Arc<Node>>),
    Choice(Vec<Arc<Node>>),
    Maybe(Arc<Node>),
    Rule(String, Arc<Node>),
}

/// Rules by name, that patterns may refer to.
pub type Rules = BTreeMap<String, Pattern>;

/// Why a pattern cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Nothing is in it, or in one of its parts.
    #[error("there is nothing to say in {0:?}")]
    Empty(String),
    /// A bracket is missing.
    #[error("a bracket is not closed, or closes nothing, in {0:?}")]
    Bracket(String),
    /// The rule exists nowhere, or refers to itself.
    #[error("{pattern:?} uses the rule <{rule}>, which is not defined before it; define it under [rule]")]
    UndefinedRule {
        /// As written.
        pattern: String,
        /// The rule's name.
        rule: String,
    },
    /// Only words can be heard.
    #[error("{sign:?} cannot be spoken, in {pattern:?}; write words, in lower case")]
    Sign {
        /// As written.
        pattern: String,
        /// What is wrong.
        sign: char,
    },
    /// Brackets in brackets in brackets.
    #[error("{0:?} is nested too deeply")]
    Deep(String),
}

/// How deep brackets and rules may nest.
const DEEPEST: usize = 12;

impl Pattern {
    /// Reads a pattern; `<name>` must be among `rules`.
    pub fn parse(text: &str, rules: &Rules) -> Result<Pattern, PatternError> {
        let mut reader = Reader { text, rest: text, rules, depth: 0 };
        let root = reader.choice()?;
        match reader.rest.trim_start().is_empty() {
            true => Ok(Pattern::of(root)),
            false => Err(PatternError::Bracket(text.to_string())),
        }
    }

    fn of(root: Arc<Node>) -> Pattern {
        let mut first = 0;
        root.first(&mut first);
        let needed = root.parts().iter().filter_map(|part| part.begins()).collect();
        Pattern { root, first, needed }
    }

    fn may_be_in(&self, words: &Words) -> bool {
        self.needed.iter().all(|marks| words.may_have(*marks))
    }

    /// The first place where the words say this, and its longest reading there.
    pub fn find(&self, words: &Words) -> Option<Range<usize>> {
        let found = || words.marked(self.first).find_map(|start| self.longest(words, start));
        self.may_be_in(words).then(found).flatten()
    }

    /// Every place where the words say this, the longest reading at each.
    pub fn find_all(&self, words: &Words) -> Vec<Range<usize>> {
        if !self.may_be_in(words) {
            return Vec::new();
        }
        words.marked(self.first).filter_map(|start| self.longest(words, start)).collect()
    }

    fn longest(&self, words: &Words, start: usize) -> Option<Range<usize>> {
        let ends = self.root.ends(words, start);
        ends.last().filter(|end| *end > start).map(|end| start..end)
    }

    /// The phrases it stands for: all of them, or `most` spread evenly over them if there are more.
    pub fn phrases(&self, most: usize) -> Vec<String> {
        let count = self.root.count();
        let many = count.min(u64::try_from(most).unwrap_or(u64::MAX));
        // The remainder keeps steps from falling on the same choice every time.
        let place = |nth: u64| {
            let even = u128::from(nth) * u128::from(count) / u128::from(many.max(1));
            if many == count { even } else { (even + u128::from(nth % 7)).min(u128::from(count) - 1) }
        };
        let places = (0..many).filter_map(|nth| u64::try_from(place(nth)).ok());
        let mut phrases: Vec<String> = places.map(|place| self.root.nth(place)).collect();
        phrases.retain(|phrase| !phrase.is_empty());
        phrases.sort_unstable();
        phrases.dedup();
        phrases
    }

    /// Every word in it, as written.
    pub fn vocabulary(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        self.root.each(&mut |node| {
            if let Node::Word(word, _) = node {
                words.insert(word.clone());
            }
        });
        words
    }

    /// The names of the rules it needs, directly or not.
    pub fn needs(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.root.each(&mut |node| {
            if let Node::Rule(name, _) = node {
                names.insert(name.clone());
            }
        });
        names
    }
}

/// As JSGF.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |nodes: &[Arc<Node>], by: &str| {
            nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(by)
        };
        match self {
            Node::Word(word, _) => f.write_str(word),
            Node::Row(nodes) => f.write_str(&joined(nodes, " ")),
            Node::Choice(nodes) => write!(f, "( {} )", joined(nodes, " | ")),
            Node::Maybe(node) => write!(f, "[ {node} ]"),
            Node::Rule(name, _) => write!(f, "<{name}>"),
        }
    }
}

impl Node {
    /// Where readings that start at `start` can end.
    fn ends(&self, words: &Words, start: usize) -> Places {
        match self {
            Node::Word(_, opened) => match words.are(start, opened) {
                true => Places::one(start + opened.len()),
                false => Places::default(),
            },
            Node::Row(nodes) => nodes.iter().fold(Places::one(start), |starts, node| {
                starts.iter().fold(Places::default(), |ends, from| ends.and(node.ends(words, from)))
            }),
            Node::Choice(nodes) => {
                nodes.iter().fold(Places::default(), |ends, node| ends.and(node.ends(words, start)))
            }
            Node::Maybe(node) => Places::one(start).and(node.ends(words, start)),
            Node::Rule(_, node) => node.ends(words, start),
        }
    }

    /// Adds the marks of what its phrases can begin with; true if one of them is empty.
    fn first(&self, first: &mut u64) -> bool {
        match self {
            Node::Word(_, opened) => match opened.first() {
                Some(word) => {
                    *first |= mark(word);
                    false
                }
                None => true,
            },
            Node::Row(nodes) => nodes.iter().all(|node| node.first(first)),
            Node::Choice(nodes) => nodes.iter().filter(|node| node.first(first)).count() > 0,
            Node::Maybe(node) => {
                node.first(first);
                true
            }
            Node::Rule(_, node) => node.first(first),
        }
    }

    /// What follows each other in it.
    fn parts(self: &Arc<Self>) -> &[Arc<Node>] {
        match &**self {
            Node::Row(nodes) => nodes,
            _ => std::slice::from_ref(self),
        }
    }

    /// The marks of what its phrases can begin with; nothing if one of them is empty.
    fn begins(&self) -> Option<u64> {
        let mut first = 0;
        (!self.first(&mut first)).then_some(first)
    }

    /// How many phrases it stands for, counting those that read alike; never zero.
    fn count(&self) -> u64 {
        match self {
            Node::Word(..) => 1,
            Node::Row(nodes) => {
                nodes.iter().fold(1, |product: u64, node| product.saturating_mul(node.count()))
            }
            Node::Choice(nodes) => nodes.iter().fold(0, |sum: u64, node| sum.saturating_add(node.count())),
            Node::Maybe(node) => node.count().saturating_add(1),
            Node::Rule(_, node) => node.count(),
        }
    }

    /// The phrase at `place`, counted from 0.
    fn nth(&self, place: u64) -> String {
        match self {
            Node::Word(word, _) => word.clone(),
            Node::Row(nodes) => {
                let mut place = place;
                nodes.iter().fold(String::new(), |head, node| {
                    let count = node.count();
                    let tail = node.nth(place % count);
                    place /= count;
                    join(&head, &tail)
                })
            }
            Node::Choice(nodes) => {
                let mut place = place;
                for node in nodes {
                    match place.checked_sub(node.count()) {
                        Some(beyond) => place = beyond,
                        None => return node.nth(place),
                    }
                }
                String::new()
            }
            Node::Maybe(node) => place.checked_sub(1).map_or_else(String::new, |place| node.nth(place)),
            Node::Rule(_, node) => node.nth(place),
        }
    }

    fn each(&self, visit: &mut dyn FnMut(&Node)) {
        visit(self);
        match self {
            Node::Word(..) => {}
            Node::Row(nodes) | Node::Choice(nodes) => nodes.iter().for_each(|node| node.each(visit)),
            Node::Maybe(node) | Node::Rule(_, node) => node.each(visit),
        }
    }
}

fn join(head: &str, tail: &str) -> String {
    match (head, tail) {
        ("", only) | (only, "") => only.to_string(),
        (head, tail) => format!("{head} {tail}"),
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    rules: &'a Rules,
    depth: usize,
}

impl Reader<'_> {
    fn choice(&mut self) -> Result<Arc<Node>, PatternError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(PatternError::Deep(self.text.to_string()));
        }
        let mut rows = vec![self.row()?];
        while self.eat('|') {
            rows.push(self.row()?);
        }
        self.depth -= 1;
        Ok(if rows.len() == 1 { rows.remove(0) } else { Arc::new(Node::Choice(rows)) })
    }

    fn row(&mut self) -> Result<Arc<Node>, PatternError> {
        let mut nodes = Vec::new();
        loop {
            if self.eat('(') {
                let node = self.choice()?;
                self.close(')')?;
                nodes.push(node);
            } else if self.eat('[') {
                let node = self.choice()?;
                self.close(']')?;
                nodes.push(Arc::new(Node::Maybe(node)));
            } else if self.eat('<') {
                nodes.push(self.rule()?);
            } else {
                match self.word()? {
                    Some(word) => nodes.push(word),
                    None => break,
                }
            }
        }
        match nodes.len() {
            0 => Err(PatternError::Empty(self.text.to_string())),
            1 => Ok(nodes.remove(0)),
            _ => Ok(Arc::new(Node::Row(nodes))),
        }
    }

    fn eat(&mut self, sign: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn close(&mut self, sign: char) -> Result<(), PatternError> {
        if self.eat(sign) { Ok(()) } else { Err(PatternError::Bracket(self.text.to_string())) }
    }

    fn rule(&mut self) -> Result<Arc<Node>, PatternError> {
        let (name, rest) =
            self.rest.split_once('>').ok_or_else(|| PatternError::Bracket(self.text.to_string()))?;
        self.rest = rest;
        let undefined =
            || PatternError::UndefinedRule { pattern: self.text.to_string(), rule: name.to_string() };
        let known = self.rules.get(name).ok_or_else(undefined)?;
        Ok(Arc::new(Node::Rule(name.to_string(), known.root.clone())))
    }

    fn word(&mut self) -> Result<Option<Arc<Node>>, PatternError> {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|sign: char| sign.is_whitespace() || "()[]|<>".contains(sign));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if word.is_empty() {
            return Ok(None);
        }
        if let Some(sign) = word.chars().find(|sign| !(sign.is_ascii_lowercase() || *sign == '\'')) {
            return Err(PatternError::Sign { pattern: self.text.to_string(), sign });
        }
        self.rest = rest;
        Ok(Some(Arc::new(Node::Word(word.to_string(), Words::of(word).all().to_vec()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::from([("day".to_string(), Pattern::parse("monday | tuesday", &Rules::new()).unwrap())])
    }

    #[test]
    fn a_pattern_finds_everything_it_expands_to() {
        let pattern =
            Pattern::parse("[i have] (a | my) (leak | clogged (drain | sink)) [on <day>]", &rules()).unwrap();
        let phrases = pattern.phrases(1000);
        assert_eq!(phrases.len(), 2 * 2 * 3 * 3);
        for phrase in phrases {
            let words = Words::of(&format!("well {phrase} please"));
            assert_eq!(pattern.find(&words), Some(1..words.len() - 1), "{phrase}");
        }
        assert_eq!(pattern.find(&Words::of("a drain")), None);
    }

    #[test]
    fn a_contraction_in_a_pattern_is_found_in_speech() {
        let pattern = Pattern::parse("that's right", &Rules::new()).unwrap();
        assert!(pattern.find(&Words::of("Yes, that is right.")).is_some());
        assert!(pattern.find(&Words::of("thats right")).is_none());
    }

    #[test]
    fn a_pattern_prints_as_the_grammar_it_came_from() {
        let pattern = Pattern::parse("[i have] (leak|drain) <day>", &rules()).unwrap();
        assert_eq!(pattern.to_string(), "[ i have ] ( leak | drain ) <day>");
        assert_eq!(pattern.needs(), BTreeSet::from(["day".to_string()]));
        assert_eq!(pattern.vocabulary().len(), 6);
    }

    #[test]
    fn a_pattern_that_makes_no_sense_is_refused_with_the_reason() {
        for (text, error) in [
            ("", "there is nothing to say in \"\""),
            ("a | ", "there is nothing to say in \"a | \""),
            ("(a", "a bracket is not closed, or closes nothing, in \"(a\""),
            ("a ) b", "a bracket is not closed, or closes nothing, in \"a ) b\""),
            (
                "come <never>",
                "\"come <never>\" uses the rule <never>, which is not defined before it; define it under [rule]",
            ),
            ("Leak", "'L' cannot be spoken, in \"Leak\"; write words, in lower case"),
            ("a+", "'+' cannot be spoken, in \"a+\"; write words, in lower case"),
        ] {
            assert_eq!(Pattern::parse(text, &rules()).unwrap_err().to_string(), error);
        }
        let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(matches!(Pattern::parse(&deep, &rules()), Err(PatternError::Deep(_))));
    }

    #[test]
    fn an_expansion_stops_at_its_limit() {
        let pattern = Pattern::parse(&"(a | b) ".repeat(40), &Rules::new()).unwrap();
        assert_eq!(pattern.phrases(100).len(), 100);
    }
}
