//! What the log tells of a call when somebody asks for more: names, lengths and durations.
//!
//! Off unless `FIRSTRING_LOG` asks for it, as in `warn,firstring::desk=debug`: `firstring::sip` has a line for each
//! datagram, `firstring::media` and `firstring::line` for each event and order, `firstring::desk` for what each call was
//! told, and `firstring::store` for each write and how long the disk took.
//!
//! Invariant: nothing of a call's content stands in a line. Of a value only its variant's name is shown, of a datagram only
//! its method or status.

use std::fmt::{self, Debug, Display, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use desk::record::{CallId, Record};

/// The name of a value's variant, and nothing of what it holds.
pub struct Name<'a, T>(pub &'a T);

impl<T: Debug> Display for Name<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = FirstWord { out: f, is_over: false };
        // Ended on purpose after the first word, or a failure that the next write meets as well.
        let _ = write!(first, "{:?}", self.0);
        Ok(())
    }
}

/// Lets through letters and digits up to the first other sign.
struct FirstWord<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    is_over: bool,
}

impl fmt::Write for FirstWord<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let length = text.find(|sign: char| !sign.is_ascii_alphanumeric()).unwrap_or(text.len());
        if !self.is_over {
            self.out.write_str(&text[..length])?;
        }
        self.is_over |= length < text.len();
        if self.is_over { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The method of a request or the status of a response. RFC 3261, sections 7.1 and 7.2.
///
/// A stranger writes what it likes: anything but a short word in capitals or three digits is not shown.
pub fn kind(datagram: &[u8]) -> &str {
    let mut words = datagram.splitn(3, |byte| *byte == b' ');
    let first = words.next().unwrap_or_default();
    let word = if first == b"SIP/2.0" { words.next().unwrap_or_default() } else { first };
    let is_method = (3..=9).contains(&word.len()) && word.iter().all(u8::is_ascii_uppercase);
    let is_status = first != word && word.len() == 3 && word.iter().all(u8::is_ascii_digit);
    match std::str::from_utf8(word) {
        Ok(word) if is_method || is_status => word,
        Ok(_) | Err(_) => "unreadable",
    }
}

/// One line for a target of a trunk's host that does not take calls: said once, until it serves again.
pub fn target_failed(trunk: &str, remote: SocketAddr, status: Option<u16>) {
    match status {
        Some(status) => {
            tracing::warn!(trunk, %remote, status, "A target of the trunk's host refuses calls for now, others are called first");
        }
        None => {
            tracing::warn!(trunk, %remote, "A target of the trunk's host does not answer calls, others are called first; check the network and the firewall if it stays so");
        }
    }
}

/// One line for a call that is over: where it ended, and what its caller waited for.
pub fn over(record: &Record) {
    tracing::debug!(
        target: "firstring::desk",
        call = %record.id,
        outcome = record.outcome.name(),
        ended_by = %Name(&record.ended_by),
        steps = record.steps.len(),
        turns = record.turns.len(),
        troubles = record.troubles.len(),
        answer_ms = record.answer_ms,
        first_word_ms = record.first_word_ms,
        longest_silence_ms = record.longest_silence_ms,
        "A call is over"
    );
}

/// One line for a write that the store has answered.
pub fn stored(call: Option<&CallId>, stored: bool, took: Duration) {
    let call = call.map(|call| &*call.0);
    let took_us = took.as_micros();
    tracing::debug!(target: "firstring::store", call, stored, took_us, "The store has answered");
}

#[cfg(test)]
mod tests {
    use super::*;
    use desk::private::Private;

    #[derive(Debug)]
    #[allow(dead_code, reason = "only its Debug is looked at")]
    enum Told {
        Plain,
        Words(String),
        Named { who: Private<String> },
    }

    #[test]
    fn of_a_value_only_the_name_of_its_variant_is_shown() {
        let words = || "kitchen sink".to_string();
        assert_eq!(Name(&Told::Plain).to_string(), "Plain");
        assert_eq!(Name(&Told::Words(words())).to_string(), "Words");
        assert_eq!(Name(&Told::Named { who: Private::new(words()) }).to_string(), "Named");
        assert_eq!(Name(&Some(words())).to_string(), "Some");
        assert_eq!(Name(&words()).to_string(), "", "a text has no name");
    }

    #[test]
    fn of_a_datagram_only_its_method_or_status_is_shown() {
        for (datagram, shown) in [
            ("INVITE sip:+13125550100@192.0.2.1 SIP/2.0\r\n", "INVITE"),
            ("SIP/2.0 486 Busy Here\r\n", "486"),
            ("SIP/2.0 +13125550143 x", "unreadable"),
            ("+13125550143 is who calls", "unreadable"),
            ("invite me", "unreadable"),
            ("486 x", "unreadable"),
            ("\u{1b}[31m SIP/2.0", "unreadable"),
            ("", "unreadable"),
        ] {
            assert_eq!(kind(datagram.as_bytes()), shown, "{datagram}");
        }
    }
}
