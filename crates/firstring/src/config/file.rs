//! The configuration as it is written: every section, every key, and what each means to a caller.
//!
//! These definitions are the only list of settings there is. The parser, the JSON schema, the reference page and
//! the commented example are all made from them. What a value means beyond its shape (a number, hours, a name
//! that must lead somewhere) is decided in [`meaning`](super::meaning).
//!
//! `x-later` lists what the design names and this version does not do: it is refused in those words.

// What is written here is read by owners, in the reference page; `[[line]]` is a table, not a link.
#![allow(rustdoc::broken_intra_doc_links)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::recordings::BucketForm;

/// One business's desk: its trunks, offices, people, lines and what its assistant asks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = {
    "engine": "hosted engines are not available yet; `hear` and `speak` work with \"local\"",
    "bot": "other people's bots are not available yet; the step \"assistant\" works",
    "text": "texts are not available yet; a message is taken instead",
}))]
pub struct File {
    /// Lets a secret stand in this file in plain sight instead of `env:NAME` or `file:PATH`. Callers notice nothing;
    /// whoever reads the file can log in.
    #[serde(default)]
    pub allow_plain_secrets: bool,
    /// Whose phone is answered.
    pub business: BusinessForm,
    /// Where calls arrive on this machine.
    #[serde(default)]
    pub sip: SipForm,
    /// The console and the HTTP interface.
    #[serde(default)]
    pub web: WebForm,
    /// What is remembered, and where.
    #[serde(default)]
    pub data: DataForm,
    /// A way by which calls reach us: a carrier's trunk or your own phone system.
    pub trunk: Vec<TrunkForm>,
    /// A location: its hours decide what happens to a call.
    pub office: Vec<OfficeForm>,
    /// Somebody who can be rung.
    #[serde(default)]
    pub person: Vec<PersonForm>,
    /// People who take turns, for example being on call. One named `on-call` is rung by the built-in plans.
    #[serde(default)]
    pub rota: Vec<RotaForm>,
    /// Where calls can be sent on to that nobody of the business takes.
    #[serde(default)]
    pub target: Vec<TargetForm>,
    /// A number that callers dial.
    pub line: Vec<LineForm>,
    /// Callers who are known by their number, have a plan of their own, or are blocked.
    #[serde(default)]
    pub caller: Vec<CallerForm>,
    /// What is tried for a caller, and when. `always`, `after-hours` and `overflow` are built in and need no entry.
    #[serde(default)]
    pub plan: Vec<PlanForm>,
    /// The voice that answers, and what it asks.
    pub assistant: Vec<AssistantForm>,
    /// Where visits are booked.
    #[serde(default)]
    pub calendar: Vec<CalendarForm>,
    /// What may be kept of what callers say, and for how long.
    #[serde(default)]
    pub compliance: ComplianceForm,
}

/// Whose phone is answered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusinessForm {
    /// The name as callers know it; it is spoken when an assistant has no greeting of its own.
    #[schemars(example = &"Rivera Plumbing")]
    pub name: String,
    /// What the business does: the intake an assistant uses when it names none. Without it every assistant names its
    /// own.
    #[schemars(example = &"plumbing")]
    pub trade: Option<Trade>,
    /// How a number without `+` is read, and whose public holidays count: two letters, ISO 3166-1.
    #[serde(default = "us")]
    #[schemars(example = &"US")]
    pub country: String,
    /// The clock of every office that has none of its own: an IANA time zone. Hours, slots and what the caller is told
    /// follow it.
    #[schemars(example = &"America/Chicago")]
    pub timezone: String,
}

/// A trade with an intake of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-later" = ["hvac", "electrical", "inspection", "general"]))]
pub enum Trade {
    /// Leaks, drains, water heaters; a burst pipe is urgent.
    Plumbing,
    /// A first meeting with a lawyer; somebody held by the police is urgent.
    Law,
}

impl Trade {
    /// The names of the intakes there are.
    pub const TEMPLATES: [&'static str; 2] = ["plumbing", "law"];

    /// The intake template's name.
    pub fn template(self) -> &'static str {
        match self {
            Trade::Plumbing => "plumbing",
            Trade::Law => "law",
        }
    }
}

/// Where calls arrive on this machine.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SipForm {
    /// Where SIP is received: `udp:ADDRESS:PORT`, `tcp:ADDRESS:PORT` or `tls:ADDRESS:PORT`, at most 8. The trunk must send
    /// its calls there. An IPv6 address like `udp:[::]:5060` takes no IPv4. With `tcp:`, requests too long for one datagram
    /// go over TCP; `tls:` needs the certificate of `[sip.tls]`.
    #[serde(default = "sip_listen")]
    #[schemars(example = ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"])]
    pub listen: Vec<String>,
    /// The address other machines are told to send calls and sound to: `auto` for this machine's own or, behind a router, the
    /// one at which a trunk's registrar or a STUN server sees it; or the public address in front of it. Machines on our own network are told
    /// our own. A wrong one means callers hear nothing.
    #[serde(default = "auto")]
    #[schemars(example = &"auto")]
    pub advertise: String,
    /// The UDP ports for sound, `FIRST-LAST`. Two are used for each side of a call; the firewall must let them in.
    #[serde(default = "rtp_ports")]
    #[schemars(example = &"20000-29999")]
    pub rtp_ports: String,
    /// Who is asked where hosts are (NAPTR, SRV, A and AAAA records), `ADDRESS` or `ADDRESS:PORT`, at most 3. Without it
    /// the name servers and files of this machine. While none answers, calls go where hosts were found last.
    #[serde(default)]
    #[schemars(example = ["192.0.2.53"])]
    pub name_servers: Vec<String>,
    /// Who is asked where this machine is seen from outside, `HOST` or `HOST:PORT` (STUN). For a desk behind a router with
    /// `advertise = "auto"` whose trunks do not register; it is asked every 25 seconds, which keeps the router's door open.
    #[schemars(example = &"stun.example.com:3478")]
    pub stun: Option<String>,
    /// Whether packets are marked for routers that let some pass before others (DSCP): sound as EF, SIP as CS3. Where a router
    /// looks at marks, a large download does not break up callers' voices; `false` for a network that throws marked packets
    /// away.
    #[serde(default = "yes")]
    #[schemars(example = true)]
    pub dscp: bool,
    /// What this machine shows to whoever connects by TLS.
    #[serde(default)]
    pub tls: TlsForm,
}

/// What this machine shows to whoever connects by TLS.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsForm {
    /// The file of the certificate and its chain, PEM, the certificate first. A new one is taken up within a minute, and no
    /// call is dropped for it.
    pub certificate: Option<String>,
    /// The file of its key, PEM.
    pub key: Option<String>,
}

impl Default for SipForm {
    fn default() -> Self {
        SipForm {
            listen: sip_listen(),
            advertise: auto(),
            rtp_ports: rtp_ports(),
            name_servers: Vec::new(),
            stun: None,
            dscp: true,
            tls: TlsForm::default(),
        }
    }
}

/// The console and the HTTP interface.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = {
    "public_url": "calls back from carriers and calendars are not available yet",
}))]
pub struct WebForm {
    /// Where the console listens, `ADDRESS:PORT`. Anything but a loopback address needs a `token`.
    #[serde(default = "web_listen")]
    #[schemars(example = &"127.0.0.1:8080")]
    pub listen: String,
    /// What whoever opens the console must know: `env:NAME` or `file:PATH`. Without it only this machine may look.
    pub token: Option<String>,
}

impl Default for WebForm {
    fn default() -> Self {
        WebForm { listen: web_listen(), token: None }
    }
}

/// What is remembered, and where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = {
    "database": "a database server is not available yet; everything is kept in `directory`",
}))]
pub struct DataForm {
    /// A directory for calls, bookings, messages and prompts; a relative one lies beside this file. When it cannot be
    /// written, calls are still answered and nothing is promised.
    #[serde(default = "data_directory")]
    #[schemars(example = &"data")]
    pub directory: String,
    /// The bucket that recordings of calls are brought to, like `s3://bucket/prefix`. Without it they lie in `recordings`
    /// below the data directory.
    pub recordings: Option<String>,
    /// How the bucket is entered.
    pub s3: Option<BucketForm>,
}

impl Default for DataForm {
    fn default() -> Self {
        DataForm { directory: data_directory(), recordings: None, s3: None }
    }
}

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
    #[serde(default = "four")]
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

/// A location: its hours decide what happens to a call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfficeForm {
    /// What this file and the console call it.
    #[schemars(example = &"main")]
    pub name: String,
    /// When somebody is there, in OpenStreetMap's `opening_hours` syntax; `PH off` closes on public holidays. Visits
    /// are offered in these hours too.
    #[schemars(example = &"Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off")]
    pub hours: String,
    /// Days that differ, in the same syntax; they win over `hours`.
    #[serde(default)]
    #[schemars(example = ["2026 Dec 24 12:00-24:00 off"])]
    pub except: Vec<String>,
    /// This office's own clock, if it is not the business's.
    pub timezone: Option<String>,
    /// The calendar its visits are booked in. Without it, the one whose `office` this is; without any, callers are
    /// called back.
    pub calendar: Option<String>,
    /// The trunk of its own: its lines arrive on it and its people are rung over it, where they do not say otherwise.
    pub trunk: Option<String>,
    /// What happens to a call on its lines that name no plan, and to callers who are sent on to this office: as a line's
    /// `plan`. Without it `overflow`.
    pub plan: Option<String>,
    /// Whose voice answers on its lines that name no assistant, and to callers who are sent on to this office; needed there
    /// when there are several.
    pub assistant: Option<String>,
    /// The words by which callers ask for this office where the step `"offices"` lets them choose, in small letters; the
    /// first is how it is spoken of. `(a | b)` is a choice, `[a]` may be left out. Without them it is not offered.
    #[serde(default)]
    #[schemars(example = ["downtown"])]
    pub known_as: Vec<String>,
}

/// Somebody who can be rung.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonForm {
    /// As the caller hears it.
    #[schemars(example = &"Dana")]
    pub name: String,
    /// The office this person belongs to; needed when there are several.
    #[schemars(example = &"main")]
    pub office: Option<String>,
    /// How this person is reached; tried in order.
    #[schemars(extend("examples" = [[{"to": "101", "via": "main"}]]))]
    pub reach: Vec<ReachForm>,
}

/// One way to ring a person.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReachForm {
    /// A telephone number, an extension of 2 to 6 digits, or a SIP address like `sip:dana@192.0.2.20`.
    pub to: String,
    /// The trunk it is dialled over; needed when there are several and the person's office has none of its own.
    pub via: Option<String>,
    /// What counts as an answer. Without it `press-1` for a telephone number, whose voicemail picks up too, and
    /// `pick-up` for everything else.
    pub accept: Option<AcceptForm>,
}

/// What counts as a person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AcceptForm {
    /// Picking up is enough.
    #[serde(rename = "pick-up")]
    PickUp,
    /// The person hears who is calling and presses 1.
    #[serde(rename = "press-1")]
    PressOne,
}

/// People who take turns.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotaForm {
    /// What steps call it. The rota `on-call` is rung by the built-in plans.
    #[schemars(example = &"on-call")]
    pub name: String,
    /// Who is on it, in the order of their turns.
    #[schemars(example = ["Dana"])]
    pub people: Vec<String>,
    /// Whose turn it is: `in-order`, `daily from YYYY-MM-DD` or `weekly from YYYY-MM-DD`. Whoever's turn it is is rung
    /// first, then the others.
    #[serde(default = "in_order")]
    #[schemars(example = &"weekly from 2026-01-05")]
    pub turn: String,
}

/// A number that callers dial.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineForm {
    /// The number, as the carrier sends it.
    #[schemars(example = &"+13125550100")]
    pub number: String,
    /// The trunk it arrives on; needed when there are several and its office has none of its own.
    #[schemars(example = &"main")]
    pub trunk: Option<String>,
    /// Whose hours and people count; needed when there are several offices.
    #[schemars(example = &"main")]
    pub office: Option<String>,
    /// How calls come here.
    #[serde(default)]
    pub arrives: ArrivesForm,
    /// What happens to a call: `always` (the assistant answers), `overflow` (the office rings first while it is
    /// open), `after-hours` (the assistant answers only while it is closed), or the name of a [[plan]]. Without it the
    /// office's, else `overflow`.
    #[schemars(example = &"overflow")]
    pub plan: Option<String>,
    /// Whose voice answers; needed when there are several and its office names none.
    #[schemars(example = &"Robin")]
    pub assistant: Option<String>,
}

/// How calls come to a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ArrivesForm {
    /// Straight from the carrier.
    #[default]
    Direct,
    /// Forwarded by the business's own phone company; that number is never rung back.
    Forwarded,
}

/// Callers who are known by their number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallerForm {
    /// Who they are, for whoever reads this file.
    #[schemars(example = &"Maple Street property management")]
    pub name: String,
    /// The numbers they call from. A carrier can be lied to about these: what they open is a plan, nothing secret.
    #[schemars(extend("examples" = [["+13125550143"]]))]
    pub numbers: Vec<String>,
    /// A [[plan]] of their own, on whichever line they call.
    pub plan: Option<String>,
    /// The office whose client they are: they are received there, whichever line they call.
    #[schemars(example = &"main")]
    pub office: Option<String>,
    /// They are turned away with 607 (unwanted), or meet the rule `blocked` of the line's plan.
    #[serde(default)]
    pub blocked: bool,
}

/// What is tried for a caller, and when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = {
    "afterwards": "a choice of what comes afterwards is not available yet; whoever leaves without help gets a callback",
}))]
pub struct PlanForm {
    /// What a line's `plan` calls it.
    #[schemars(example = &"front-door")]
    pub name: String,
    /// The first rule that holds decides. If none does, a message is taken.
    pub rule: Vec<RuleForm>,
}

/// One rule of a plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleForm {
    /// When the rule holds.
    #[schemars(example = &"always")]
    pub when: WhenForm,
    /// Tried in order until the caller has an answer: `"assistant"`, `"offices"`, `"message"`, `"refuse"`,
    /// `{ ring = WHOM, for = "20s", order = "in-turn", only = "urgent" }`, `{ queue = WHOM, for = "10m" }` or
    /// `{ forward = TARGET, for = "20s" }`. When all are exhausted, a callback is stored.
    #[schemars(extend("examples" = [["assistant", {"ring": "on-call", "for": "20s"}, "message"]]))]
    pub steps: Vec<StepForm>,
}

/// When a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenForm {
    /// The line's office is open.
    Open,
    /// It is outside the hours, or a holiday.
    Closed,
    /// A public holiday, or a time the owner excepted.
    Holiday,
    /// Everybody of the line's office talks to a caller of this desk.
    TeamBusy,
    /// A [[caller]] who is not blocked.
    KnownCaller,
    /// A [[caller]] with `blocked`. Such callers meet no other rule, and without this one they are turned away.
    Blocked,
    /// The carrier has checked the caller's number and says that it is not theirs.
    Suspect,
    /// In every case.
    Always,
}

/// One thing to try.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StepForm {
    /// A step that needs nothing more said.
    Word(StepWord),
    /// People are rung.
    Ring(RingForm),
    /// The caller waits until somebody is free.
    Queue(QueueForm),
    /// The call is sent on.
    Forward(ForwardForm),
}

/// A step that needs nothing more said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-later" = ["bot"]))]
pub enum StepWord {
    /// The line's assistant talks to the caller.
    Assistant,
    /// The line's assistant asks which of the offices with `known_as` the caller would like, and the call goes on there, by that
    /// office's hours, plan and people.
    Offices,
    /// The caller leaves a message.
    Message,
    /// The call is turned away.
    Refuse,
}

/// People are rung.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-kind" = ["ring", "bot", "queue", "forward"], "x-later" = {
    "bot": "other people's bots are not available yet; the step \"assistant\" works",
}))]
pub struct RingForm {
    /// A person, an office (everybody there) or a rota.
    pub ring: String,
    /// How long each is rung, 5s to 120s. Voicemail of a cell picks up after 25 to 30 s: longer than 20s, and it may take the
    /// caller where `accept = "pick-up"`.
    #[serde(rename = "for", default = "ring_time")]
    pub ring_for: String,
    /// `together` (the default for an office) or `in-turn` (the default for a rota).
    pub order: Option<OrderForm>,
    /// Whom it is for; without it everybody.
    pub only: Option<OnlyForm>,
}

/// For whom people are rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnlyForm {
    /// Callers who told of something that cannot wait: an emergency of the intake, or any.
    Urgent,
}

/// The caller waits, hears music and where they stand, and is put through in turn; 1 is for being called back instead.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueForm {
    /// For whom: a person, an office (anybody there) or a rota. Whoever is free, and not in a call of this desk, is rung for
    /// the caller who has waited longest.
    pub queue: String,
    /// How long a caller waits at most, 30s to 60m; then the next step is taken.
    #[serde(rename = "for", default = "wait_time")]
    pub wait: String,
}

/// The call is sent on to somebody who is none of the business's people.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardForm {
    /// The name of a [[target]].
    pub forward: String,
    /// How long it rings, 5s to 120s; then the next step is taken.
    #[serde(rename = "for", default = "ring_time")]
    pub ring_for: String,
}

/// Where a call can be sent on: an answering service, another company. It is bridged here, so that a caller whom nobody takes
/// there comes back to the plan.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetForm {
    /// What steps call it.
    #[schemars(example = &"answering-service")]
    pub name: String,
    /// A telephone number, an extension of 2 to 6 digits, or a SIP address like `sip:desk@example.com`.
    #[schemars(example = &"+13125550188")]
    pub to: String,
    /// The trunk it is dialled over; needed when there are several.
    pub via: Option<String>,
    /// What counts as an answer: `pick-up`, or `press-1` where voicemail could pick up.
    #[serde(default = "picking_up")]
    pub accept: AcceptForm,
}

fn picking_up() -> AcceptForm {
    AcceptForm::PickUp
}

/// In which order several people are rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderForm {
    /// All at once; the first to pick up has the call.
    Together,
    /// One after the other.
    InTurn,
}

/// The voice that answers, and what it asks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = {
    "knowledge": "answers from a knowledge file are not available yet",
    "think": "thinking engines are not available yet; the intake's own rules decide",
    "realtime": "realtime engines are not available yet; `hear` and `speak` work with \"local\"",
}))]
pub struct AssistantForm {
    /// Its name, as the caller hears it.
    #[schemars(example = &"Robin")]
    pub name: String,
    /// The first words. They must say that an automated assistant speaks; if they do not, that sentence is added. Without
    /// a greeting, one is made of both names.
    #[schemars(example = &"Thanks for calling Rivera Plumbing. This is Robin, the automated assistant. How can I help?")]
    pub greeting: Option<String>,
    /// The local voice.
    #[serde(default)]
    #[schemars(example = &"slt")]
    pub voice: VoiceForm,
    /// What is asked: the name of a template, or a file beside this one. Wins over `business.trade`.
    #[schemars(example = &"plumbing")]
    pub intake: Option<String>,
    /// The services of the intake that this assistant takes on, by the names in its file; without it all. Keys stay as they
    /// are.
    #[schemars(example = ["drain", "leak"])]
    pub services: Option<Vec<String>>,
    /// What callers who ask for a price are told, in your own words. Without it they hear that the office will say.
    #[schemars(example = &"A visit costs 89 dollars, and the plumber tells you the price before any work.")]
    pub prices: Option<String>,
    /// What understands the caller, first that works. `local` needs no account and no network.
    #[serde(default = "local")]
    #[schemars(example = ["local"])]
    pub hear: Vec<EngineForm>,
    /// What speaks, first that works. `local` needs no account and no network.
    #[serde(default = "local")]
    #[schemars(example = ["local"])]
    pub speak: Vec<EngineForm>,
}

/// A voice of the local engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VoiceForm {
    /// A woman's voice.
    #[default]
    Slt,
    /// A man's voice.
    Rms,
    /// A man's voice, older and plainer.
    Kal16,
}

impl VoiceForm {
    /// The voice's name with the speaking engine.
    pub fn name(self) -> &'static str {
        match self {
            VoiceForm::Slt => "slt",
            VoiceForm::Rms => "rms",
            VoiceForm::Kal16 => "kal16",
        }
    }
}

/// Something that hears or speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-later" = ["deepgram", "cartesia", "openai", "elevenlabs", "assemblyai"]))]
pub enum EngineForm {
    /// On this machine.
    Local,
}

/// Where visits are booked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarForm {
    /// What this file and the console call it.
    #[schemars(example = &"jobs")]
    pub name: String,
    /// Whose calendar it is.
    #[serde(default)]
    #[schemars(example = &"local")]
    pub kind: CalendarKind,
    /// The office whose hours visits follow; needed when there are several.
    #[schemars(example = &"main")]
    pub office: Option<String>,
    /// How long a visit takes, 5m to 24h.
    #[serde(default = "two_hours")]
    #[schemars(example = &"2h")]
    pub visit: String,
    /// The least time between the call and the visit, up to 30d.
    #[serde(default = "two_hours")]
    #[schemars(example = &"2h")]
    pub lead: String,
    /// How far ahead visits are offered, 1d to 120d.
    #[serde(default = "two_weeks")]
    #[schemars(example = &"14d")]
    pub horizon: String,
    /// How many visits can run at once, 1 to 100. One slot is offered to as many callers as there are crews.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100), example = 1)]
    pub crews: u16,
    /// An iCalendar file with times already taken; a relative one lies beside this file. Nothing is offered then.
    pub busy: Option<String>,
}

/// Whose calendar it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(extend("x-later" = [
    "caldav", "google", "servicetitan", "jobber", "housecall-pro", "cal.com", "clio-grow", "webhook"
]))]
pub enum CalendarKind {
    /// Kept by this desk.
    #[default]
    Local,
}

/// What may be kept of what callers say, and for how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-later" = {
    "clips": "names and addresses kept as sound cannot be switched yet",
    "text_back": "texts are not available yet; a message is taken instead",
}))]
pub struct ComplianceForm {
    /// Whether the sound of the talk with the assistant is kept. `announce` adds a sentence to the greeting that says so;
    /// nothing is recorded before it was heard to its end. A message is kept because the caller leaves it.
    #[serde(default)]
    #[schemars(example = &"never")]
    pub calls: SoundKept,
    /// Whether the sound of a talk with a person is kept. `announce` tells both at its beginning, and the person may
    /// pause the recording with the star key.
    #[serde(default)]
    #[schemars(example = &"never")]
    pub bridged: SoundKept,
    /// Whether the words of the talk are kept. `announce` adds a sentence to the greeting that says so.
    #[serde(default)]
    #[schemars(example = &"announce")]
    pub transcripts: TranscriptsKept,
    /// How long calls, messages and what was said are kept, 1d to 3650d. Then they are deleted.
    #[serde(default = "ninety_days")]
    #[schemars(example = &"90d")]
    pub keep: String,
}

impl Default for ComplianceForm {
    fn default() -> Self {
        ComplianceForm {
            calls: SoundKept::Never,
            bridged: SoundKept::Never,
            transcripts: TranscriptsKept::Announce,
            keep: ninety_days(),
        }
    }
}

/// Whether the sound of a talk is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SoundKept {
    /// Nothing is kept.
    #[default]
    Never,
    /// It is kept, and whoever is heard is told before.
    Announce,
}

/// Whether the words of a talk are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TranscriptsKept {
    /// Nothing is kept.
    Never,
    /// They are kept, and the greeting says so.
    #[default]
    Announce,
}

fn us() -> String {
    "US".to_string()
}

fn sip_listen() -> Vec<String> {
    vec!["udp:0.0.0.0:5060".to_string()]
}

fn auto() -> String {
    "auto".to_string()
}

fn yes() -> bool {
    true
}

fn rtp_ports() -> String {
    "20000-29999".to_string()
}

fn web_listen() -> String {
    "127.0.0.1:8080".to_string()
}

fn data_directory() -> String {
    "data".to_string()
}

fn four() -> u32 {
    4
}

fn in_order() -> String {
    "in-order".to_string()
}

fn ring_time() -> String {
    "20s".to_string()
}

fn wait_time() -> String {
    "10m".to_string()
}

fn local() -> Vec<EngineForm> {
    vec![EngineForm::Local]
}

fn two_hours() -> String {
    "2h".to_string()
}

fn two_weeks() -> String {
    "14d".to_string()
}

fn one() -> u16 {
    1
}

fn ninety_days() -> String {
    "90d".to_string()
}
