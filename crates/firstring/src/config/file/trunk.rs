//! `[[trunk]]`: where calls come from and go to, and the ways of who is at the other end.

// What is written here is read by owners, in the reference page; `[[line]]` is a table, not a link.
#![allow(rustdoc::broken_intra_doc_links)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way by which calls reach us: a carrier's trunk or your own phone system.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrunkForm {
    /// What this file and the console call it.
    #[schemars(example = &"main")]
    pub name: String,
    /// Whose trunk it is: what is known of it fills in what is left out here. Each has a page in `docs/trunks`.
    #[serde(default)]
    #[schemars(example = &"generic")]
    pub carrier: Carrier,
    /// Registers at the carrier or phone system, so that it sends calls to wherever we are. Needs `username` and
    /// `password`. While it does not succeed, calls come from `accept_from` only, and the console says why.
    #[serde(default)]
    pub register: bool,
    /// The account, number or extension that is registered, and the name given when a password is asked for.
    pub username: Option<String>,
    /// The name given when a password is asked for, where it is not the `username`.
    pub auth_user: Option<String>,
    /// The account's password, as `env:NAME` or `file:PATH`.
    pub password: Option<String>,
    /// The name with which the other side logs in when it calls us, as some phone systems do. Without it, an address of
    /// `accept_from` is proof enough. A call over a registration of ours needs none.
    pub their_username: Option<String>,
    /// The password to `their_username`, as `env:NAME` or `file:PATH`. A call that does not know it is not taken (401).
    pub their_password: Option<String>,
    /// How it proves that it knows the password. Older phone systems give up when they are asked for anything but `md5`.
    #[serde(default)]
    pub their_digest: DigestForm,
    /// Where to register, `HOST` or `HOST:PORT`; without it at `domain`, else where `carrier` registers everybody, else at
    /// `outbound_proxy`.
    pub registrar: Option<String>,
    /// The domain of the account, where it is not the registrar.
    pub domain: Option<String>,
    /// The addresses, ranges or hosts that may send calls without registration. Everybody else gets no answer at all. A host
    /// is looked up again and again, and only the addresses found (A and AAAA records) are let in. `tls:` and a domain, like
    /// `tls:sip.example.com`, lets in whoever connects by TLS from anywhere with a certificate for that domain that `trust`
    /// believes. Without it those that `carrier` is known to call from, or nobody where the trunk registers; with it only those named here.
    #[schemars(example = ["192.0.2.10"])]
    pub accept_from: Option<Vec<String>>,
    /// How many calls the trunk carries at once, 1 to 10000. One caller more is answered as `when_full` says.
    #[serde(default = "super::four")]
    #[schemars(range(min = 1, max = 10_000), example = 4)]
    pub channels: u32,
    /// How many of the channels are kept for callers: a transfer to a phone number takes one more channel, and no person is
    /// rung on the last ones that are free. Without it a quarter of `channels`, rounded down.
    #[schemars(range(min = 0, max = 10_000), example = 1)]
    pub reserve: Option<u32>,
    /// How callers are put through to people. `bridge`: a person is rung here and both are joined here, on two channels.
    /// `refer`: the same, but where no channel is free for a person whose picking up is enough, the trunk is asked to put the
    /// caller through by itself (REFER), and two who talk are left to it when it is short of channels. The trunk has to allow it.
    #[serde(default)]
    #[schemars(example = &"bridge")]
    pub transfer: TransferForm,
    /// How registration, and calls to people, travel to this trunk. Calls of the trunk come by whatever it uses and
    /// `sip.listen` names.
    #[serde(default)]
    #[schemars(example = &"udp")]
    pub transport: TransportForm,
    /// Whom we believe to be the trunk, with `transport = "tls"`: `public`, whoever shows a certificate for its host from an
    /// authority this machine trusts; the file of an authority of your own; or `sha256:` and the fingerprint of its very
    /// certificate. To others nothing is said. Without it `public`.
    pub trust: Option<String>,
    /// The file of the certificate that we show to the trunk, where it asks for one; PEM, the certificate first.
    pub client_certificate: Option<String>,
    /// The file of the key to `client_certificate`.
    pub client_key: Option<String>,
    /// Whether sound is encrypted (SRTP, with keys exchanged over TLS). `off`: never. `preferred`: where a call comes over TLS
    /// and offers it; calls to people offer it first, and are placed again without where that is refused. `required`: any
    /// other call is refused (488), and none is placed in the clear. What was encrypted stays so for the whole call. Both
    /// need `transport = "tls"`. A person with a SIP address of their own is called past the trunk, in the clear.
    #[serde(default)]
    #[schemars(example = &"off")]
    pub media: MediaForm,
    /// Where all calls to people are sent, and registration goes through: `HOST` or `HOST:PORT`. Without it numbers and
    /// extensions are called at the registrar or where the carrier takes calls, and SIP addresses at their own hosts.
    #[schemars(example = &"sip.example.com:5060")]
    pub outbound_proxy: Option<String>,
    /// How numbers are written to the carrier when people are called. Without it as `carrier` wants them.
    pub numbers: Option<NumbersForm>,
    /// Dialled before every number, not before extensions: an account's technical prefix like `12345678*`, or the digit
    /// for an outside line. Taken off numbers that are called here.
    pub dial_prefix: Option<String>,
    /// Where the carrier finds our number when people are called. Without it as `carrier` wants it.
    pub caller_id: Option<CallerIdForm>,
    /// What one caller more than `channels` meets. Without it as `carrier` takes it.
    pub when_full: Option<FullForm>,
    /// What the carrier does when this machine is gone, in your words; shown with every check.
    #[schemars(example = &"forwards to +13125550143")]
    pub without_us: Option<String>,
}

/// How requests travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TransportForm {
    /// Datagrams.
    #[default]
    Udp,
    /// A connection.
    Tcp,
    /// An encrypted connection.
    Tls,
}

/// Who puts a caller through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TransferForm {
    /// We do, always.
    #[default]
    Bridge,
    /// The trunk, where channels are short.
    Refer,
}

/// Whether sound is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MediaForm {
    /// Never.
    #[default]
    Off,
    /// Where the far end does it too.
    Preferred,
    /// Always.
    Required,
}

impl From<TransportForm> for sip::Transport {
    fn from(form: TransportForm) -> sip::Transport {
        match form {
            TransportForm::Udp => sip::Transport::Udp,
            TransportForm::Tcp => sip::Transport::Tcp,
            TransportForm::Tls => sip::Transport::Tls,
        }
    }
}

/// How a password is proved without being sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum DigestForm {
    /// RFC 2617.
    #[default]
    #[serde(rename = "md5")]
    Md5,
    /// RFC 8760.
    #[serde(rename = "sha-256")]
    Sha256,
}

/// A carrier or telephone system whose ways are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// Twilio Elastic SIP Trunking.
    Twilio,
    /// Bandwidth.
    Bandwidth,
    /// Telnyx.
    Telnyx,
    /// SignalWire.
    Signalwire,
    /// VoIP.ms.
    Voipms,
    /// Flowroute.
    Flowroute,
    /// FreePBX, and Asterisk.
    Freepbx,
    /// 3CX.
    #[serde(rename = "3cx")]
    ThreeCx,
    /// RingCentral.
    Ringcentral,
    /// Any other carrier or phone system.
    #[default]
    Generic,
}

/// How numbers are written to a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NumbersForm {
    /// Like +13125550143.
    #[serde(rename = "+e164")]
    PlusE164,
    /// Like 13125550143, of any country.
    E164,
    /// As they are dialled in `business.country`, a long-distance call, like 13125550143; abroad with 011 first.
    LongDistance,
    /// As they are dialled in `business.country`, like 3125550143; abroad with 011 first.
    National,
}

/// Where a carrier finds our number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CallerIdForm {
    /// In From.
    From,
    /// In P-Asserted-Identity, while From names the account.
    Asserted,
    /// In P-Preferred-Identity, while From names the account.
    Preferred,
}

/// What one caller more than there are channels meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FullForm {
    /// The busy tone, or wherever the carrier sends busy calls (486).
    Busy,
    /// The carrier's next route (503).
    Unavailable,
}
