//! The grammars a decoder understands: read, checked, and matched against words.
//!
//! A strict subset of the Java Speech Grammar Format 1.0: rules, alternatives, sequences, groups, `[optional]`, `*`,
//! `+`, weights and tags. Imports, recursion, `<VOID>` and quoted words are refused: the decoder does not need them, and
//! what it does not support it accepts silently and then hears nothing. All is checked here first, so that an owner
//! reads a sentence instead.
//!
//! Invariant: a grammar that parsed has one public rule, defines every rule it refers to, and has no way to loop
//! without taking a word.

use std::collections::{BTreeMap, BTreeSet};

/// Longest grammar text accepted, in bytes.
const LONGEST: usize = 64 * 1024;
/// Deepest nesting of groups and rules.
const DEEPEST: usize = 24;

/// What is wrong with a grammar's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsgfError {
    /// Longer than 64 KiB.
    #[error("longer than 64 KiB")]
    TooLong,
    /// Groups or rules nested too deeply, or a rule that refers to itself.
    #[error("rule <{0}> refers to itself or is nested too deeply")]
    TooDeep(String),
    /// Something else was expected.
    #[error("expected {expected} before {found:?}")]
    Unexpected {
        /// What would be right.
        expected: &'static str,
        /// The next characters of the text.
        found: String,
    },
    /// No rule is marked `public`.
    #[error("no rule is public; write `public <answer> = ... ;`")]
    NoPublicRule,
    /// More than one rule is marked `public`; the decoder would use only the first.
    #[error("rules <{0}> and <{1}> are both public; one is enough")]
    TwoPublicRules(String, String),
    /// Refers to a rule that is nowhere defined. The decoder would accept this and never hear anything.
    #[error("rule <{used_in}> refers to <{missing}>, which is not defined")]
    UndefinedRule {
        /// The rule that refers.
        used_in: String,
        /// The rule that is missing.
        missing: String,
    },
    /// The same rule twice.
    #[error("rule <{0}> is defined twice")]
    DefinedTwice(String),
    /// Empty words are possible: the grammar would accept silence.
    #[error("the grammar accepts saying nothing at all")]
    AcceptsNothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Word(String),
    Rule(String),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Optional(Box<Node>),
    /// One or more.
    Repeat(Box<Node>),
}

/// A grammar that was read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jsgf {
    rules: BTreeMap<String, Node>,
    public: String,
}

/// How far some words get in a grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// They are a whole answer, and no longer answer begins with them.
    Whole,
    /// They are a whole answer, but more could follow.
    WholeSoFar,
    /// An answer may begin with them.
    Beginning,
    /// No answer begins with them.
    None,
}

impl Jsgf {
    /// Reads a complete grammar, with or without the `#JSGF` header.
    pub fn parse(text: &str) -> Result<Jsgf, JsgfError> {
        if text.len() > LONGEST {
            return Err(JsgfError::TooLong);
        }
        let plain = without_comments(text);
        let mut reader = Reader { rest: skip_header(&plain)?, depth: 0, rule: String::new() };
        let mut rules = BTreeMap::new();
        let mut public: Option<String> = None;
        while !reader.at_end() {
            let is_public = reader.take_keyword("public");
            let name = reader.rule_name()?;
            reader.rule.clone_from(&name);
            reader.expect('=', "`=`")?;
            let body = reader.choice()?;
            reader.expect(';', "`;`")?;
            if is_public && let Some(first) = public.replace(name.clone()) {
                return Err(JsgfError::TwoPublicRules(first, name));
            }
            if rules.insert(name.clone(), body).is_some() {
                return Err(JsgfError::DefinedTwice(name));
            }
        }
        Jsgf { rules, public: public.ok_or(JsgfError::NoPublicRule)? }.checked()
    }

    /// Makes a grammar of phrases. Each is an expansion of its own: words, `[optional]`, `(this | that)`.
    pub fn from_phrases<'a>(phrases: impl IntoIterator<Item = &'a str>) -> Result<Jsgf, JsgfError> {
        let mut choices = Vec::new();
        for phrase in phrases {
            let mut reader = Reader { rest: phrase, depth: 0, rule: "answer".to_owned() };
            choices.push(reader.choice()?);
            if !reader.at_end() {
                return Err(reader.unexpected("the end of the phrase"));
            }
        }
        if choices.is_empty() {
            return Err(JsgfError::NoPublicRule);
        }
        let rules = BTreeMap::from([("answer".to_owned(), Node::Choice(choices))]);
        Jsgf { rules, public: "answer".to_owned() }.checked()
    }

    /// Every word of the grammar, once, in order.
    pub fn words(&self) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        for body in self.rules.values() {
            body.walk(&mut |node| {
                if let Node::Word(word) = node {
                    words.insert(word.clone());
                }
            });
        }
        words
    }

    /// The text for the decoder: canonical, without weights and tags.
    pub fn to_text(&self) -> String {
        let mut text = String::from("#JSGF V1.0;\ngrammar answers;\n");
        for (name, body) in &self.rules {
            if *name == self.public {
                text.push_str("public ");
            }
            text.push_str(&format!("<{name}> = "));
            body.write(&mut text);
            text.push_str(" ;\n");
        }
        text
    }

    /// How far these words (single spaces between them) get.
    pub fn fit(&self, words: &str) -> Fit {
        let words: Vec<&str> = words.split_whitespace().collect();
        let mut ends = BTreeSet::from([0]);
        let mut could_go_on = false;
        let top = Node::Rule(self.public.clone());
        ends = self.advance(&top, &words, &ends, &mut could_go_on);
        match (ends.contains(&words.len()), could_go_on) {
            (true, false) => Fit::Whole,
            (true, true) => Fit::WholeSoFar,
            (false, true) => Fit::Beginning,
            (false, false) => Fit::None,
        }
    }

    /// Positions reachable after `node` from the given ones. Sets `could_go_on` when a word is wanted after the last.
    fn advance(
        &self,
        node: &Node,
        words: &[&str],
        from: &BTreeSet<usize>,
        could_go_on: &mut bool,
    ) -> BTreeSet<usize> {
        match node {
            Node::Word(word) => {
                *could_go_on |= from.contains(&words.len());
                from.iter().filter(|&&at| words.get(at).is_some_and(|w| w == word)).map(|at| at + 1).collect()
            }
            Node::Rule(name) => match self.rules.get(name) {
                Some(body) => self.advance(body, words, from, could_go_on),
                None => BTreeSet::new(),
            },
            Node::Sequence(parts) => {
                let mut at = from.clone();
                for part in parts {
                    at = self.advance(part, words, &at, could_go_on);
                }
                at
            }
            Node::Choice(parts) => {
                parts.iter().flat_map(|part| self.advance(part, words, from, could_go_on)).collect()
            }
            Node::Optional(inner) => {
                let mut at = self.advance(inner, words, from, could_go_on);
                at.extend(from);
                at
            }
            Node::Repeat(inner) => {
                let mut all = BTreeSet::new();
                let mut at = from.clone();
                loop {
                    at = self.advance(inner, words, &at, could_go_on);
                    at.retain(|position| !all.contains(position));
                    if at.is_empty() {
                        return all;
                    }
                    all.extend(&at);
                }
            }
        }
    }

    fn checked(self) -> Result<Jsgf, JsgfError> {
        for (name, body) in &self.rules {
            let mut missing = None;
            body.walk(&mut |node| {
                if let Node::Rule(used) = node
                    && !self.rules.contains_key(used)
                {
                    missing.get_or_insert_with(|| used.clone());
                }
            });
            if let Some(missing) = missing {
                return Err(JsgfError::UndefinedRule { used_in: name.clone(), missing });
            }
        }
        let mut depths = BTreeMap::new();
        for name in self.rules.keys() {
            self.depth_of(name, &mut depths)?;
        }
        let mut ignored = false;
        let nothing = self.advance(&Node::Rule(self.public.clone()), &[], &BTreeSet::from([0]), &mut ignored);
        if nothing.is_empty() { Ok(self) } else { Err(JsgfError::AcceptsNothing) }
    }

    /// How many rules deep a rule goes. `None` in `depths` marks a rule being looked at: meeting it again is a loop.
    fn depth_of(&self, name: &str, depths: &mut BTreeMap<String, Option<usize>>) -> Result<usize, JsgfError> {
        match depths.get(name) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(JsgfError::TooDeep(name.to_owned())),
            None => depths.insert(name.to_owned(), None),
        };
        let mut used = BTreeSet::new();
        if let Some(body) = self.rules.get(name) {
            body.walk(&mut |node| {
                if let Node::Rule(rule) = node {
                    used.insert(rule.clone());
                }
            });
        }
        let mut deepest = 0;
        for rule in used {
            deepest = deepest.max(1 + self.depth_of(&rule, depths)?);
        }
        if deepest > DEEPEST {
            return Err(JsgfError::TooDeep(name.to_owned()));
        }
        depths.insert(name.to_owned(), Some(deepest));
        Ok(deepest)
    }
}

impl Node {
    fn walk(&self, visit: &mut impl FnMut(&Node)) {
        visit(self);
        match self {
            Node::Word(_) | Node::Rule(_) => {}
            Node::Sequence(parts) | Node::Choice(parts) => parts.iter().for_each(|part| part.walk(visit)),
            Node::Optional(inner) | Node::Repeat(inner) => inner.walk(visit),
        }
    }

    fn write(&self, text: &mut String) {
        match self {
            Node::Word(word) => text.push_str(word),
            Node::Rule(name) => text.push_str(&format!("<{name}>")),
            Node::Sequence(parts) => write_joined(parts, " ", text),
            Node::Choice(parts) => {
                text.push_str("( ");
                write_joined(parts, " | ", text);
                text.push_str(" )");
            }
            Node::Optional(inner) => {
                text.push_str("[ ");
                inner.write(text);
                text.push_str(" ]");
            }
            Node::Repeat(inner) => {
                text.push_str("( ");
                inner.write(text);
                text.push_str(" )+");
            }
        }
    }
}

fn write_joined(parts: &[Node], between: &str, text: &mut String) {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str(between);
        }
        part.write(text);
    }
}

/// Reads one grammar from left to right.
struct Reader<'a> {
    rest: &'a str,
    depth: usize,
    rule: String,
}

impl Reader<'_> {
    fn at_end(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.is_empty()
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn take_keyword(&mut self, wanted: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(wanted) {
            Some(rest) if rest.starts_with(|c: char| c.is_whitespace() || c == '<') => {
                self.rest = rest;
                true
            }
            Some(_) | None => false,
        }
    }

    fn expect(&mut self, wanted: char, expected: &'static str) -> Result<(), JsgfError> {
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&self, expected: &'static str) -> JsgfError {
        JsgfError::Unexpected { expected, found: self.rest.chars().take(20).collect() }
    }

    fn rule_name(&mut self) -> Result<String, JsgfError> {
        self.expect('<', "`<rule>`")?;
        let end = self.rest.find('>').ok_or_else(|| self.unexpected("`>`"))?;
        let name = self.rest[..end].trim().to_owned();
        let well_formed =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !well_formed || name == "VOID" || name == "NULL" {
            return Err(self.unexpected("a rule name of letters, digits, `_` and `-`"));
        }
        self.rest = &self.rest[end + 1..];
        Ok(name)
    }

    fn choice(&mut self) -> Result<Node, JsgfError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(JsgfError::TooDeep(self.rule.clone()));
        }
        let mut parts = vec![self.sequence()?];
        while self.take('|') {
            parts.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::Choice(parts) })
    }

    fn sequence(&mut self) -> Result<Node, JsgfError> {
        self.skip_weight()?;
        let mut parts = Vec::new();
        while !matches!(self.peek(), None | Some('|' | ')' | ']' | ';' | '=')) {
            parts.push(self.item()?);
        }
        match parts.len() {
            0 => Err(self.unexpected("a word")),
            1 => Ok(parts.remove(0)),
            _ => Ok(Node::Sequence(parts)),
        }
    }

    fn item(&mut self) -> Result<Node, JsgfError> {
        let mut node = match self.peek() {
            Some('(') => {
                self.expect('(', "`(`")?;
                let inner = self.choice()?;
                self.expect(')', "`)`")?;
                inner
            }
            Some('[') => {
                self.expect('[', "`[`")?;
                let inner = self.choice()?;
                self.expect(']', "`]`")?;
                Node::Optional(Box::new(inner))
            }
            Some('<') => Node::Rule(self.rule_name()?),
            Some(_) | None => self.word()?,
        };
        loop {
            match self.peek() {
                Some('*') => {
                    self.expect('*', "`*`")?;
                    node = Node::Optional(Box::new(Node::Repeat(Box::new(node))));
                }
                Some('+') => {
                    self.expect('+', "`+`")?;
                    node = Node::Repeat(Box::new(node));
                }
                Some('{') => {
                    let end = self.rest.find('}').ok_or_else(|| self.unexpected("`}`"))?;
                    self.rest = &self.rest[end + 1..];
                }
                Some(_) | None => return Ok(node),
            }
        }
    }

    /// A word in lower case: letters, digits, apostrophe, hyphen, underscore, full stop.
    fn word(&mut self) -> Result<Node, JsgfError> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '\'' | '-' | '_' | '.');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.unexpected("a word"));
        }
        let word = self.rest[..end].to_ascii_lowercase();
        self.rest = &self.rest[end..];
        Ok(Node::Word(word))
    }

    fn skip_weight(&mut self) -> Result<(), JsgfError> {
        if !self.take('/') {
            return Ok(());
        }
        let end = self.rest.find('/').ok_or_else(|| self.unexpected("`/` after the weight"))?;
        let weight: Option<f32> = self.rest[..end].trim().parse().ok();
        if weight.is_none() {
            return Err(self.unexpected("a weight"));
        }
        self.rest = &self.rest[end + 1..];
        Ok(())
    }
}

/// Leaves out `#JSGF ...;` and `grammar name;`. Imports are refused.
fn skip_header(text: &str) -> Result<&str, JsgfError> {
    let mut rest = text.trim_start();
    for keyword in ["#JSGF", "grammar"] {
        if rest.starts_with(keyword) {
            let Some(end) = rest.find(';') else {
                return Err(JsgfError::Unexpected {
                    expected: "`;` after the header",
                    found: rest.chars().take(20).collect(),
                });
            };
            rest = rest[end + 1..].trim_start();
        }
    }
    if rest.starts_with("import") {
        return Err(JsgfError::Unexpected {
            expected: "a rule (imports are not supported)",
            found: rest.chars().take(20).collect(),
        });
    }
    Ok(rest)
}

/// Replaces `// ...` and `/* ... */` by blanks. A single slash is a weight's.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("//").into_iter().chain(rest.find("/*")).min() {
        plain.push_str(&rest[..start]);
        plain.push(' ');
        let is_line = rest[start..].starts_with("//");
        let (end_mark, skip) = if is_line { ("\n", 0) } else { ("*/", 2) };
        rest = match rest[start + 2..].find(end_mark) {
            Some(end) => &rest[start + 2 + end + skip..],
            None => "",
        };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICK: &str = "#JSGF V1.0; grammar pick; // offered visits\n\
        public <answer> = [ the ] <which> [ one ] | /0.5/ none of them {none} | agent ;\n\
        <which> = first | second | third ;";

    #[test]
    fn words_are_matched_as_the_grammar_says() {
        let pick = Jsgf::parse(PICK).unwrap();
        let cases = [
            ("the second one", Fit::Whole),
            ("second", Fit::WholeSoFar),
            ("none of them", Fit::Whole),
            ("none", Fit::Beginning),
            ("the", Fit::Beginning),
            ("", Fit::Beginning),
            ("agent", Fit::Whole),
            ("second agent", Fit::None),
            ("fourth", Fit::None),
        ];
        for (words, fit) in cases {
            assert_eq!(pick.fit(words), fit, "{words}");
        }
    }

    #[test]
    fn repetition_takes_any_number_and_ends() {
        let digits = Jsgf::parse("public <d> = ( one | two )+ [ please ] ;").unwrap();
        assert_eq!(digits.fit("one two one"), Fit::WholeSoFar);
        assert_eq!(digits.fit("one please"), Fit::Whole);
        assert_eq!(digits.fit("please"), Fit::None);
        let stars = Jsgf::parse("public <d> = go ( [ on ]* ) * ;").unwrap();
        assert_eq!(stars.fit("go on on"), Fit::WholeSoFar);
    }

    #[test]
    fn phrases_make_the_same_grammar_as_text() {
        let phrases = Jsgf::from_phrases(["yes [ please ]", "no ( thanks | thank you )", "Agent"]).unwrap();
        assert_eq!(phrases.fit("no thank you"), Fit::Whole);
        assert_eq!(phrases.fit("yes"), Fit::WholeSoFar);
        assert_eq!(
            phrases.words().into_iter().collect::<Vec<_>>(),
            ["agent", "no", "please", "thank", "thanks", "yes", "you"]
        );
        assert_eq!(Jsgf::parse(&phrases.to_text()).unwrap().words(), phrases.words());
    }

    #[test]
    fn every_mistake_has_its_own_sentence() {
        let cases = [
            ("public <a> = <nope> ;", "rule <a> refers to <nope>, which is not defined"),
            ("<a> = yes ;", "no rule is public; write `public <answer> = ... ;`"),
            ("", "no rule is public; write `public <answer> = ... ;`"),
            ("public <a> = yes", "expected `;` before \"\""),
            ("public <a> = ( yes ;", "expected `)` before \";\""),
            ("public <a> = yes ; public <b> = no ;", "rules <a> and <b> are both public; one is enough"),
            ("public <a> = yes ; <a> = no ;", "rule <a> is defined twice"),
            ("public <a> = <b> ; <b> = yes <a> ;", "rule <a> refers to itself or is nested too deeply"),
            ("public <a> = [ yes ] ;", "the grammar accepts saying nothing at all"),
            ("public <a> = yes | ;", "expected a word before \";\""),
            ("public <a> = \"quoted\" ;", "expected a word before \"\\\"quoted\\\" ;\""),
            (
                "import <x>; public <a> = b;",
                "expected a rule (imports are not supported) before \"import <x>; public <\"",
            ),
        ];
        for (text, sentence) in cases {
            assert_eq!(Jsgf::parse(text).unwrap_err().to_string(), sentence, "{text}");
        }
    }

    #[test]
    fn hostile_text_ends_in_an_error_not_a_crash() {
        for text in [
            "(".repeat(60_000),
            "public <a> = ".to_owned() + &"(".repeat(5_000),
            "[".repeat(100),
            "é<>;=".repeat(50),
            "/*".into(),
        ] {
            assert!(Jsgf::parse(&text).is_err());
            assert!(Jsgf::from_phrases([text.as_str()]).is_err());
        }
    }
}
