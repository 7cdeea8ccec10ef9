//! What a SIP word means at a front desk, in one place.

use desk::number::{Country, E164};
use desk::record::Tried;
use sip::{Invitation, Unanswered};

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

/// Who calls: the network's word (P-Asserted-Identity, RFC 3325) before the phone's own From.
///
/// A trunk is trusted to tell; what a stranger writes never gets here.
pub(crate) fn caller(invitation: &Invitation, country: Country) -> Option<E164> {
    let asserted = invitation.p_asserted_identity.iter().filter_map(|value| user_of(value));
    asserted.chain([invitation.from.user.clone()]).find_map(|user| E164::parse(&user, country).ok())
}

/// Who forwarded the call here, last diversion first (RFC 5806).
pub(crate) fn diverted_by(invitation: &Invitation, country: Country) -> Option<String> {
    let user = invitation.diversion.first().and_then(|value| user_of(value))?;
    Some(E164::parse(&user, country).map_or(user, |number| number.as_str().to_string()))
}

fn user_of(header: &str) -> Option<String> {
    let address = sip::Address::parse(header)?;
    sip::Uri::parse(address.uri).ok().map(|uri| uri.user_text())
}
