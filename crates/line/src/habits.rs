//! How one trunk writes numbers, shows who calls, and takes a refusal: what differs from carrier to carrier.
//!
//! A carrier's name is unknown here; the shell says what its habits are. What a number means is decided in
//! `desk`, how a header is written in `sip`.

use desk::number::{Country, E164};
use sip::Extra;
use sip::sdp::{Codec, Suite};

/// What is particular about one trunk. The default suits most carriers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habits {
    /// How a number is written when it is dialled.
    pub numbers: NumberForm,
    /// Dialled before every number, like an account's technical prefix or the 9 of an outside line; taken off where it
    /// stands before a number that was dialled to reach us.
    pub prefix: String,
    /// How we say who calls.
    pub caller_id: CallerId,
    /// What a caller is answered when every channel is taken.
    pub full: Full,
    /// Channels kept for callers: no person is rung on the last ones that are free.
    pub reserved: u32,
    /// Where the carrier's verification of the caller's number stands.
    pub verification: Option<VerifiedIn>,
    /// Sound formats, the one liked best first.
    pub codecs: Vec<Codec>,
    /// Whether sound is encrypted.
    pub encryption: Encryption,
}

/// Whether the sound of a trunk's calls is encrypted, and how: the way liked best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Never.
    #[default]
    Off,
    /// Where the signalling is, and the far end does.
    Preferred(Vec<Suite>),
    /// Always; other calls are not taken, and none is placed in the clear.
    Required(Vec<Suite>),
}

/// How a number is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumberForm {
    /// `+13125550143`.
    #[default]
    PlusE164,
    /// `13125550143`, of any country.
    E164,
    /// As it is dialled in the business's country, with the prefix of a long-distance call: `13125550143`.
    LongDistance,
    /// As it is dialled in the business's country, without that prefix: `3125550143`.
    National,
}

/// How we say who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CallerId {
    /// The number in From.
    #[default]
    From,
    /// The account in From, because the trunk knows us by it; the number in P-Asserted-Identity (RFC 3325).
    Asserted {
        /// The account's user name.
        account: String,
    },
    /// The account in From; the number in P-Preferred-Identity (RFC 3325).
    Preferred {
        /// The account's user name.
        account: String,
    },
}

/// What a caller is answered when every channel is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Full {
    /// 486: whoever calls hears the busy tone, or goes where the carrier sends busy calls.
    #[default]
    Busy,
    /// 503: the carrier takes its next route.
    Unavailable,
}

impl Full {
    pub(crate) fn refusal(self) -> (sip::Refusal, u16) {
        match self {
            Full::Busy => (sip::Refusal::Busy, 486),
            Full::Unavailable => (sip::Refusal::Unavailable { retry_after: None }, 503),
        }
    }
}

/// Where the carrier's verification of the caller's number stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifiedIn {
    /// In the `verstat` parameter of P-Asserted-Identity. 3GPP TS 24.229 section 7.2A.20.
    Identity,
    /// In a header of the carrier's own, whose name begins with `X-`.
    Header(String),
}

impl Default for Habits {
    fn default() -> Self {
        Habits {
            numbers: NumberForm::default(),
            prefix: String::new(),
            caller_id: CallerId::default(),
            full: Full::default(),
            reserved: 0,
            verification: Some(VerifiedIn::Identity),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            encryption: Encryption::Off,
        }
    }
}

impl Habits {
    /// The account that stands in From, if it does.
    pub(crate) fn account(&self) -> Option<&String> {
        match &self.caller_id {
            CallerId::From => None,
            CallerId::Asserted { account } | CallerId::Preferred { account } => Some(account),
        }
    }

    /// A number as it is dialled over this trunk.
    pub(crate) fn dialled(&self, number: &E164, country: Country) -> String {
        format!("{}{}", self.prefix, self.written(number, country))
    }

    fn written(&self, number: &E164, country: Country) -> String {
        match self.numbers {
            NumberForm::PlusE164 => number.as_str().to_string(),
            NumberForm::E164 => number.digits().to_string(),
            NumberForm::LongDistance => country.dials(number, true),
            NumberForm::National => country.dials(number, false),
        }
    }

    /// What stands before a number that was dialled to reach us is taken off: the trunk's prefix, whatever ends with
    /// `*` or `#`, and whatever stands before a `+`.
    pub(crate) fn bare<'t>(&self, dialled: &'t str) -> &'t str {
        let rest = dialled.rsplit(['*', '#']).next().unwrap_or(dialled);
        let rest = rest.strip_prefix(self.prefix.as_str()).unwrap_or(rest);
        rest.rfind('+').map_or(rest, |plus| &rest[plus..])
    }

    /// Who calls, in From and beside it: `line` is the number, `host` the account's domain or empty for our own address.
    pub(crate) fn identity(
        &self,
        display: &str,
        line: &E164,
        country: Country,
        host: &str,
    ) -> (sip::Identity, Vec<(Extra, String)>) {
        let number = self.written(line, country);
        let from = |user: &str, host: &str| sip::Identity {
            display: display.to_string(),
            user: user.to_string(),
            host: host.to_string(),
        };
        let named = || format!("<{}>", sip::Uri::sip(Some(&number), host, None));
        match &self.caller_id {
            CallerId::From => (from(&number, host), Vec::new()),
            CallerId::Asserted { account } => {
                (from(account, host), vec![(Extra::PAssertedIdentity, named())])
            }
            CallerId::Preferred { account } => {
                (from(account, host), vec![(Extra::PPreferredIdentity, named())])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> E164 {
        text.parse().unwrap()
    }

    #[test]
    fn a_number_is_dialled_as_the_trunk_wants_it() {
        let (home, abroad) = (number("+13125550143"), number("+442079460018"));
        for (numbers, prefix, at_home, over_the_sea) in [
            (NumberForm::PlusE164, "", "+13125550143", "+442079460018"),
            (NumberForm::E164, "12345678*", "12345678*13125550143", "12345678*442079460018"),
            (NumberForm::LongDistance, "", "13125550143", "011442079460018"),
            (NumberForm::National, "9", "93125550143", "9011442079460018"),
        ] {
            let habits = Habits { numbers, prefix: prefix.to_string(), ..Habits::default() };
            assert_eq!(habits.dialled(&home, Country::US), at_home);
            assert_eq!(habits.dialled(&abroad, Country::US), over_the_sea);
        }
        let habits = Habits { numbers: NumberForm::LongDistance, ..Habits::default() };
        let britain: Country = "GB".parse().unwrap();
        assert_eq!(habits.dialled(&abroad, britain), "02079460018");
        assert_eq!(habits.dialled(&home, britain), "0013125550143");
    }

    #[test]
    fn what_stands_before_a_dialled_number_is_taken_off() {
        let with = |prefix: &str| Habits { prefix: prefix.to_string(), ..Habits::default() };
        for (prefix, dialled, bare) in [
            ("", "+13125550100", "+13125550100"),
            ("", "12345678*13125550100", "13125550100"),
            ("", "0000+13125550100", "+13125550100"),
            ("0042", "004213125550100", "13125550100"),
            ("0042", "13125550100", "13125550100"),
            ("12345678*", "12345678*13125550100", "13125550100"),
            ("9", "101", "101"),
            ("", "", ""),
        ] {
            assert_eq!(with(prefix).bare(dialled), bare, "{prefix} {dialled}");
        }
    }

    #[test]
    fn who_calls_stands_where_the_trunk_looks_for_it() {
        let line = number("+13125550100");
        let shown = |caller_id: CallerId| {
            let habits = Habits { caller_id, ..Habits::default() };
            let (from, extra) = habits.identity("Rivera", &line, Country::US, "sip.example.com");
            (from.user, from.host, extra)
        };
        assert_eq!(
            shown(CallerId::From),
            ("+13125550100".to_string(), "sip.example.com".to_string(), vec![])
        );
        let number = "<sip:+13125550100@sip.example.com>".to_string();
        assert_eq!(
            shown(CallerId::Asserted { account: "rivera".to_string() }),
            (
                "rivera".to_string(),
                "sip.example.com".to_string(),
                vec![(Extra::PAssertedIdentity, number.clone())]
            )
        );
        assert_eq!(
            shown(CallerId::Preferred { account: "rivera".to_string() }),
            ("rivera".to_string(), "sip.example.com".to_string(), vec![(Extra::PPreferredIdentity, number)])
        );
    }
}
