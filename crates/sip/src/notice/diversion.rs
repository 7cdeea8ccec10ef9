//! Who sent a call on to us, and why: Diversion (RFC 5806) and History-Info (RFC 7044), read alike.
//!
//! Both are what some network writes down in good faith, in as many dialects as there are networks; nothing here was
//! verified. What a diversion means for a call is decided by whoever asks.

use super::Invitation;
use crate::address::Address;
use crate::grammar::unescape;

/// One who sent the call on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DivertedBy {
    /// User part with escapes undone: mostly a number.
    pub user: String,
    /// Why; `None` if that is not said.
    pub why: Option<DivertedWhy>,
}

/// Why a call was sent on. RFC 5806 section 7, RFC 4458 section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DivertedWhy {
    /// `unconditional`, 302.
    Unconditional,
    /// `user-busy`, 486.
    UserBusy,
    /// `no-answer`, 408.
    NoAnswer,
    /// `unavailable`, `out-of-service`, 404 and 503.
    Unavailable,
    /// `deflection`, 480 and 487.
    Deflection,
    /// `time-of-day`, `do-not-disturb`, `follow-me`, `away`, `unknown` and anything else.
    Other,
}

impl Invitation {
    /// Who sent this call on, the last one first. Diversion is believed before History-Info, where both stand.
    pub fn diversions(&self) -> Vec<DivertedBy> {
        let told: Vec<DivertedBy> = self.diversion.iter().filter_map(|text| diverted(text)).collect();
        if told.is_empty() { history(&self.history_info) } else { told }
    }
}

/// One Diversion entry: `<sip:+13125550100@example.net>;reason=no-answer;counter=1`.
fn diverted(text: &str) -> Option<DivertedBy> {
    let address = Address::parse(text)?;
    let user = address.parsed_uri().ok()?.user_text();
    let why =
        address.param("reason").map(|reason| match reason.trim_matches('"').to_ascii_lowercase().as_str() {
            "unconditional" => DivertedWhy::Unconditional,
            "user-busy" => DivertedWhy::UserBusy,
            "no-answer" => DivertedWhy::NoAnswer,
            "unavailable" | "out-of-service" => DivertedWhy::Unavailable,
            "deflection" => DivertedWhy::Deflection,
            _ => DivertedWhy::Other,
        });
    (!user.is_empty()).then_some(DivertedBy { user, why })
}

/// The targets a call has had before its present one, which the last entry names: each but the last was left for the
/// next, for the reason it carries itself (RFC 7044 section 10.2) or the next one does (`cause`, RFC 4458).
///
/// An entry that stands for the same number as the next one was only routed, not sent on.
fn history(entries: &[String]) -> Vec<DivertedBy> {
    let targets: Vec<Target> = entries.iter().filter_map(|entry| target(entry)).collect();
    let steps = targets.windows(2).filter(|pair| pair[0].user != pair[1].user);
    let mut steps: Vec<DivertedBy> = steps
        .map(|pair| DivertedBy { user: pair[0].user.clone(), why: pair[0].left.or(pair[1].cause) })
        .collect();
    steps.reverse();
    steps
}

/// One History-Info entry.
struct Target {
    user: String,
    /// Why it was left, from a Reason header inside its URI.
    left: Option<DivertedWhy>,
    /// Why the one before it was left.
    cause: Option<DivertedWhy>,
}

fn target(entry: &str) -> Option<Target> {
    let address = Address::parse(entry)?;
    let uri = address.parsed_uri().ok()?;
    let user = uri.user_text();
    let left = address.uri.split_once('?').and_then(|(_, headers)| left_because(headers));
    let cause = uri.param("cause").and_then(|code| code.parse().ok()).map(by_status);
    (!user.is_empty()).then_some(Target { user, left, cause })
}

/// The reason among the headers of a URI: `Reason=SIP%3Bcause%3D486&Privacy=none`. RFC 3326.
fn left_because(headers: &str) -> Option<DivertedWhy> {
    let is_reason = |header: &&str| header.get(..7).is_some_and(|name| name.eq_ignore_ascii_case("Reason="));
    let value = unescape(headers.split('&').find(is_reason)?.get(7..)?);
    let (protocol, params) = value.split_once(';')?;
    let cause = params.split(';').find_map(|one| one.trim().strip_prefix("cause="))?;
    let cause: u16 = cause.trim().parse().ok()?;
    Some(if protocol.trim().eq_ignore_ascii_case("Q.850") { by_q850(cause) } else { by_status(cause) })
}

/// RFC 4458 section 2.
fn by_status(status: u16) -> DivertedWhy {
    match status {
        302 => DivertedWhy::Unconditional,
        486 => DivertedWhy::UserBusy,
        408 => DivertedWhy::NoAnswer,
        404 | 503 => DivertedWhy::Unavailable,
        480 | 487 => DivertedWhy::Deflection,
        _ => DivertedWhy::Other,
    }
}

/// ITU-T Q.850 table 1: user busy, no user responding, no answer from user, subscriber absent, destination out of order.
fn by_q850(cause: u16) -> DivertedWhy {
    match cause {
        17 => DivertedWhy::UserBusy,
        18 | 19 => DivertedWhy::NoAnswer,
        20 | 27 => DivertedWhy::Unavailable,
        _ => DivertedWhy::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_history(entries: &[&str]) -> Vec<(String, Option<DivertedWhy>)> {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        history(&entries).into_iter().map(|one| (one.user, one.why)).collect()
    }

    #[test]
    fn a_diversion_names_who_and_why() {
        for (text, user, why) in [
            (
                "<sip:+13125550100@192.0.2.9>;reason=no-answer;counter=1",
                "+13125550100",
                Some(DivertedWhy::NoAnswer),
            ),
            (
                "\"Front\" <tel:+13125550100>;reason=\"user-busy\"",
                "+13125550100",
                Some(DivertedWhy::UserBusy),
            ),
            (
                "<sip:13125550100@example.net;user=phone>;reason=unconditional",
                "13125550100",
                Some(DivertedWhy::Unconditional),
            ),
            ("sip:101@pbx.example.com;reason=do-not-disturb", "101", Some(DivertedWhy::Other)),
            ("<sip:101@pbx.example.com>", "101", None),
        ] {
            assert_eq!(diverted(text), Some(DivertedBy { user: user.to_owned(), why }), "{text}");
        }
        assert_eq!(diverted("<sip:192.0.2.9>;reason=no-answer"), None, "a machine is nobody");
        assert_eq!(diverted("no address"), None);
    }

    #[test]
    fn a_history_names_who_left_the_call_to_whom_and_why() {
        // RFC 7044 section 10.2: the reason stands with the target that was left.
        let left = [
            "<sip:+13125550100@example.net?Reason=SIP%3Bcause%3D408>;index=1",
            "<sip:+13125550101@192.0.2.1>;index=1.1;mp=1",
        ];
        assert_eq!(of_history(&left), [("+13125550100".to_owned(), Some(DivertedWhy::NoAnswer))]);
        // RFC 4458: the cause stands with the new target.
        let cause =
            ["<sip:+13125550100@example.net>;index=1", "<sip:+13125550101@192.0.2.1;cause=486>;index=1.1"];
        assert_eq!(of_history(&cause), [("+13125550100".to_owned(), Some(DivertedWhy::UserBusy))]);
        let q850 = [
            "<sip:101@example.net?Privacy=none&Reason=Q.850%3Bcause%3D20%3Btext%3D%22off%22>;index=1",
            "<sip:+13125550101@192.0.2.1>;index=1.1",
        ];
        assert_eq!(of_history(&q850), [("101".to_owned(), Some(DivertedWhy::Unavailable))]);
    }

    #[test]
    fn routing_to_the_same_number_is_no_diversion_and_the_last_one_comes_first() {
        let entries = [
            "<sip:+13125550100@a.example.net>;index=1",
            "<sip:+13125550100@b.example.net>;index=1.1",
            "<sip:+13125550101@b.example.net;cause=302>;index=1.1.1",
            "<sip:+13125550102@192.0.2.1;cause=408>;index=1.1.1.1",
        ];
        assert_eq!(
            of_history(&entries),
            [
                ("+13125550101".to_owned(), Some(DivertedWhy::NoAnswer)),
                ("+13125550100".to_owned(), Some(DivertedWhy::Unconditional)),
            ]
        );
        assert_eq!(of_history(&entries[..2]), []);
        assert_eq!(of_history(&["<sip:+13125550100@a.example.net>;index=1"]), []);
    }

    #[test]
    fn broken_history_is_passed_over() {
        for text in
            ["", "<", "<sip:@x>", "<sip:a@b?Reason=>", "<sip:a@b?Reason=SIP%3Bcause%3Dx>", "<sip:a@b?%>"]
        {
            assert!(of_history(&[text, "<sip:+13125550101@192.0.2.1>"]).len() <= 1, "{text}");
        }
    }
}
