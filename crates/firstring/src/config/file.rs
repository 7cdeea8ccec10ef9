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

mod plan;
mod trunk;

pub use plan::{
    ForwardForm, OnlyForm, OrderForm, PlanForm, QueueForm, RingForm, RuleForm, StepForm, StepWord,
    TargetForm, WhenForm,
};
pub use trunk::{
    CallerIdForm, Carrier, DigestForm, FullForm, MediaForm, NumbersForm, TransferForm, TrunkForm,
};

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
    /// What new callers meet while this machine is short of a core, so that sound leaves late and everybody on the line hears
    /// gaps. Up to nine legs, a caller's or a person's, they meet what they always do.
    #[serde(default)]
    #[schemars(example = &"stand-back")]
    pub when_late: WhenLateForm,
    /// What this machine shows to whoever connects by TLS.
    #[serde(default)]
    pub tls: TlsForm,
}

/// What new callers meet while sound leaves late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenLateForm {
    /// People or a message instead of the assistant; where that is not enough, the carrier's next route (503).
    #[default]
    StandBack,
    /// What they always do, whatever becomes of the sound: where nobody else takes a call, or to measure a machine.
    TakeAll,
}

impl From<WhenLateForm> for line::WhenLate {
    fn from(form: WhenLateForm) -> line::WhenLate {
        match form {
            WhenLateForm::StandBack => line::WhenLate::StandBack,
            WhenLateForm::TakeAll => line::WhenLate::TakeAll,
        }
    }
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
            when_late: WhenLateForm::default(),
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

fn picking_up() -> AcceptForm {
    AcceptForm::PickUp
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
