//! What is known of each carrier and telephone system: the one place where its name means something.
//!
//! A preset fills in what a `[[trunk]]` leaves out; whatever is written there wins. Each has a page in `docs/trunks`, which
//! tells what was found in the carrier's own documentation and what is only supposed, and which a test holds to this table.
//! What a host, a range or a number form does to a call is decided elsewhere.

use line::{Full, NumberForm, VerifiedIn};

use super::file::{CallerIdForm, Carrier};

/// What is known of one carrier or telephone system.
#[derive(Debug)]
pub(super) struct Preset {
    /// As it stands in the file, and names its page.
    pub(super) word: &'static str,
    /// As owners know it.
    pub(super) name: &'static str,
    /// How it knows whose calls are whose.
    pub(super) knows_us: KnowsUs,
    /// The addresses it sends calls from. Empty: they differ from account to account, or are not published.
    pub(super) ranges: &'static [&'static str],
    /// Who may send calls, if neither `accept_from` nor `register` says it.
    pub(super) let_in: &'static str,
    /// Where it registers us and takes calls, if that is the same for every account.
    pub(super) host: Option<&'static str>,
    /// What registrations and calls go through.
    pub(super) proxy: Option<&'static str>,
    /// How the host is written, for whoever left it out.
    pub(super) host_like: &'static str,
    /// How the names of this carrier's hosts end; empty for a telephone system.
    pub(super) hosts_end: &'static [&'static str],
    /// How numbers are written to it.
    pub(super) numbers: NumberForm,
    /// Where it finds who calls, if we have an account there.
    pub(super) caller_id: CallerIdForm,
    /// What a caller is answered when every channel is taken.
    pub(super) full: Full,
    /// Where its verification of the caller's number stands.
    pub(super) verification: Verified,
    /// What is known of how it takes a wish to put a caller through by itself (REFER).
    pub(super) refer: TakesRefer,
}

impl Preset {
    /// True for the name of one of this carrier's hosts.
    pub(super) fn owns(&self, host: &str) -> bool {
        self.hosts_end.iter().any(|end| host.ends_with(end))
    }
}

/// How a carrier knows whose calls are whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KnowsUs {
    /// By our address or our name; nobody registers there. The sentence says so.
    ByAddress(&'static str),
    /// By registration, or by our address.
    Either,
}

/// How a carrier takes a wish to put a caller through by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TakesRefer {
    /// It does where this is set there.
    WhereSet(&'static str),
    /// It refuses.
    Never,
    /// Nobody knows before it is tried.
    Untried,
}

/// Where a carrier's verification of the caller's number stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verified {
    /// It does not tell, or must not be believed.
    Nowhere,
    /// `verstat` of P-Asserted-Identity.
    Identity,
    /// This header.
    Header(&'static str),
}

impl Verified {
    pub(super) fn stands_in(self) -> Option<VerifiedIn> {
        match self {
            Verified::Nowhere => None,
            Verified::Identity => Some(VerifiedIn::Identity),
            Verified::Header(name) => Some(VerifiedIn::Header(name.to_string())),
        }
    }
}

impl Carrier {
    /// All of them.
    pub(super) const ALL: [Carrier; 10] = [
        Carrier::Twilio,
        Carrier::Bandwidth,
        Carrier::Telnyx,
        Carrier::Signalwire,
        Carrier::Voipms,
        Carrier::Flowroute,
        Carrier::Freepbx,
        Carrier::ThreeCx,
        Carrier::Ringcentral,
        Carrier::Generic,
    ];

    /// The word that stands in the file.
    pub(super) fn word(self) -> &'static str {
        self.preset().word
    }

    /// What is known of it.
    pub(super) fn preset(self) -> &'static Preset {
        match self {
            Carrier::Twilio => &TWILIO,
            Carrier::Bandwidth => &BANDWIDTH,
            Carrier::Telnyx => &TELNYX,
            Carrier::Signalwire => &SIGNALWIRE,
            Carrier::Voipms => &VOIPMS,
            Carrier::Flowroute => &FLOWROUTE,
            Carrier::Freepbx => &FREEPBX,
            Carrier::ThreeCx => &THREE_CX,
            Carrier::Ringcentral => &RINGCENTRAL,
            Carrier::Generic => &GENERIC,
        }
    }
}

/// Ranges and "allow all of them": twilio.com/docs/sip-trunking/ip-addresses. X-Twilio-VerStat: Twilio's page on
/// trusted calling. That a full desk is answered 503 rests on no published list of statuses.
static TWILIO: Preset = Preset {
    word: "twilio",
    name: "Twilio",
    knows_us: KnowsUs::ByAddress(
        "nobody registers at a Twilio trunk: it sends calls to the address in its origination URI; leave register out",
    ),
    ranges: &[
        "54.172.60.0/30",    // Virginia
        "54.244.51.0/30",    // Oregon
        "54.171.127.192/30", // Ireland
        "35.156.191.128/30", // Frankfurt
        "54.65.63.192/30",   // Tokyo
        "54.169.127.128/30", // Singapore
        "54.252.254.64/30",  // Sydney
        "177.71.206.192/30", // São Paulo
    ],
    let_in: "",
    host: None,
    proxy: None,
    host_like: "outbound_proxy = \"YOURTRUNK.pstn.twilio.com\"",
    hosts_end: &[".pstn.twilio.com"],
    numbers: NumberForm::PlusE164,
    caller_id: CallerIdForm::From,
    full: Full::Unavailable,
    verification: Verified::Header("X-Twilio-VerStat"),
    refer: TakesRefer::WhereSet(
        "at Twilio, enable Call Transfer (SIP REFER) on the trunk, to phone numbers too",
    ),
};

/// Addresses are told at onboarding: Bandwidth's outbound calling integration guide.
static BANDWIDTH: Preset = Preset {
    word: "bandwidth",
    name: "Bandwidth",
    knows_us: KnowsUs::ByAddress(
        "nobody registers at Bandwidth: it sends calls to the address of your location; leave register out",
    ),
    ranges: &[],
    let_in: "Bandwidth tells each account which addresses it calls from; write them here, like [\"192.0.2.10\"]",
    host: None,
    proxy: None,
    host_like: "outbound_proxy = \"192.0.2.10\", one of the addresses Bandwidth told you",
    hosts_end: &[".bandwidth.com"],
    numbers: NumberForm::PlusE164,
    caller_id: CallerIdForm::From,
    full: Full::Unavailable,
    verification: Verified::Identity,
    refer: TakesRefer::Untried,
};

/// Addresses: sip.telnyx.com, where it agrees with Google's list for its contact centre. verstat, number formats, and
/// that 503 leads to the next route while 486 ends the call: developers.telnyx.com.
static TELNYX: Preset = Preset {
    word: "telnyx",
    name: "Telnyx",
    knows_us: KnowsUs::Either,
    ranges: &[
        "192.76.120.10",   // United States
        "64.16.250.10",    // United States
        "192.76.120.31",   // Canada
        "64.16.250.13",    // Canada
        "185.246.41.140",  // Europe
        "185.246.41.141",  // Europe
        "103.115.244.145", // Australia
        "103.115.244.146", // Australia
    ],
    let_in: "",
    host: Some("sip.telnyx.com"),
    proxy: None,
    host_like: "",
    hosts_end: &[".telnyx.com", ".telnyx.eu", ".telnyx.ca", ".telnyx.com.au"],
    numbers: NumberForm::PlusE164,
    caller_id: CallerIdForm::From,
    full: Full::Unavailable,
    verification: Verified::Identity,
    refer: TakesRefer::Untried,
};

/// A SIP endpoint that registers: developer.signalwire.com. The number shown is set at the endpoint ("send as").
static SIGNALWIRE: Preset = Preset {
    word: "signalwire",
    name: "SignalWire",
    knows_us: KnowsUs::Either,
    ranges: &[],
    let_in: "SignalWire publishes no addresses it calls from; write register = true, so that it calls wherever we are",
    host: None,
    proxy: None,
    host_like: "domain = \"YOURSPACE.sip.signalwire.com\"",
    hosts_end: &[".signalwire.com"],
    numbers: NumberForm::PlusE164,
    caller_id: CallerIdForm::Asserted,
    full: Full::Busy,
    verification: Verified::Nowhere,
    refer: TakesRefer::Untried,
};

/// The account in From, one server chosen by hand: as VoIP.ms's own Asterisk examples are passed on. Number forms are
/// from memory.
static VOIPMS: Preset = Preset {
    word: "voipms",
    name: "VoIP.ms",
    knows_us: KnowsUs::Either,
    ranges: &[],
    let_in: "VoIP.ms calls from the server your number is on; write register = true, or that server here, like [\"chicago1.voip.ms\"]",
    host: None,
    proxy: None,
    host_like: "registrar = \"chicago1.voip.ms\", the server your number is on",
    hosts_end: &[".voip.ms"],
    numbers: NumberForm::LongDistance,
    caller_id: CallerIdForm::Asserted,
    full: Full::Busy,
    verification: Verified::Nowhere,
    refer: TakesRefer::Never,
};

/// E.164 with the + left out, caller id order, technical prefix: Flowroute's service guide. Ranges: its API's list of edge
/// strategies, for the two in the United States.
static FLOWROUTE: Preset = Preset {
    word: "flowroute",
    name: "Flowroute",
    knows_us: KnowsUs::Either,
    ranges: &[
        "34.210.91.112/28", // Oregon
        "34.226.36.32/28",  // Virginia
    ],
    let_in: "",
    host: Some("us-west-or.sip.flowroute.com"),
    proxy: None,
    host_like: "",
    hosts_end: &[".flowroute.com"],
    numbers: NumberForm::E164,
    caller_id: CallerIdForm::From,
    full: Full::Unavailable,
    verification: Verified::Nowhere,
    refer: TakesRefer::Never,
};

/// An extension, or a trunk by address. What outbound routes want dialled is the system's own setting.
static FREEPBX: Preset = Preset {
    word: "freepbx",
    name: "FreePBX",
    knows_us: KnowsUs::Either,
    ranges: &[],
    let_in: "name the address of your FreePBX, like [\"192.0.2.10\"], or write register = true to be an extension of it",
    host: None,
    proxy: None,
    host_like: "registrar = \"192.0.2.10\", the address of your FreePBX",
    hosts_end: &[],
    numbers: NumberForm::LongDistance,
    caller_id: CallerIdForm::Asserted,
    full: Full::Busy,
    verification: Verified::Nowhere,
    refer: TakesRefer::WhereSet(
        "at FreePBX, the extension may transfer (allow_transfer) and dial the number",
    ),
};

/// An extension; its authentication ID is not its number: 3CX's manual.
static THREE_CX: Preset = Preset {
    word: "3cx",
    name: "3CX",
    knows_us: KnowsUs::Either,
    ranges: &[],
    let_in: "name the address of your 3CX, like [\"192.0.2.10\"], or write register = true to be an extension of it",
    host: None,
    proxy: None,
    host_like: "registrar = \"pbx.example.com\", the name of your 3CX",
    hosts_end: &[],
    numbers: NumberForm::LongDistance,
    caller_id: CallerIdForm::Asserted,
    full: Full::Busy,
    verification: Verified::Nowhere,
    refer: TakesRefer::WhereSet("at 3CX, the extension may transfer and dial the number"),
};

/// A device of the kind "existing phone": domain, proxies and the authorization ID as RingCentral's device information
/// tells them.
static RINGCENTRAL: Preset = Preset {
    word: "ringcentral",
    name: "RingCentral",
    knows_us: KnowsUs::Either,
    ranges: &[],
    let_in: "RingCentral calls a device over its registration; write register = true",
    host: Some("sip.ringcentral.com"),
    proxy: Some("sip20.ringcentral.com:5090"),
    host_like: "",
    hosts_end: &[".ringcentral.com"],
    numbers: NumberForm::PlusE164,
    caller_id: CallerIdForm::Asserted,
    full: Full::Busy,
    verification: Verified::Nowhere,
    refer: TakesRefer::Untried,
};

static GENERIC: Preset = Preset {
    word: "generic",
    name: "the carrier",
    knows_us: KnowsUs::Either,
    ranges: &[],
    let_in: "nobody may send calls; name the carrier's addresses, like [\"192.0.2.10\"], or register = true",
    host: None,
    proxy: None,
    host_like: "registrar = \"sip.example.com\"",
    hosts_end: &[],
    numbers: NumberForm::PlusE164,
    caller_id: CallerIdForm::From,
    full: Full::Busy,
    verification: Verified::Identity,
    refer: TakesRefer::Untried,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values;

    #[test]
    fn a_carrier_is_written_by_its_word() {
        for carrier in Carrier::ALL {
            let written = serde_json::to_value(carrier).unwrap();
            assert_eq!(written, carrier.word());
        }
    }

    #[test]
    fn every_preset_is_whole() {
        for carrier in Carrier::ALL {
            let preset = carrier.preset();
            for range in preset.ranges {
                values::address_range(range).unwrap();
            }
            for host in [preset.host, preset.proxy].into_iter().flatten() {
                let host = values::target(host).unwrap().host;
                assert!(preset.owns(&host), "{host}");
            }
            assert!(!preset.ranges.is_empty() || !preset.let_in.is_empty(), "{}", preset.name);
            assert!(preset.host.is_some() || !preset.host_like.is_empty(), "{}", preset.name);
        }
    }
}
