//! Telephone numbers: read once, in one form, `+13125550143`.
//!
//! Whether a number may be dialled is decided elsewhere; here it is only possible or not. Fictional
//! numbers (555-01xx) are possible on purpose.
//! Invariant: an [`E164`] is `+`, a digit that is not zero, and 6 to 14 more digits (ITU-T E.164, 6.2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A telephone number in international form. `Display` prints it whole; `Debug` masks it, for logs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

impl E164 {
    /// Reads a number as people and carriers write it: `(312) 555-0143`, `+1 312 555 0143`, `tel:+1312…`.
    ///
    /// Without a `+`, `country` says how it is meant.
    pub fn parse(text: &str, country: Country) -> Result<E164, NumberError> {
        let text = text.trim();
        let text = text.strip_prefix("tel:").unwrap_or(text);
        let (international, rest) = match text.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut digits = String::with_capacity(16);
        for sign in rest.chars() {
            match sign {
                '0'..='9' if digits.len() < 20 => digits.push(sign),
                ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' => {}
                _ => return Err(NumberError::NoNumber),
            }
        }
        if digits.is_empty() {
            return Err(NumberError::NoNumber);
        }
        let digits = if international { digits } else { country.internationalise(&digits)? };
        E164::from_digits(&digits)
    }

    fn from_digits(digits: &str) -> Result<E164, NumberError> {
        if digits.starts_with('0') {
            return Err(NumberError::NoCountry);
        }
        match digits.len() {
            0..=6 => return Err(NumberError::TooShort),
            16.. => return Err(NumberError::TooLong),
            7..=15 => {}
        }
        if let Some(national) = digits.strip_prefix('1') {
            north_american(national)?;
        }
        Ok(E164(format!("+{digits}")))
    }

    /// With the `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the `+`.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The last four digits as words: "zero one four three".
    pub fn spoken_ending(&self) -> String {
        spell(&self.0[self.0.len() - 4..])
    }

    /// The whole number as words, in groups with a pause: "three one two, five five five, zero one four three".
    pub fn spoken(&self) -> String {
        match self.digits().strip_prefix('1') {
            Some(national) => {
                format!("{}, {}, {}", spell(&national[..3]), spell(&national[3..6]), spell(&national[6..]))
            }
            None => format!("plus {}", spell(self.digits())),
        }
    }
}

/// Digits as words.
fn spell(digits: &str) -> String {
    const NAMES: [&str; 10] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let names: Vec<_> =
        digits.bytes().filter_map(|d| NAMES.get(usize::from(d.wrapping_sub(b'0')))).copied().collect();
    names.join(" ")
}

/// Area code and exchange begin with 2 to 9 (North American Numbering Plan, ATIS-0300051).
fn north_american(national: &str) -> Result<(), NumberError> {
    match national.len() {
        0..10 => return Err(NumberError::TooShort),
        11.. => return Err(NumberError::TooLong),
        10 => {}
    }
    let digits = national.as_bytes();
    if digits[0] < b'2' || digits[3] < b'2' || &digits[1..3] == b"11" {
        return Err(NumberError::NotDialled);
    }
    Ok(())
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.0[..2])
    }
}

impl FromStr for E164 {
    type Err = NumberError;

    /// Only the international form: without a country, a number without `+` says nothing.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.trim_start().starts_with(['+', 't']) {
            return Err(NumberError::NoCountry);
        }
        E164::parse(text, Country::US)
    }
}

impl TryFrom<String> for E164 {
    type Error = NumberError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<E164> for String {
    fn from(number: E164) -> String {
        number.0
    }
}

/// Why something is no telephone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// Letters, an address, or nothing.
    #[error("this is not a telephone number; write it like +13125550143")]
    NoNumber,
    /// A digit is missing.
    #[error("the number is too short; write it whole, like +13125550143")]
    TooShort,
    /// More than 15 digits, or more than its country has.
    #[error("the number has too many digits; write it like +13125550143")]
    TooLong,
    /// It cannot be told which country it is in.
    #[error("the number lacks its country; write it with + and the country code, like +13125550143")]
    NoCountry,
    /// No such area code or exchange can exist.
    #[error("no number can be dialled with this area code or exchange; check the first six digits")]
    NotDialled,
}

/// A country, as far as reading a number without `+` and knowing its holidays needs it. ISO 3166-1 alpha-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Country {
    iso: &'static str,
    calling_code: &'static str,
    /// Dialled before a national number inside the country; not part of the international form.
    trunk_prefix: &'static str,
    /// Dialled before an international number.
    exit_prefix: &'static str,
}

/// Calling codes and prefixes: ITU-T E.164 Annex and national dialling procedures (ITU Operational Bulletin).
const COUNTRIES: [Country; 18] = [
    Country::US,
    country("CA", "1", "1", "011"),
    country("PR", "1", "1", "011"),
    country("GB", "44", "0", "00"),
    country("IE", "353", "0", "00"),
    country("AU", "61", "0", "0011"),
    country("NZ", "64", "0", "00"),
    country("DE", "49", "0", "00"),
    country("AT", "43", "0", "00"),
    country("CH", "41", "0", "00"),
    country("FR", "33", "0", "00"),
    country("BE", "32", "0", "00"),
    country("NL", "31", "0", "00"),
    country("SE", "46", "0", "00"),
    country("ES", "34", "", "00"),
    country("PT", "351", "", "00"),
    country("DK", "45", "", "00"),
    country("NO", "47", "", "00"),
];

const fn country(
    iso: &'static str,
    calling_code: &'static str,
    trunk: &'static str,
    exit: &'static str,
) -> Country {
    Country { iso, calling_code, trunk_prefix: trunk, exit_prefix: exit }
}

impl Country {
    /// The United States.
    pub const US: Country = country("US", "1", "1", "011");

    /// Two letters, like `US`.
    pub fn iso(self) -> &'static str {
        self.iso
    }

    /// How many digits a caller enters for a number of this country, where that is fixed.
    pub fn national_digits(self) -> Option<usize> {
        (self.calling_code == "1").then_some(10)
    }

    /// A number as it is dialled inside this country: of this country with or without the prefix of a long-distance
    /// call, of another one after the prefix that leads abroad.
    pub fn dials(self, number: &E164, long_distance: bool) -> String {
        match number.digits().strip_prefix(self.calling_code) {
            Some(national) if long_distance => format!("{}{national}", self.trunk_prefix),
            Some(national) => national.to_string(),
            None => format!("{}{}", self.exit_prefix, number.digits()),
        }
    }

    fn internationalise(self, digits: &str) -> Result<String, NumberError> {
        if let Some(abroad) = digits.strip_prefix(self.exit_prefix) {
            return Ok(abroad.to_string());
        }
        if self.calling_code == "1" {
            return match digits.len() {
                0..10 => Err(NumberError::TooShort),
                10 => Ok(format!("1{digits}")),
                11 if digits.starts_with('1') => Ok(digits.to_string()),
                11.. => Err(NumberError::TooLong),
            };
        }
        let national = match self.trunk_prefix {
            "" => digits,
            prefix => digits.strip_prefix(prefix).ok_or(NumberError::NoCountry)?,
        };
        Ok(format!("{}{national}", self.calling_code))
    }
}

/// A country this desk cannot read national numbers of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a country known here; use two letters like US, CA or GB, and write numbers with + otherwise"
)]
pub struct UnknownCountry(pub String);

impl FromStr for Country {
    type Err = UnknownCountry;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = COUNTRIES.iter().find(|c| c.iso.eq_ignore_ascii_case(text.trim()));
        known.copied().ok_or_else(|| UnknownCountry(text.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_however_it_is_written() {
        for (text, country, read) in [
            ("+13125550143", "US", "+13125550143"),
            ("(312) 555-0143", "US", "+13125550143"),
            ("1-312-555-0143", "CA", "+13125550143"),
            ("312.555.0143", "US", "+13125550143"),
            ("tel:+1 312 555 0143", "GB", "+13125550143"),
            ("011 44 20 7946 0018", "US", "+442079460018"),
            ("020 7946 0018", "GB", "+442079460018"),
            ("0044 20 7946 0018", "DE", "+442079460018"),
            ("+442079460018", "US", "+442079460018"),
        ] {
            let country = country.parse().unwrap();
            assert_eq!(E164::parse(text, country).map(|n| n.to_string()), Ok(read.to_string()), "{text}");
        }
    }

    #[test]
    fn a_number_is_dialled_as_people_of_the_country_do() {
        for (country, number, long_distance, dialled) in [
            ("US", "+13125550143", true, "13125550143"),
            ("US", "+13125550143", false, "3125550143"),
            ("US", "+442079460018", false, "011442079460018"),
            ("GB", "+442079460018", true, "02079460018"),
            ("ES", "+34911230143", true, "911230143"),
            ("DE", "+13125550143", true, "0013125550143"),
        ] {
            let country: Country = country.parse().unwrap();
            assert_eq!(country.dials(&number.parse().unwrap(), long_distance), dialled);
        }
    }

    #[test]
    fn what_is_no_number_is_refused_with_the_reason() {
        for (text, why) in [
            ("anonymous", NumberError::NoNumber),
            ("", NumberError::NoNumber),
            ("+", NumberError::NoNumber),
            ("5550143", NumberError::TooShort),
            ("020 7946 0018", NumberError::TooLong),
            ("+0125550143", NumberError::NoCountry),
            ("112 555 0143", NumberError::NotDialled),
            ("312 155 0143", NumberError::NotDialled),
            ("911 555 0143", NumberError::NotDialled),
            ("+1312555014388888", NumberError::TooLong),
            ("+1312555014x", NumberError::NoNumber),
            ("99999999999999999999999999", NumberError::NoNumber),
            ("٣١٢٥٥٥٠١٤٣", NumberError::NoNumber),
        ] {
            assert_eq!(E164::parse(text, Country::US).map(|n| n.to_string()), Err(why), "{text}");
        }
    }

    #[test]
    fn a_number_is_spoken_in_words_and_masked_in_logs() {
        let number: E164 = "+13125550143".parse().unwrap();
        assert_eq!(number.spoken_ending(), "zero one four three");
        assert_eq!(number.spoken(), "three one two, five five five, zero one four three");
        assert_eq!(format!("{number:?}"), "+1…");
    }

    #[test]
    fn an_unknown_country_is_refused_in_a_sentence() {
        let error = "Utopia".parse::<Country>().unwrap_err();
        assert!(error.to_string().starts_with("\"Utopia\" is not a country known here"));
    }
}
