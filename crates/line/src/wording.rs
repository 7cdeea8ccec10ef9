//! What a SIP word means at a front desk, in one place.

use desk::number::{Country, E164};
use desk::record::{Diverted, Tried, Verification};
use sip::{DivertedWhy, Invitation, Unanswered};

use crate::habits::VerifiedIn;

/// What came of ringing a person, from why their leg was not answered.
pub(crate) fn tried(why: Unanswered) -> Tried {
    match why {
        Unanswered::Busy => Tried::Busy,
        Unanswered::Declined => Tried::Declined,
        Unanswered::RangOut | Unanswered::Absent | Unanswered::Cancelled => Tried::NoAnswer,
        Unanswered::NotFound
        | Unanswered::NotAcceptable
        | Unanswered::Unauthorized
        | Unanswered::Moved
        | Unanswered::Failed
        | Unanswered::Silent
        | Unanswered::Unusable
        | Unanswered::Other => Tried::Unreachable,
    }
}

/// What a phone is told that put a caller through, as the status of a call.
pub(crate) fn told_to_person(came: Tried) -> u16 {
    match came {
        Tried::Answered | Tried::HandedOver => 200,
        Tried::Busy => 486,
        Tried::Declined => 603,
        Tried::NoAnswer | Tried::Machine | Tried::HungUp => 480,
        Tried::Stopped => 487,
        Tried::Unreachable
        | Tried::ChannelsFull
        | Tried::WouldLoop
        | Tried::HandoverRefused
        | Tried::HandoverUntold => 503,
    }
}

/// What some networks write instead of a number that is withheld: `anonymous`, `restricted`, `blocked`, `unknown` and
/// `unavailable`, spelled on the keys of a telephone.
const SPELLED: [&str; 5] = ["266696687", "7378742833", "2562533", "8656696", "86282452253"];

/// Who calls: the network's word (P-Asserted-Identity, RFC 3325) before the phone's own From. Nobody, if the caller
/// asked for that (RFC 3323): what a caller withholds is not used, even where the network tells it.
///
/// A trunk is trusted to tell; what a stranger writes never gets here.
pub(crate) fn caller(invitation: &Invitation, country: Country) -> Option<E164> {
    if is_withheld(invitation) {
        return None;
    }
    named(invitation, country).next()
}

/// Whom the network names as the caller, whether or not it may be used.
pub(crate) fn named(invitation: &Invitation, country: Country) -> impl Iterator<Item = E164> {
    let asserted = invitation.p_asserted_identity.iter().filter_map(|value| user_of(value));
    let users = asserted.chain([invitation.from.user.clone()]);
    let told = users.filter(|user| !SPELLED.contains(&user.trim_start_matches('+')));
    told.filter_map(move |user| E164::parse(&user, country).ok())
}

fn is_withheld(invitation: &Invitation) -> bool {
    let words = invitation.privacy.iter().flat_map(|value| value.split([';', ',']));
    words.map(str::trim).any(|word| ["id", "user", "header"].iter().any(|one| word.eq_ignore_ascii_case(one)))
}

/// Who forwarded the call here and why: the last who did.
pub(crate) fn diverted(invitation: &Invitation, country: Country) -> Option<(String, Option<Diverted>)> {
    let last = invitation.diversions().into_iter().next()?;
    let user = E164::parse(&last.user, country).map_or(last.user, |number| number.as_str().to_string());
    Some((user, last.why.map(because)))
}

fn because(why: DivertedWhy) -> Diverted {
    match why {
        DivertedWhy::Unconditional => Diverted::Always,
        DivertedWhy::UserBusy => Diverted::Busy,
        DivertedWhy::NoAnswer => Diverted::NoAnswer,
        DivertedWhy::Unavailable => Diverted::Unreachable,
        DivertedWhy::Deflection => Diverted::Deflected,
        DivertedWhy::Other => Diverted::Otherwise,
    }
}

/// What the carrier says about the caller's number, where it says it.
pub(crate) fn verification(invitation: &Invitation, stands_in: &VerifiedIn) -> Option<Verification> {
    let value = match stands_in {
        VerifiedIn::Identity => invitation.p_asserted_identity.iter().find_map(|value| verstat_of(value))?,
        VerifiedIn::Header(name) => {
            let own = invitation.extensions.iter().find(|(spelled, _)| spelled.eq_ignore_ascii_case(name));
            own.map(|(_, value)| value.clone())?
        }
    };
    let is_diverted = !invitation.diversions().is_empty();
    verified(&value, is_diverted)
}

/// `TN-Validation-Passed-A` and its kin: 3GPP TS 24.229 section 7.2A.20, with what carriers add to it.
///
/// A signature names the number that was dialled first. So on a forwarded call one that does not fit proves nothing,
/// and one of whoever forwarded it (`-Diverted`) speaks of them.
fn verified(value: &str, is_diverted: bool) -> Option<Verification> {
    let value = value.trim().trim_matches('"').to_ascii_lowercase();
    if value.ends_with("-diverted") || value == "no-tn-validation" {
        return Some(Verification::NotChecked);
    }
    let value = value.strip_suffix("-passthrough").unwrap_or(&value);
    if let Some(attested) = value.strip_prefix("tn-validation-passed") {
        return Some(match attested {
            "-a" => Verification::PassedA,
            "-b" => Verification::PassedB,
            "-c" => Verification::PassedC,
            _ => Verification::Passed,
        });
    }
    let has_failed = value.starts_with("tn-validation-failed");
    has_failed.then_some(if is_diverted { Verification::NotChecked } else { Verification::Failed })
}

/// The parameter `verstat`, which stands in the user part (as in a tel URI), in the URI, or behind it.
fn verstat_of(header: &str) -> Option<String> {
    let address = sip::Address::parse(header)?;
    let uri = address.parsed_uri().ok()?;
    let found =
        uri.user_param("verstat").or_else(|| uri.param("verstat")).or_else(|| address.param("verstat"));
    found.map(str::to_string)
}

fn user_of(header: &str) -> Option<String> {
    let address = sip::Address::parse(header)?;
    address.parsed_uri().ok().map(|uri| uri.user_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verification_is_read_wherever_the_carrier_puts_it() {
        for header in [
            "\"Dana\" <sip:+13125550143@sip.example.com;verstat=TN-Validation-Passed-A>",
            "<sip:+13125550143;verstat=TN-Validation-Passed-A@sip.example.com;user=phone>",
            "<tel:+13125550143;verstat=TN-Validation-Passed-A>",
            "<sip:+13125550143@sip.example.com>;verstat=TN-Validation-Passed-A",
        ] {
            assert_eq!(verstat_of(header).as_deref(), Some("TN-Validation-Passed-A"), "{header}");
        }
        assert_eq!(verstat_of("<sip:+13125550143@sip.example.com>"), None);
    }

    #[test]
    fn a_forwarded_call_is_never_called_false_for_being_forwarded() {
        for (value, straight, forwarded) in [
            ("TN-Validation-Passed-A", Verification::PassedA, Verification::PassedA),
            ("TN-Validation-Passed-C-Passthrough", Verification::PassedC, Verification::PassedC),
            ("TN-Validation-Passed", Verification::Passed, Verification::Passed),
            ("tn-validation-failed-b", Verification::Failed, Verification::NotChecked),
            ("TN-Validation-Failed", Verification::Failed, Verification::NotChecked),
            ("TN-Validation-Passed-A-Diverted", Verification::NotChecked, Verification::NotChecked),
            ("No-TN-Validation", Verification::NotChecked, Verification::NotChecked),
        ] {
            assert_eq!(verified(value, false), Some(straight), "{value}");
            assert_eq!(verified(value, true), Some(forwarded), "{value}");
        }
        assert_eq!(verified("NULL", false), None);
    }
}
