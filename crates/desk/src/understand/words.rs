//! One utterance as plain words: lower case, contractions opened, signs gone.
//!
//! Typed and recognised text come out the same, and so do the phrases they are compared with.

/// More words than this are not read: a minute of fast speech.
const MOST_WORDS: usize = 200;

/// An utterance, word by word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    words: Vec<String>,
    /// One of 64 marks for each word: words with different marks differ.
    marks: Vec<u64>,
    /// The marks of all of them.
    seen: u64,
    /// Before which words a comma or full stop stood. Recognisers write none.
    breaks: Vec<usize>,
}

impl Words {
    /// Splits a text.
    pub fn of(text: &str) -> Words {
        let mut words = Words::default();
        let text = plain(text);
        for piece in text.split_whitespace() {
            words.take(piece);
            if words.words.len() >= MOST_WORDS {
                words.words.truncate(MOST_WORDS);
                break;
            }
        }
        words.marks = words.words.iter().map(|word| mark(word)).collect();
        words.seen = words.marks.iter().fold(0, |seen, mark| seen | mark);
        words
    }

    /// Whether one of the words with these marks may be among them, by [`mark`].
    pub(super) fn may_have(&self, marks: u64) -> bool {
        self.seen & marks != 0
    }

    /// Where one of the words with these marks may stand, by [`mark`].
    pub(super) fn marked(&self, marks: u64) -> impl Iterator<Item = usize> + '_ {
        let marked = self.marks.iter().enumerate().filter(move |(_, mark)| **mark & marks != 0);
        marked.map(|(place, _)| place)
    }

    /// Whether there was nothing to read.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// All words.
    pub fn all(&self) -> &[String] {
        &self.words
    }

    /// One word, or nothing beyond the end.
    pub fn at(&self, index: usize) -> &str {
        self.words.get(index).map_or("", String::as_str)
    }

    /// Whether the words at `index` are exactly these.
    pub fn are(&self, index: usize, these: &[impl AsRef<str>]) -> bool {
        these.iter().enumerate().all(|(offset, word)| self.at(index + offset) == word.as_ref())
    }

    /// Whether a comma or full stop stood before this word.
    pub fn pauses_before(&self, index: usize) -> bool {
        self.breaks.contains(&index)
    }

    fn take(&mut self, piece: &str) {
        let is_sign = |sign: char| !(sign.is_alphanumeric() || sign == '\'');
        let ends_clause = piece.ends_with([',', '.', ';', '!', '?']);
        let core = piece.trim_matches(is_sign);
        for part in core.split(|sign: char| is_sign(sign) && sign != ':' && sign != '/') {
            self.take_word(part.trim_matches('\''));
        }
        if ends_clause {
            self.breaks.push(self.words.len());
        }
    }

    fn take_word(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        if let Some((digits, letters)) = clock_with_letters(word) {
            self.words.extend([digits.to_string(), letters.to_string()]);
            return;
        }
        match open_contraction(word) {
            Some(opened) => self.words.extend(opened.split(' ').map(ToString::to_string)),
            None if word.contains('\'') => self.words.push(word.replace('\'', "")),
            None => self.words.push(word.to_string()),
        }
    }
}

/// In lower case, with one kind of apostrophe, and the halves of the day without their stops.
fn plain(text: &str) -> String {
    let mut text = text.to_lowercase();
    if text.contains(APOSTROPHES) {
        text = text.replace(APOSTROPHES, "'");
    }
    if text.contains(".m.") {
        text = text.replace("a.m.", "am").replace("p.m.", "pm");
    }
    text
}

/// Signs that people and recognisers write where `'` is meant.
const APOSTROPHES: [char; 3] = ['’', '`', '´'];

/// Places between the words of one utterance, each once. Copied and joined without memory of its own: most of the time
/// that reading takes goes by here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places([u64; PLACES]);

/// So many times 64 places are enough for [`MOST_WORDS`], and one behind the last.
const PLACES: usize = MOST_WORDS / 64 + 1;

impl Places {
    /// This one; none, if no utterance is as long.
    pub fn one(place: usize) -> Places {
        let mut places = Places::default();
        if let Some(bits) = places.0.get_mut(place / 64) {
            *bits = 1 << (place % 64);
        }
        places
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, those: Places) -> Places {
        self.0.iter_mut().zip(those.0).for_each(|(these, those)| *these |= those);
        self
    }

    /// From the first to the last.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let of_bits = |(nth, mut bits): (usize, u64)| {
            std::iter::from_fn(move || {
                let lowest = (bits != 0).then(|| nth * 64 + bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
                Some(lowest)
            })
        };
        self.0.into_iter().enumerate().flat_map(of_bits)
    }

    /// The last.
    pub fn last(self) -> Option<usize> {
        let highest = self.0.iter().enumerate().rev().find(|(_, bits)| **bits != 0);
        highest.map(|(nth, bits)| nth * 64 + bits.ilog2() as usize)
    }
}

/// One of 64 bits, by a word's first and last letter and its length: enough to tell most words apart at a glance.
pub(super) fn mark(word: &str) -> u64 {
    let letter = |byte: Option<&u8>| byte.copied().map_or(0, usize::from);
    let bytes = word.as_bytes();
    1 << ((letter(bytes.first()) * 7 + letter(bytes.last()) * 3 + bytes.len()) % 64)
}

/// "10am" and "3:30pm" are two words each.
fn clock_with_letters(word: &str) -> Option<(&str, &str)> {
    let split = word.find(|sign: char| !(sign.is_ascii_digit() || sign == ':'))?;
    let (digits, letters) = word.split_at(split);
    (!digits.is_empty() && matches!(letters, "am" | "pm" | "oclock" | "ish")).then_some((digits, letters))
}

fn open_contraction(word: &str) -> Option<String> {
    let whole = match word {
        "can't" | "cannot" | "cant" => "can not",
        "won't" | "wont" => "will not",
        "don't" | "dont" => "do not",
        "doesn't" | "doesnt" => "does not",
        "isn't" | "isnt" => "is not",
        "aren't" => "are not",
        "didn't" => "did not",
        "shouldn't" => "should not",
        "wasn't" => "was not",
        "couldn't" => "could not",
        "o'clock" => "oclock",
        "let's" | "lets" => "let us",
        "i'm" | "im" => "i am",
        "gonna" => "going to",
        "wanna" => "want to",
        "asap" => "as soon as possible",
        _ => return by_ending(word),
    };
    Some(whole.to_string())
}

fn by_ending(word: &str) -> Option<String> {
    let endings = [("'s", " is"), ("'re", " are"), ("'ve", " have"), ("'ll", " will"), ("'d", " would")];
    endings
        .iter()
        .find_map(|(ending, opened)| word.strip_suffix(ending).map(|stem| format!("{stem}{opened}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_and_spoken_text_become_the_same_words() {
        for (text, words) in [
            ("Yes, that's right!", "yes that is right"),
            ("I can’t do Monday.", "i can not do monday"),
            ("10am, or 3:30 p.m.", "10 am or 3:30 pm"),
            ("at ten o'clock", "at ten oclock"),
            ("twenty-four", "twenty four"),
            ("12/1", "12/1"),
            ("   ", ""),
            ("?!?", ""),
            ("'''", ""),
        ] {
            assert_eq!(Words::of(text).all().join(" "), words);
        }
        assert!(Words::of("no, wednesday").pauses_before(1));
        assert_eq!(Words::of(&"word ".repeat(10_000)).len(), MOST_WORDS);
    }

    #[test]
    fn places_are_kept_once_and_in_order() {
        let kept = [3, 64, 0, 3, MOST_WORDS].map(Places::one).into_iter().reduce(Places::and).unwrap();
        assert_eq!(kept.iter().collect::<Vec<_>>(), [0, 3, 64, MOST_WORDS]);
        assert_eq!(kept.last(), Some(MOST_WORDS));
        assert_eq!(Places::default().last(), None);
        assert_eq!(Places::one(10_000), Places::default());
    }
}
