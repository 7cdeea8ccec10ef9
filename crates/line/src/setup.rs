//! What the exchange knows before the first call: the business, its trunks and its diaries.

use std::collections::BTreeMap;
use std::sync::Arc;

use desk::booking::Diary;
use desk::business::{Business, Reach};
use desk::number::{Country, E164};
use sip::sdp::Codec;
use sip::{Invitation, Path, Targets, Uri};

use crate::habits::{Encryption, Habits};

/// Targets that one call may be sent on to.
const FOLLOWED: usize = 32;

/// Everything given at start.
#[derive(Debug)]
pub struct Setup {
    /// The desk's own words for what the owner has.
    pub business: Arc<Business>,
    /// How a dialled number without + is read.
    pub country: Country,
    /// By name; the user agent's peers have the same names.
    pub trunks: BTreeMap<String, Trunk>,
    /// By calendar, holding every live booking.
    pub diaries: BTreeMap<String, Diary>,
    /// Told apart in call ids where several processes write to one store.
    pub salt: u64,
    /// What new callers meet while the machine is short of a core.
    pub when_late: WhenLate,
}

/// What new callers meet while the machine is short of a core, so that sound leaves late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenLate {
    /// The assistant stands back, and where that is not enough they are sent elsewhere.
    #[default]
    StandBack,
    /// What they always meet, whatever becomes of the sound.
    TakeAll,
}

/// One trunk: where calls over it go, and how it likes them.
#[derive(Clone, Debug, Default)]
pub struct Trunk {
    /// Where calls to people are sent; `None`: this trunk only brings calls in.
    pub outbound: Option<Outbound>,
    /// The SIP addresses of people who are called without the trunk, so that no channel is taken and no password given.
    /// `None`: it is not known yet where that is.
    pub addresses: BTreeMap<String, Option<Targets<Path>>>,
    /// How it writes numbers, shows who calls, and takes a refusal.
    pub habits: Habits,
}

/// Where and how calls are placed.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// From our sockets to the trunk's; not empty.
    pub paths: Targets<Path>,
    /// The host part of whom we call.
    pub domain: String,
    /// The name of the user agent's account, if the trunk asks for a password.
    pub account: Option<Arc<str>>,
}

/// How one person is called.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// Over a trunk, of which the call takes a channel.
    Over(Outbound),
    /// At their own address.
    Straight(Targets<Path>),
}

impl Way {
    pub(crate) fn paths(&self) -> &Targets<Path> {
        match self {
            Way::Over(outbound) => &outbound.paths,
            Way::Straight(paths) => paths,
        }
    }
}

impl Setup {
    /// How a person is called there, as far as it is known where that is.
    pub(crate) fn way_to(&self, reach: &Reach) -> Option<Way> {
        let trunk = self.trunks.get(&reach.via)?;
        match trunk.addresses.get(&reach.to) {
            Some(paths) => paths.clone().map(Way::Straight),
            None => trunk.outbound.clone().map(Way::Over),
        }
    }

    /// The same, with whom to call there: a SIP address as it is, an extension or a number at the trunk's domain.
    pub(crate) fn way_and_target(&self, reach: &Reach) -> Option<(Way, Uri)> {
        let way = self.way_to(reach)?;
        let target = match &way {
            Way::Over(outbound) if !reach.to.starts_with("sip:") => {
                Uri::sip(Some(&self.dialled(reach)), &outbound.domain, None)
            }
            Way::Over(_) | Way::Straight(_) => Uri::parse(&reach.to).ok()?,
        };
        Some((way, target))
    }

    /// Where whoever is called there may send the call on to (302): where people of ours are called anyway over the same
    /// trunk, and where picking up counts for as much. Nobody else's forwarding is worth our money, or our caller.
    pub(crate) fn may_follow(&self, reach: &Reach) -> Vec<Uri> {
        let everywhere = self.business.people.values().flat_map(|person| &person.reach);
        everywhere
            .filter(|other| other.via == reach.via && other.accept == reach.accept && other.to != reach.to)
            .filter_map(|other| match self.way_and_target(other)? {
                (Way::Over(_), target) => Some(target),
                (Way::Straight(_), _) => None,
            })
            .take(FOLLOWED)
            .collect()
    }

    /// A number as the trunk wants it, an extension as it is.
    fn dialled(&self, reach: &Reach) -> String {
        match (self.habits(&reach.via), reach.to.parse::<E164>()) {
            (Some(habits), Ok(number)) => habits.dialled(&number, self.country),
            (None, _) | (_, Err(_)) => reach.to.clone(),
        }
    }

    /// Who calls a person, as they are shown it: this line. Where a trunk knows us by an account, at its domain.
    pub(crate) fn identity(
        &self,
        via: &str,
        line: &E164,
        way: &Way,
    ) -> (sip::Identity, Vec<(sip::Extra, String)>) {
        let (usual, name) = (Habits::default(), self.business.name.as_str());
        match way {
            Way::Over(outbound) => {
                let habits = self.habits(via).unwrap_or(&usual);
                let host = outbound.account.as_ref().map(|_| host_of(&outbound.domain)).unwrap_or_default();
                habits.identity(name, line, self.country, host)
            }
            Way::Straight(_) => usual.identity(name, line, self.country, ""),
        }
    }

    /// The sound formats of a trunk, the one liked best first.
    pub(crate) fn codecs(&self, trunk: &str) -> Vec<Codec> {
        self.habits(trunk).map_or_else(|| Habits::default().codecs, |habits| habits.codecs.clone())
    }

    /// Whether the sound of a trunk's calls is encrypted.
    pub(crate) fn encryption(&self, trunk: &str) -> Encryption {
        self.habits(trunk).map(|habits| habits.encryption.clone()).unwrap_or_default()
    }

    /// What is particular about a trunk.
    pub(crate) fn habits(&self, trunk: &str) -> Option<&Habits> {
        self.trunks.get(trunk).map(|trunk| &trunk.habits)
    }

    /// The line that was called, if it is one of the business's on this trunk: by the number dialled, else by whom the
    /// network says was called, else by who forwarded the call here. Where no number was called, our account was (an
    /// extension, a device), which is the trunk's line if it has only one.
    pub(crate) fn line_called(&self, invitation: &Invitation) -> Option<E164> {
        let habits = self.habits(&invitation.peer)?;
        let called: Vec<&String> = [&invitation.request_user, &invitation.to.user]
            .into_iter()
            .chain(&invitation.called_party)
            .collect();
        let forwarders: Vec<String> = invitation.diversions().into_iter().map(|by| by.user).collect();
        let dialled = called.iter().copied().chain(&forwarders).find_map(|user| {
            let line = |user: &str| self.line_dialled(user, &invitation.peer);
            line(user).or_else(|| line(habits.bare(user)))
        });
        let is_number = |user: &&String| E164::parse(habits.bare(user), self.country).is_ok();
        match dialled {
            Some(line) => Some(line),
            None if called.iter().any(is_number) => None,
            None => self.only_line(&invitation.peer),
        }
    }

    fn only_line(&self, trunk: &str) -> Option<E164> {
        let mut lines = self.business.lines.iter().filter(|(_, line)| line.trunk == trunk);
        let only = lines.next().map(|(number, _)| number.clone());
        only.filter(|_| lines.next().is_none())
    }

    fn line_dialled(&self, user: &str, trunk: &str) -> Option<E164> {
        let number = E164::parse(user, self.country).ok()?;
        self.business.lines.get(&number).filter(|line| line.trunk == trunk)?;
        Some(number)
    }
}

/// `example.com` of `example.com:5080`, `[2001:db8::1]` of `[2001:db8::1]:5060`.
fn host_of(domain: &str) -> &str {
    match domain.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|sign| sign.is_ascii_digit()) => host,
        Some(_) | None => domain,
    }
}
