//! The half of `check` that looks around this machine: ports, disk, and whether the plans can do what they say.
//!
//! Each finding is one plain sentence with one remedy. Whether a carrier answers is asked in
//! [`reach`](super::reach()), and whether the voices work is looked at where those are at home. Nothing found here keeps
//! a desk from starting: it says what a caller would meet.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use desk::business::Step;

use sip::Transport;

use super::{Config, Listen, idle, transfers, values};
use crate::drill::{Proof, proofs};
use crate::shell::tls::{self, Tls};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// As it should be.
    Fine,
    /// Callers are served, less well than they could be.
    Weak,
    /// Something configured cannot work.
    Broken,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// What was looked at: a port, a trunk, a plan.
    pub about: String,
    /// What was found.
    pub says: String,
    /// What to change; empty when all is fine.
    pub remedy: String,
}

impl Finding {
    pub(super) fn fine(about: impl Into<String>, says: impl Into<String>) -> Finding {
        Finding { weight: Weight::Fine, about: about.into(), says: says.into(), remedy: String::new() }
    }

    pub(super) fn weak(
        about: impl Into<String>,
        says: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding { weight: Weight::Weak, about: about.into(), says: says.into(), remedy: remedy.into() }
    }

    pub(super) fn broken(
        about: impl Into<String>,
        says: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding { weight: Weight::Broken, about: about.into(), says: says.into(), remedy: remedy.into() }
    }
}

/// Looks around for everything a configuration needs of this machine. Binds and lets go of the configured ports, and
/// writes and removes one small file in the data directory.
pub fn look(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(config.sip.listen.iter().map(|listen| sip_port(*listen)));
    found.extend(certificates(config));
    found.extend(super::hidden(config));
    found.push(web_port(config.web.listen));
    found.push(sound_ports(config));
    found.extend(disk(&config.data_directory));
    let proofs = proofs(&config.data_directory);
    found.extend(config.trunks.iter().flat_map(|one| trunk(one, proofs.get(&one.name))));
    found.extend(people(config));
    found.extend(plans(config));
    found.extend(visits(config));
    found.extend(idle::look(config, jiff::Timestamp::now()));
    found.extend(greetings(config));
    found.extend(super::recordings::look(config));
    found
}

fn sip_port(Listen { transport, address }: Listen) -> Finding {
    let about = format!("{transport}:{address}");
    let bound = match transport {
        Transport::Udp => UdpSocket::bind(address).map(drop),
        Transport::Tcp | Transport::Tls => TcpListener::bind(address).map(drop),
    };
    match bound {
        Ok(()) => Finding::fine(about, "calls can be received here"),
        Err(error) => Finding::broken(
            about,
            format!("no call can be received here: {}", values::plain(&error)),
            "stop the other program, or change sip.listen",
        ),
    }
}

/// A certificate that ends so soon is renewed now: it takes days at some authorities.
const ENDS_SOON: Duration = Duration::from_secs(14 * 86_400);

/// What is shown and believed on connections by TLS, and for how long it holds.
fn certificates(config: &Config) -> Vec<Finding> {
    let of_trunk = |trunk: &super::TrunkSettings| {
        let shown = trunk.encryption.as_ref()?.shown.as_ref()?.certificate.clone();
        Some((format!("trunk {}", trunk.name), shown))
    };
    let own = config.sip.tls.iter().map(|own| ("sip.tls".to_string(), own.certificate.clone()));
    let shown: Vec<_> = own.chain(config.trunks.iter().filter_map(of_trunk)).collect();
    if let Err(error) = Tls::load(config) {
        let about = "certificates";
        return vec![Finding::broken(
            about,
            format!("SIP over TLS cannot work: {error}"),
            "then run check again",
        )];
    }
    shown.into_iter().map(|(about, path)| validity(about, &path, tls::holds_until(&path))).collect()
}

fn validity(about: String, path: &Path, until: Option<jiff::Timestamp>) -> Finding {
    let (now, shown) = (jiff::Timestamp::now(), path.display());
    let Some(until) = until else {
        let says = format!("until when {shown} holds cannot be told");
        return Finding::weak(about, says, "look at it with `openssl x509 -noout -enddate -in FILE`");
    };
    let day = until.to_zoned(jiff::tz::TimeZone::UTC).date();
    if until <= now {
        return Finding::broken(
            about,
            format!("{shown} has ended on {day}, so nobody connects by TLS"),
            "put a new certificate in its place",
        );
    }
    match now + ENDS_SOON < until {
        true => Finding::fine(about, format!("{shown} holds until {day}")),
        false => Finding::weak(
            about,
            format!("{shown} ends on {day}; from then on nobody connects by TLS"),
            "renew it; the desk takes up a new one by itself",
        ),
    }
}

fn web_port(address: SocketAddr) -> Finding {
    let about = format!("http://{address}");
    match TcpListener::bind(address) {
        Ok(_) => Finding::fine(about, "the console can be shown here"),
        Err(error) => Finding::broken(
            about,
            format!("the console cannot be shown here: {}", values::plain(&error)),
            "stop the other program, or change web.listen",
        ),
    }
}

/// Each call can have two sides, and each side takes a port for sound and one for its reports.
const PORTS_PER_CALL: u32 = 4;

fn sound_ports(config: &Config) -> Finding {
    let ports = u32::from(*config.sip.rtp_ports.end() - *config.sip.rtp_ports.start()) + 1;
    let channels: u32 = config.trunks.iter().map(|trunk| trunk.channels).sum();
    let needed = channels.saturating_mul(PORTS_PER_CALL);
    match ports >= needed {
        true => {
            Finding::fine("sip.rtp_ports", format!("{ports} ports are enough for {channels} calls at once"))
        }
        false => Finding::broken(
            "sip.rtp_ports",
            format!("{channels} calls at once need {needed} ports, and there are {ports}"),
            "widen sip.rtp_ports",
        ),
    }
}

/// Below this, a day of messages does not fit.
const SCARCE: u64 = 200 << 20;

fn disk(directory: &Path) -> Vec<Finding> {
    let about = directory.display().to_string();
    if let Err(error) = writable(directory) {
        let says = format!("nothing can be remembered here: {}", values::plain(&error));
        let remedy = "give this user a directory it can write, or change data.directory";
        return vec![Finding::broken(about, says, remedy)];
    }
    let Ok(space) = rustix::fs::statvfs(directory) else {
        return vec![Finding::weak(
            about,
            "how much room is left cannot be told",
            "look at the disk yourself",
        )];
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let free_mib = free >> 20;
    match free >= SCARCE {
        true => vec![Finding::fine(about, format!("can be written, {free_mib} MiB are free"))],
        false => vec![Finding::weak(
            about,
            format!("only {free_mib} MiB are free; on a full disk calls are answered and nothing is booked"),
            "free some room, or change data.directory",
        )],
    }
}

/// Creates the directory if it is not there, and proves that a file can be made in it.
fn writable(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    let trial: PathBuf = directory.join(format!(".check-{}", std::process::id()));
    let written = std::fs::write(&trial, b"check\n");
    let removed = std::fs::remove_file(&trial);
    written.and(removed)
}

fn trunk(trunk: &super::TrunkSettings, proof: Option<&Proof>) -> Vec<Finding> {
    let about = format!("trunk {}", trunk.name);
    let registers = trunk.joining.as_ref().map(|joining| {
        let says = format!(
            "registers as {} at {}; whether it is let in shows when the desk runs",
            joining.user, joining.registrar
        );
        Finding::fine(about.clone(), says)
    });
    let misfits = super::carrier::misfits(trunk);
    registers.into_iter().chain(misfits).chain([without_us(trunk, proof, about)]).collect()
}

/// A fallback that nobody has heard ring for so long may have gone meanwhile.
const PROVED_LATELY: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 180);

fn without_us(trunk: &super::TrunkSettings, proof: Option<&Proof>, about: String) -> Finding {
    let Some(words) = &trunk.without_us else {
        return Finding::weak(
            about,
            "nobody wrote down what the carrier does when this machine is gone",
            "set up a fallback at the carrier, and write it into without_us",
        );
    };
    let proved = proof.filter(|proof| jiff::Timestamp::now().duration_since(proof.at) < PROVED_LATELY);
    match proved {
        Some(proof) => {
            let on = proof.at.strftime("%Y-%m-%d");
            Finding::fine(about, format!("without this machine the carrier {words}, as was heard on {on}"))
        }
        None => Finding::weak(
            about,
            format!("without this machine the carrier {words}, but nobody has heard it lately"),
            format!("while the desk runs: firstring drill outage --trunk {:?} -c FILE", trunk.name),
        ),
    }
}

/// People who are configured and cannot be rung.
fn people(config: &Config) -> Vec<Finding> {
    let ways = config
        .business
        .people
        .iter()
        .flat_map(|(name, person)| person.reach.iter().map(move |reach| (name, reach)));
    let unreachable = ways.filter(|(_, reach)| config.way_to(reach).is_none());
    unreachable
        .map(|(name, reach)| {
            Finding::broken(
                format!("person {name}"),
                format!(
                    "trunk {:?} does not say where numbers and extensions are called, so {name} is not rung there",
                    reach.via
                ),
                format!("add outbound_proxy to trunk {:?}, or give {name} a SIP address", reach.via),
            )
        })
        .collect()
}

/// Plans that calls go by whose ring steps reach nobody, and lines that need more channels than there are.
fn plans(config: &Config) -> Vec<Finding> {
    let business = &config.business;
    let mut found = Vec::new();
    for name in idle::walked(business).into_keys() {
        let Some(plan) = business.plans.get(name) else { continue };
        let steps: Vec<&Step> = plan.rules.iter().flat_map(|rule| &rule.steps).collect();
        let about = format!("plan {name}");
        let silent = steps.iter().find_map(|step| rings_nobody(config, step));
        found.push(match silent {
            Some(whom) => Finding::broken(
                about.clone(),
                format!("ringing {whom:?} reaches nobody, so callers go on to the next step at once"),
                "give its people SIP addresses, or a trunk with an outbound_proxy",
            ),
            None => Finding::fine(about.clone(), "every step can be taken"),
        });
        if !steps.iter().any(|step| matches!(step, Step::Assistant | Step::Offices(_) | Step::Message)) {
            found.push(Finding::weak(
                about.clone(),
                "callers whom nobody takes hear only that they will be called back",
                "add \"assistant\" or \"message\" as a last step",
            ));
        }
        found.extend(transfers::channels(config, name, &steps, &about));
        found.extend(transfers::outlasted_by_voicemail(config, &steps, &about));
    }
    found.extend(unused(config));
    found
}

fn rings_nobody<'s>(config: &Config, step: &'s Step) -> Option<&'s str> {
    let (Step::Ring { whom, .. } | Step::Queue { whom, .. }) = step.done() else { return None };
    let phones = config.business.phones_of(whom, jiff::Timestamp::UNIX_EPOCH);
    let anybody = phones.iter().any(|(_, reach)| config.way_to(reach).is_some());
    (!anybody).then(|| whom.name())
}

fn unused(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    for trunk in &config.trunks {
        let carries = config.business.lines.values().any(|line| line.trunk == trunk.name);
        let dials = config
            .business
            .people
            .values()
            .flat_map(|person| &person.reach)
            .chain(config.business.targets.values())
            .any(|reach| reach.via == trunk.name);
        if !carries && !dials {
            found.push(Finding::weak(
                format!("trunk {}", trunk.name),
                "no line arrives on this trunk and nobody is rung over it",
                "add a [[line]] for it, or take it out",
            ));
        }
    }
    found
}

/// Lines whose callers can be told no time.
fn visits(config: &Config) -> Vec<Finding> {
    let business = &config.business;
    let offices: BTreeSet<&str> = business.lines.values().map(|line| line.office.as_str()).collect();
    let mut found = Vec::new();
    for name in offices {
        let about = format!("office {name}");
        let Some(office) = business.offices.get(name) else { continue };
        let calendar = office
            .calendar
            .as_ref()
            .and_then(|name| config.calendars.iter().find(|one| one.rules.calendar == *name));
        found.push(match calendar {
            None => Finding::weak(
                about,
                "no visit can be booked, so every caller is called back",
                "add a [[calendar]] for this office",
            ),
            Some(calendar) => {
                Finding::fine(about, format!("visits are booked in calendar {:?}", calendar.rules.calendar))
            }
        });
    }
    found
}

/// More words than this take longer than 15 s to say (2.5 words a second).
const LONG_GREETING: usize = 38;

fn greetings(config: &Config) -> Vec<Finding> {
    let used: BTreeSet<&str> = config.business.lines.values().map(|line| line.assistant.as_str()).collect();
    let assistants = config.business.assistants.iter().filter(|(name, _)| used.contains(name.as_str()));
    assistants
        .map(|(name, assistant)| {
            let greeting = assistant.greeting.text();
            let words = greeting.split_whitespace().count();
            let about = format!("assistant {name}");
            match words <= LONG_GREETING {
                true => Finding::fine(about, format!("greets with: {greeting}")),
                false => Finding::weak(
                    about,
                    format!("the greeting has {words} words, more than 15 seconds: {greeting}"),
                    "shorten the greeting",
                ),
            }
        })
        .collect()
}
