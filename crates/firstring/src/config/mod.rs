//! One TOML file becomes the desk's nouns and the shell's settings.
//!
//! `file` is the list of settings; `document` knows lines; `shape` compares the two; `meaning` makes values of
//! texts and holds names against each other; `plans` knows steps and the built-in plans; `reference`
//! writes schema, reference page and example; `look` is the half of `check` that looks around this machine,
//! `idle` the part of it that looks for what never comes to pass, `hearing` the one for what is listened for, and `reach` the one that asks carriers whether they
//! are there.
//! What is done with a setting is decided where it is used.
//!
//! Invariant: a [`Config`] is whole. Every name in it leads somewhere, every value is in bounds, and a file with
//! anything wrong gives [`Refusals`] and no configuration.

mod callers;
mod carrier;
pub mod commands;
mod document;
mod encryption;
mod file;
mod greeting;
mod hearing;
mod hidden;
mod idle;
mod joining;
mod look;
mod meaning;
mod people;
mod plans;
mod presets;
mod reach;
mod recordings;
mod reference;
mod refusal;
mod shape;
mod transfers;
mod values;
mod way;
mod written;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use desk::booking::DiaryRules;
use desk::business::Business;
use desk::number::Country;
use desk::private::Private;
use ipnet::IpNet;
use line::Habits;
use serde::Deserialize;

pub use encryption::{Encryption, Identity, Trust};
pub use hearing::hearing;
pub use hidden::{hidden, warning};
pub use joining::{Guard, Joining, Login};
pub use look::{Finding, Weight, look};
pub use reach::{hosts, reach, unasked};
pub use recordings::reach_bucket;
pub use reference::{example, reference, schema};
pub use refusal::{Refusal, Refusals};
use values::Secrets;
pub(crate) use values::plain;
pub use values::{Advertise, Listen, Target};
pub use way::Way;

/// Everything one configuration file says, read and held against each other.
#[derive(Clone, Debug)]
pub struct Config {
    /// The desk's own nouns.
    pub business: Arc<Business>,
    /// How a number without `+` is read.
    pub country: Country,
    /// Where calls arrive on this machine.
    pub sip: SipSettings,
    /// The console.
    pub web: WebSettings,
    /// Where everything is remembered; absolute, or relative to the working directory as the file's path was.
    pub data_directory: PathBuf,
    /// How lines reach us, in the order written.
    pub trunks: Vec<TrunkSettings>,
    /// Where visits are booked, in the order written.
    pub calendars: Vec<CalendarSettings>,
    /// How long calls, messages and what was said are kept.
    pub keep: Duration,
    /// The bucket that recordings are brought to, if they do not stay here.
    pub recordings: Option<store::bucket::Settings>,
}

/// Where calls arrive on this machine.
#[derive(Clone, Debug)]
pub struct SipSettings {
    /// Where SIP is received; at least one.
    pub listen: Vec<Listen>,
    /// What other machines are told.
    pub advertise: Advertise,
    /// UDP ports for sound; at least two.
    pub rtp_ports: RangeInclusive<u16>,
    /// What is shown to whoever connects by TLS; there is one if any place is listened on by it.
    pub tls: Option<Identity>,
    /// Who is asked where hosts are; empty: this machine.
    pub name_servers: Vec<SocketAddr>,
    /// Who is asked where this machine is seen from outside.
    pub stun: Option<Target>,
    /// Packets are marked for the routers on their way.
    pub dscp: bool,
    /// What new callers meet while sound leaves late.
    pub when_late: line::WhenLate,
}

/// The console and the HTTP interface.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// TCP address; loopback if there is no token.
    pub listen: SocketAddr,
    /// What whoever asks must present.
    pub token: Option<Private<String>>,
}

/// How lines reach us.
#[derive(Clone, Debug)]
pub struct TrunkSettings {
    /// Unique among trunks.
    pub name: String,
    /// Whose it is.
    carrier: file::Carrier,
    /// Who may send calls without registration; no address is in the ranges of two trunks.
    pub accept_from: Vec<IpNet>,
    /// Hosts whose addresses may do the same; no host is in the list of two trunks.
    pub accept_names: Vec<String>,
    /// Domains whose certificate lets in whoever shows it; no domain is in the list of two trunks.
    pub accept_certificates: Vec<String>,
    /// What is answered when the trunk asks for a password.
    pub login: Option<Login>,
    /// What the other side answers when we ask for a password, if we do.
    pub guard: Option<Guard>,
    /// Where we register so that calls reach us, if at all.
    pub joining: Option<Joining>,
    /// Calls at once.
    pub channels: u32,
    /// It puts callers through by itself where channels are short.
    pub hands_over: bool,
    /// How connections to it are encrypted, if they are.
    pub encryption: Option<Encryption>,
    /// What every request goes through, if anything.
    pub outbound_proxy: Option<Target>,
    /// Where the carrier takes everybody's calls, if it is one host.
    host: Option<Target>,
    /// How calls over it are written and refused.
    pub habits: Habits,
    /// What the carrier does when this machine is gone, in the owner's words.
    pub without_us: Option<String>,
}

impl TrunkSettings {
    /// Whose it is, in the configuration's word.
    pub fn carrier_word(&self) -> &'static str {
        self.carrier.word()
    }

    /// Where calls over the trunk are sent: through its proxy, else to where we are registered, else to its carrier.
    pub fn target(&self) -> Option<&Target> {
        let joined = || self.joining.as_ref().map(Joining::next_hop);
        self.outbound_proxy.as_ref().or_else(joined).or(self.host.as_ref())
    }

    /// The host part of whom is called over the trunk: the account's domain, else the host that calls are sent to.
    pub fn called_at(&self) -> Option<String> {
        match &self.joining {
            Some(joining) if joining.domain == joining.registrar.host => Some(joining.registrar.to_string()),
            Some(joining) => Some(joining.domain.clone()),
            None => self.target().map(Target::to_string),
        }
    }
}

/// Where visits are booked.
#[derive(Clone, Debug)]
pub struct CalendarSettings {
    /// As the desk's diary takes them.
    pub rules: DiaryRules,
    /// An iCalendar file with times already taken; it could be read when the configuration was.
    pub busy: Option<PathBuf>,
}

/// The words that `carrier` takes.
#[cfg(test)]
pub fn carriers() -> impl Iterator<Item = &'static str> {
    file::Carrier::ALL.into_iter().map(file::Carrier::word)
}

/// A configuration longer than this is a slip in the path.
const LONGEST_FILE: u64 = 1 << 20;

impl Config {
    /// Reads and holds together a configuration file; secrets come from the environment and from files.
    ///
    /// Looks at nothing else of this machine: see [`look()`].
    pub fn load(path: &Path) -> Result<Config, Refusals> {
        Config::load_with(path, Secrets::Read)
    }

    /// The same for commands that call nobody and show no console: secrets need not be at hand, and are left empty.
    pub fn load_without_secrets(path: &Path) -> Result<Config, Refusals> {
        Config::load_with(path, Secrets::LeftOut)
    }

    fn load_with(path: &Path, secrets: Secrets) -> Result<Config, Refusals> {
        let shown = path.display().to_string();
        let whole = |says: String| {
            Refusals::new(vec![Refusal { file: shown.clone(), line: 0, key: String::new(), says }])
        };
        let text = read_text(path).map_err(whole)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let variable = |name: &str| std::env::var(name).ok();
        Config::read(&shown, &text, &values::Surroundings { directory, variable: &variable, secrets })
    }

    /// Reads a configuration that is no file of its own, like the demo's; relative paths begin in `directory`, and
    /// `env:` finds nothing.
    pub fn from_text(name: &str, text: &str, directory: &Path) -> Result<Config, Refusals> {
        Config::read(
            name,
            text,
            &values::Surroundings { directory, variable: &|_| None, secrets: Secrets::Read },
        )
    }

    /// The same where the environment is this, for trials.
    #[cfg(test)]
    pub fn with_variables(
        name: &str,
        text: &str,
        directory: &Path,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, Refusals> {
        Config::read(name, text, &values::Surroundings { directory, variable, secrets: Secrets::Read })
    }

    fn read(file: &str, text: &str, around: &values::Surroundings<'_>) -> Result<Config, Refusals> {
        let (document, mut refusals) = document::Document::parse(file, text);
        if !refusals.is_empty() {
            return Err(Refusals::new(refusals));
        }
        let mut table = document.table.clone();
        if table.get_ref().is_empty() {
            let says =
                "the file says nothing; `firstring config example` prints one to start from".to_string();
            return Err(Refusals::new(vec![Refusal {
                file: file.to_string(),
                line: 0,
                key: String::new(),
                says,
            }]));
        }
        let verdict = shape::compare(&document, table.get_mut(), reference::definitions());
        refusals.extend(verdict.refusals);
        if !verdict.readable {
            return Err(Refusals::new(refusals));
        }
        let written = match file::File::deserialize(toml::de::Deserializer::from(table)) {
            Ok(written) => written,
            Err(error) => {
                let line = document.line_at(error.span().map_or(0, |span| span.start));
                let says = error.message().to_string();
                refusals.push(Refusal { file: file.to_string(), line, key: String::new(), says });
                return Err(Refusals::new(refusals));
            }
        };
        let (config, more) = meaning::read(&document, &written, around);
        let follows = |refusal: &Refusal| verdict.taken_out.iter().any(|at| at.shown() == refusal.key);
        refusals.extend(more.into_iter().filter(|refusal| !follows(refusal)));
        match (config, refusals.is_empty()) {
            (Some(config), true) => Ok(config),
            (Some(_) | None, _) => Err(Refusals::new(refusals)),
        }
    }

    /// The trunk of this name.
    pub fn trunk(&self, name: &str) -> Option<&TrunkSettings> {
        self.trunks.iter().find(|trunk| trunk.name == name)
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            "there is no such file; `firstring config example` prints one to start from".to_string()
        }
        _ => format!("this cannot be read: {}", values::plain(&error)),
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LONGEST_FILE {
        return Err("this is longer than any configuration (1 MiB); check the path".to_string());
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        format!("line {line} is not UTF-8 text; save the file as UTF-8")
    })
}
