//! What a trunk's own keys and its carrier's preset make together, and where the two do not fit.
//!
//! What is known of a carrier stands in [`presets`](super::presets). Whatever the file says wins over it.

use std::collections::BTreeSet;

use desk::number::Country;
use ipnet::IpNet;
use line::{CallerId, Full, Habits, NumberForm};
use sip::sdp::Codec;

use super::TrunkSettings;
use super::document::At;
use super::encryption;
use super::file::{CallerIdForm, Carrier, FullForm, NumbersForm, TransferForm, TrunkForm};
use super::look::Finding;
use super::meaning::Reading;
use super::presets::TakesRefer;
use super::values::{self, Source, Target};

/// Who may send calls without registration.
pub(super) fn accept_from(form: &TrunkForm, at: &At, reading: &mut Reading<'_>) -> Vec<Source> {
    let at = at.key("accept_from");
    let preset = form.carrier.preset();
    let nobody = form.accept_from.as_ref().is_none_or(Vec::is_empty);
    let known = form.accept_from.is_none() && !preset.ranges.is_empty();
    if nobody && !known && !form.register {
        let says =
            if preset.let_in.is_empty() { "nobody may send calls; leave this out" } else { preset.let_in };
        reading.refuse(&at, says.to_string());
    }
    match &form.accept_from {
        Some(written) => reading.each(written, &at, values::source),
        None if form.register => Vec::new(),
        None => preset.ranges.iter().filter_map(|range| values::source(range).ok()).collect(),
    }
}

/// Where the carrier takes calls, if it is the same host for everybody.
pub(super) fn host(carrier: Carrier, transport: sip::Transport) -> Option<Target> {
    values::target_over(carrier.preset().host?, transport).ok()
}

/// How calls over the trunk are written and refused.
pub(super) fn habits(form: &TrunkForm, at: &At, reading: &mut Reading<'_>) -> Habits {
    let preset = form.carrier.preset();
    let prefix = form.dial_prefix.clone().unwrap_or_default();
    if prefix.len() > LONGEST_PREFIX
        || !prefix.bytes().all(|sign| sign.is_ascii_digit() || b"*#".contains(&sign))
    {
        let says = format!(
            "{prefix:?} cannot be dialled; write digits, * and #, at most {LONGEST_PREFIX}, like \"12345678*\""
        );
        reading.refuse(&at.key("dial_prefix"), says);
    }
    Habits {
        numbers: form.numbers.map_or(preset.numbers, NumberForm::from),
        prefix,
        caller_id: caller_id(form, at, reading),
        full: form.when_full.map_or(preset.full, Full::from),
        reserved: reserved(form, at, reading),
        verification: preset.verification.stands_in(),
        codecs: codecs(form.carrier, reading),
        encryption: encryption::of_sound(form, at, reading),
    }
}

/// True for a trunk that puts callers through by itself where channels are short.
pub(super) fn hands_over(form: &TrunkForm, at: &At, reading: &mut Reading<'_>) -> bool {
    let preset = form.carrier.preset();
    if form.transfer == TransferForm::Refer && preset.refer == TakesRefer::Never {
        let says = format!(
            "{} does not put callers through by itself (REFER); leave transfer out, and people are rung and joined here",
            preset.name
        );
        reading.refuse(&at.key("transfer"), says);
    }
    form.transfer == TransferForm::Refer
}

/// The names of those.
pub(super) fn handing_over(trunks: &[TrunkSettings]) -> BTreeSet<String> {
    trunks.iter().filter(|trunk| trunk.hands_over).map(|trunk| trunk.name.clone()).collect()
}

/// So many channels for each one that is kept for callers, where the owner says nothing.
const CHANNELS_FOR_ONE_KEPT: u32 = 4;

fn reserved(form: &TrunkForm, at: &At, reading: &mut Reading<'_>) -> u32 {
    let reserved = form.reserve.unwrap_or(form.channels / CHANNELS_FOR_ONE_KEPT);
    if form.reserve.is_some() && reserved >= form.channels {
        let says = format!(
            "{reserved} of {} channels leave none on which a person could be rung; keep fewer for callers",
            form.channels
        );
        reading.refuse(&at.key("reserve"), says);
    }
    reserved
}

/// An account's technical prefix has 4 to 9 signs.
const LONGEST_PREFIX: usize = 16;

/// Without an account there is none that From could name.
fn caller_id(form: &TrunkForm, at: &At, reading: &mut Reading<'_>) -> CallerId {
    let wanted = form.caller_id.unwrap_or(form.carrier.preset().caller_id);
    match (wanted, &form.username) {
        (CallerIdForm::Asserted, Some(account)) => CallerId::Asserted { account: account.clone() },
        (CallerIdForm::Preferred, Some(account)) => CallerId::Preferred { account: account.clone() },
        (CallerIdForm::Asserted | CallerIdForm::Preferred, None) if form.caller_id.is_some() => {
            let says = "From would name the account, and the trunk has none; add username and password, or write \"from\"";
            reading.refuse(&at.key("caller_id"), says.to_string());
            CallerId::From
        }
        (CallerIdForm::From, _) | (CallerIdForm::Asserted | CallerIdForm::Preferred, None) => CallerId::From,
    }
}

/// North America speaks mu-law, nearly everybody else A-law (ITU-T G.711): what needs no translation comes first. On the
/// telephone system of an office there is room for wideband sound, which is wanted there wherever it is offered.
fn codecs(carrier: Carrier, reading: &Reading<'_>) -> Vec<Codec> {
    let country = reading.file.business.country.parse::<Country>().unwrap_or(Country::US);
    let mut codecs = match country.national_digits() {
        Some(_) => vec![Codec::Pcmu, Codec::Pcma],
        None => vec![Codec::Pcma, Codec::Pcmu],
    };
    let at = if matches!(carrier, Carrier::Freepbx | Carrier::ThreeCx) { 0 } else { codecs.len() };
    codecs.splice(at..at, [Codec::Opus, Codec::G722]);
    codecs
}

impl From<NumbersForm> for NumberForm {
    fn from(form: NumbersForm) -> NumberForm {
        match form {
            NumbersForm::PlusE164 => NumberForm::PlusE164,
            NumbersForm::E164 => NumberForm::E164,
            NumbersForm::LongDistance => NumberForm::LongDistance,
            NumbersForm::National => NumberForm::National,
        }
    }
}

impl From<FullForm> for Full {
    fn from(form: FullForm) -> Full {
        match form {
            FullForm::Busy => Full::Busy,
            FullForm::Unavailable => Full::Unavailable,
        }
    }
}

/// What of a trunk's own keys hardly fits its carrier: one sentence and one remedy each.
pub(super) fn misfits(trunk: &TrunkSettings) -> Vec<Finding> {
    [left_out(trunk), other_host(trunk), better_known(trunk), no_prefix(trunk), hands_callers_over(trunk)]
        .into_iter()
        .flatten()
        .collect()
}

fn about(trunk: &TrunkSettings) -> String {
    format!("trunk {}", trunk.name)
}

/// Addresses the carrier is known to call from, and that get no answer.
fn left_out(trunk: &TrunkSettings) -> Option<Finding> {
    let preset = trunk.carrier.preset();
    // Which addresses a name stands for is not known here.
    if trunk.joining.is_some() || !trunk.accept_names.is_empty() || !trunk.accept_certificates.is_empty() {
        return None;
    }
    let known = preset.ranges.iter().filter_map(|range| values::address_range(range).ok());
    let missing: Vec<IpNet> =
        known.filter(|range| !trunk.accept_from.iter().any(|ours| ours.contains(range))).collect();
    let (first, more) = missing.split_first()?;
    let others = match more.len() {
        0 => String::new(),
        many => format!(" and {many} more"),
    };
    Some(Finding::weak(
        about(trunk),
        format!(
            "accept_from leaves out {first}{others}, where {} may call from; such calls get no answer",
            preset.name
        ),
        "leave accept_from out, which lets in all of them, or add them",
    ))
}

/// Host names that are written out and are none of the carrier's.
fn other_host(trunk: &TrunkSettings) -> Option<Finding> {
    let preset = trunk.carrier.preset();
    if preset.hosts_end.is_empty() {
        return None;
    }
    let host = hosts(trunk).find(|host| is_name(host) && !preset.owns(host))?;
    Some(Finding::weak(
        about(trunk),
        format!(
            "{host} is none of {}'s hosts, whose names end with {}",
            preset.name,
            preset.hosts_end.join(" or ")
        ),
        "check its spelling, or write carrier = \"generic\" if something else stands before the carrier",
    ))
}

/// A carrier that is known by its host, and not by its name.
fn better_known(trunk: &TrunkSettings) -> Option<Finding> {
    if trunk.carrier != Carrier::Generic {
        return None;
    }
    let known =
        Carrier::ALL.into_iter().find(|carrier| hosts(trunk).any(|host| carrier.preset().owns(host)))?;
    Some(Finding::weak(
        about(trunk),
        format!("this is {}, whose ways are known, and it is not called so", known.preset().name),
        format!("add carrier = {:?}", known.word()),
    ))
}

/// Flowroute knows calls from an address only by the technical prefix.
fn no_prefix(trunk: &TrunkSettings) -> Option<Finding> {
    let is_bare = trunk.login.is_none() && trunk.habits.prefix.is_empty();
    (trunk.carrier == Carrier::Flowroute && is_bare).then(|| {
        Finding::weak(
            about(trunk),
            "Flowroute takes calls from an address only with the account's technical prefix, so nobody can be rung over it",
            "add dial_prefix = \"12345678*\" with your own eight digits, or username and password",
        )
    })
}

/// Whether the trunk puts callers through by itself is its own setting, which cannot be seen from here.
fn hands_callers_over(trunk: &TrunkSettings) -> Option<Finding> {
    let preset = trunk.carrier.preset();
    let says =
        "where no channel is free for a person, the trunk is asked to put the caller through by itself";
    match preset.refer {
        _ if !trunk.hands_over => None,
        TakesRefer::WhereSet(there) => Some(Finding::fine(about(trunk), format!("{says}; {there}"))),
        TakesRefer::Untried | TakesRefer::Never => Some(Finding::weak(
            about(trunk),
            format!(
                "{says}; whether {} does that is not known, and if not, the caller stays here",
                preset.name
            ),
            "ask them whether REFER is enabled for you, or leave transfer out",
        )),
    }
}

fn hosts(trunk: &TrunkSettings) -> impl Iterator<Item = &str> {
    let joined =
        trunk.joining.iter().flat_map(|joining| [joining.registrar.host.as_str(), joining.domain.as_str()]);
    trunk.outbound_proxy.iter().map(|proxy| proxy.host.as_str()).chain(joined)
}

fn is_name(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    /// A desk with a trunk of these keys.
    fn desk(keys: &str) -> Config {
        let text = format!(
            r#"
            allow_plain_secrets = true
            [business]
            name = "Rivera Plumbing"
            trade = "plumbing"
            timezone = "America/Chicago"
            [[trunk]]
            name = "main"
            {keys}
            [[assistant]]
            name = "Robin"
            [[line]]
            number = "(312) 555-0100"
            [[office]]
            name = "main"
            hours = "Mo-Fr 08:00-17:00"
            "#
        );
        Config::from_text("desk", &text, Path::new("/nonexistent")).unwrap()
    }

    fn told(keys: &str) -> Vec<String> {
        misfits(&desk(keys).trunks[0])
            .into_iter()
            .map(|finding| format!("{}; {}", finding.says, finding.remedy))
            .collect()
    }

    const ACCOUNT: &str = "register = true\nusername = \"rivera\"\npassword = \"correct horse\"\n";

    #[test]
    fn a_known_carrier_may_call_without_a_word_about_its_addresses() {
        let trunk = &desk("carrier = \"twilio\"").trunks[0];
        assert_eq!(trunk.accept_from.len(), 8);
        assert_eq!(trunk.target(), None, "each account has a host of its own");
        assert_eq!(misfits(trunk).len(), 0);
        let trunk = &desk("carrier = \"telnyx\"").trunks[0];
        assert_eq!(trunk.accept_from.len(), 8);
        assert_eq!(trunk.target().map(Target::to_string).as_deref(), Some("sip.telnyx.com"));
        let trunk = &desk("carrier = \"telnyx\"\naccept_from = [\"192.0.2.10\"]").trunks[0];
        assert_eq!(trunk.accept_from.len(), 1, "what is written wins");
    }

    #[test]
    fn a_registered_trunk_lets_in_nobody_else() {
        let trunk = &desk(&format!("carrier = \"telnyx\"\n{ACCOUNT}")).trunks[0];
        assert_eq!(trunk.accept_from, []);
        let joining = trunk.joining.as_ref().unwrap();
        assert_eq!((joining.registrar.to_string().as_str(), &joining.proxy), ("sip.telnyx.com", &None));
        assert_eq!(trunk.called_at().as_deref(), Some("sip.telnyx.com"));
        let trunk = &desk(&format!("carrier = \"ringcentral\"\n{ACCOUNT}")).trunks[0];
        let joining = trunk.joining.as_ref().unwrap();
        assert_eq!(joining.domain, "sip.ringcentral.com");
        assert_eq!(joining.next_hop().to_string(), "sip20.ringcentral.com:5090");
        assert_eq!(trunk.called_at().as_deref(), Some("sip.ringcentral.com"));
        assert_eq!(trunk.target().map(Target::to_string).as_deref(), Some("sip20.ringcentral.com:5090"));
    }

    #[test]
    fn what_hardly_fits_a_carrier_is_told() {
        assert_eq!(
            told("carrier = \"twilio\"\naccept_from = [\"54.172.60.0/30\", \"54.244.51.0/24\"]"),
            [
                "accept_from leaves out 54.171.127.192/30 and 5 more, where Twilio may call from; such calls get no answer; \
              leave accept_from out, which lets in all of them, or add them"
            ]
        );
        assert_eq!(
            told(&format!("carrier = \"telnyx\"\nregistrar = \"sip.telynx.com\"\n{ACCOUNT}")),
            ["sip.telynx.com is none of Telnyx's hosts, whose names end with .telnyx.com or .telnyx.eu or \
              .telnyx.ca or .telnyx.com.au; check its spelling, or write \
              carrier = \"generic\" if something else stands before the carrier"]
        );
        assert_eq!(
            told("accept_from = [\"192.0.2.10\"]\noutbound_proxy = \"rivera.pstn.twilio.com\""),
            ["this is Twilio, whose ways are known, and it is not called so; add carrier = \"twilio\""]
        );
        assert_eq!(
            told("carrier = \"flowroute\""),
            [
                "Flowroute takes calls from an address only with the account's technical prefix, so nobody can be rung over \
              it; add dial_prefix = \"12345678*\" with your own eight digits, or username and password"
            ]
        );
        for fits in [
            "carrier = \"flowroute\"\ndial_prefix = \"12345678*\"".to_string(),
            format!("carrier = \"telnyx\"\nregistrar = \"sip.telnyx.ca\"\n{ACCOUNT}"),
            "carrier = \"bandwidth\"\naccept_from = [\"192.0.2.10\"]\noutbound_proxy = \"192.0.2.10\""
                .to_string(),
            "accept_from = [\"192.0.2.10\"]\noutbound_proxy = \"sip.example.com\"".to_string(),
        ] {
            assert_eq!(told(&fits), Vec::<String>::new(), "{fits}");
        }
    }

    #[test]
    fn a_trunk_puts_callers_through_by_itself_only_where_that_is_written_and_not_known_to_fail() {
        let generic = "accept_from = [\"192.0.2.10\"]\noutbound_proxy = \"192.0.2.10\"";
        assert!(desk(generic).business.hand_over.is_empty());
        let wanted = |carrier: &str| format!("{carrier}\ntransfer = \"refer\"");
        assert!(desk(&wanted(generic)).business.hand_over.contains("main"));
        let says =
            "where no channel is free for a person, the trunk is asked to put the caller through by itself";
        assert_eq!(
            told(&wanted(generic)),
            [format!(
                "{says}; whether the carrier does that is not known, and if not, the caller stays here; \
                 ask them whether REFER is enabled for you, or leave transfer out"
            )]
        );
        let twilio = wanted("carrier = \"twilio\"\noutbound_proxy = \"rivera.pstn.twilio.com\"");
        assert!(
            told(&twilio)[0].contains("at Twilio, enable Call Transfer (SIP REFER)"),
            "{:?}",
            told(&twilio)
        );
    }

    #[test]
    fn the_first_format_is_that_of_the_country() {
        assert_eq!(
            desk("accept_from = [\"192.0.2.10\"]").trunks[0].habits.codecs,
            [Codec::Pcmu, Codec::Pcma, Codec::Opus, Codec::G722]
        );
        let office = "carrier = \"freepbx\"\naccept_from = [\"192.0.2.10\"]\noutbound_proxy = \"192.0.2.10\"";
        assert_eq!(
            desk(office).trunks[0].habits.codecs,
            [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma]
        );
    }
}
