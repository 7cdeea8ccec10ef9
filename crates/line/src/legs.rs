//! The legs of one call: what SIP calls them, where their sound is, and how far each has come.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use desk::call::{Leg, SayingId};
use desk::machine::Moment;
use desk::record::CallId;
use desk::switchboard::Channel;
use desk::understand::Cards;
use sip::LegId;
use sip::sdp::{Agreed, Codec, Direction, Protection};

use crate::contract::SoundId;
use crate::protection::settled;
use crate::sound::Ours;

/// One call with its legs.
#[derive(Debug)]
pub(crate) struct Legs {
    pub id: CallId,
    pub desk: desk::call::Call,
    pub started: Moment,
    pub caller: CallerLeg,
    pub people: BTreeMap<u16, PersonLeg>,
    pub codec: Option<String>,
    /// The person whom the caller hears.
    pub bridged: Option<u16>,
    /// That person holds the caller, nothing is heard of them, and the desk knows.
    pub in_silence: bool,
    /// To whom the trunk is putting the caller through.
    pub handing_over: Option<HandingOver>,
    /// The wish of a person's phone that is being carried out.
    pub put_through: Option<PutThrough>,
    /// What is to be said to the caller and has not begun, for whoever watches.
    pub unspoken: BTreeMap<SayingId, String>,
    /// What is left out of the caller's words before anybody sees them.
    pub cards: Cards,
}

/// A caller whom the trunk is to put through.
#[derive(Debug)]
pub(crate) struct HandingOver {
    /// The desk's number for the leg that is not ours.
    pub person: u16,
    /// Where they are reached.
    pub to: String,
    /// The same, as the trunk is told.
    pub target: sip::Uri,
    /// The trunk was asked.
    pub asked: bool,
}

/// A caller whom a person puts through by the transfer key of their phone.
#[derive(Debug)]
pub(crate) struct PutThrough {
    /// The leg of who does it.
    pub by: u16,
    /// What the user agent calls the wish.
    pub name: u32,
    /// The call between both persons, whose place the caller's takes, until that is said.
    pub replaces: Option<String>,
    /// They were told that it rings.
    pub rings: bool,
}

/// The caller's leg.
#[derive(Debug)]
pub(crate) struct CallerLeg {
    pub sip: LegId,
    pub sound: SoundId,
    pub path: sip::Path,
    pub channel: Option<Channel>,
    pub address: Option<SocketAddr>,
    /// Sound formats of the trunk, the one liked best first.
    pub codecs: Vec<Codec>,
    /// Whether its sound is encrypted, once a socket for it is open.
    pub protection: Protection,
    pub trunk: String,
    pub offer: Option<String>,
    pub terms: Terms,
    pub state: CallerState,
}

/// Who may send on a leg, as we see it, and how often we have described ourselves there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Number of our description's session: the same as long as the leg lasts (RFC 3264 section 8).
    pub session: u64,
    /// Of our last description.
    pub version: u64,
    /// What the far end wants of us, whatever the other side wants.
    pub allows: Direction,
    /// What we said last that we want.
    pub told: Direction,
    /// The codec agreed last.
    pub spoken: Option<Codec>,
    /// An offer of ours is on its way; what we had said before it.
    pub offering: Option<Direction>,
    /// Another telephone has taken the leg over and was sent an offer of ours; where it signals from.
    pub taken_over_by: Option<IpAddr>,
}

impl Terms {
    pub fn new(session: u64) -> Terms {
        let free = Direction::SendRecv;
        Terms {
            session,
            version: 1,
            allows: free,
            told: free,
            spoken: None,
            offering: None,
            taken_over_by: None,
        }
    }

    /// True while the far end holds the call: it wants nothing sent, and may send nothing for as long as it likes.
    pub fn holds(&self) -> bool {
        !self.allows.sends()
    }
}

/// How far the caller's leg has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CallerState {
    /// A socket for the sound is being opened.
    Opening,
    /// Agreed on a format, or about to offer ours; not answered.
    Ready { answer: String, agreed: Option<Agreed> },
    /// Our 200 is out.
    Answered { confirmed: Confirmed },
    /// Over; the sound may still be closing.
    Ended,
}

/// Whether the far end has confirmed our answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmed {
    No,
    Yes,
}

/// A person's leg.
#[derive(Debug)]
pub(crate) struct PersonLeg {
    pub sip: LegId,
    pub sound: SoundId,
    pub channel: Option<Channel>,
    pub address: Option<SocketAddr>,
    pub offer: Option<sip::sdp::Capabilities>,
    pub terms: Terms,
    pub state: PersonState,
    pub reach: desk::business::Reach,
    /// By which targets they may still be called; the first is the one that is.
    pub paths: VecDeque<sip::Path>,
    /// When their phone has rung long enough, in monotonic time.
    pub ring_until: Duration,
    /// Encrypted sound was refused, and may be done without.
    pub in_the_clear: bool,
    /// The call of theirs that this one takes the place of.
    pub replaces: Option<String>,
    /// Nothing is heard of them while they hold the caller, or nothing has come from them yet.
    pub is_mute: bool,
    /// They have held the caller before: that nothing had come from them is of the past.
    pub has_held: bool,
}

impl PersonLeg {
    /// Whether its sound is encrypted, once it is called.
    pub fn protection(&mut self) -> Option<&mut Protection> {
        self.offer.as_mut().map(|offer| &mut offer.protection)
    }

    /// True while they want nothing sent.
    pub fn holds(&self) -> bool {
        self.terms.holds()
    }

    /// True while whoever is to hear them hears nothing.
    pub fn leaves_in_silence(&self) -> bool {
        self.is_mute || (self.holds() && !self.terms.allows.receives())
    }

    /// True for a leg that was offered encrypted and does not have to be.
    pub fn may_do_without_encryption(&self) -> bool {
        self.offer.as_ref().is_some_and(|offer| matches!(offer.protection, Protection::Preferred(_)))
    }
}

/// How far a person's leg has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PersonState {
    /// A socket for the sound is being opened.
    Opening,
    /// Their phone rings.
    Ringing,
    /// They picked up.
    Answered,
    /// Over.
    Ended,
}

impl Legs {
    /// The sound of a leg.
    pub fn sound_of(&self, leg: Leg) -> Option<SoundId> {
        match leg {
            Leg::Caller => Some(self.caller.sound),
            Leg::Person(number) => self.people.get(&number).map(|person| person.sound),
        }
    }

    /// Who may send on a leg.
    pub fn terms_of(&mut self, leg: Leg) -> Option<&mut Terms> {
        match leg {
            Leg::Caller => Some(&mut self.caller.terms),
            Leg::Person(number) => self.people.get_mut(&number).map(|person| &mut person.terms),
        }
    }

    /// The leg that hears this one.
    pub fn other_of(&self, leg: Leg) -> Option<Leg> {
        let person = self.bridged?;
        match leg {
            Leg::Caller => Some(Leg::Person(person)),
            Leg::Person(number) => (number == person).then_some(Leg::Caller),
        }
    }

    /// Its name in SIP, if it is up.
    pub fn up(&self, leg: Leg) -> Option<LegId> {
        match leg {
            Leg::Caller => {
                matches!(self.caller.state, CallerState::Answered { .. }).then_some(self.caller.sip)
            }
            Leg::Person(number) => {
                let person = self.people.get(&number)?;
                (person.state == PersonState::Answered).then_some(person.sip)
            }
        }
    }

    /// The sound of a leg, and where it is received.
    pub fn place_of(&self, leg: Leg) -> Option<(SoundId, SocketAddr)> {
        match leg {
            Leg::Caller => Some((self.caller.sound, self.caller.address?)),
            Leg::Person(number) => {
                let person = self.people.get(&number)?;
                Some((person.sound, person.address?))
            }
        }
    }

    /// The sound formats of a leg, the one liked best first, and whether it is encrypted.
    pub fn ours_on(&self, leg: Leg) -> Ours {
        let person = |number| self.people.get(&number).and_then(|person| person.offer.as_ref());
        match leg {
            Leg::Caller => (self.caller.codecs.clone(), self.caller.protection.clone()),
            Leg::Person(number) => person(number)
                .map(|offer| (offer.codecs.clone(), offer.protection.clone()))
                .unwrap_or_default(),
        }
    }

    /// What was agreed holds for the rest of a leg.
    pub fn settle(&mut self, leg: Leg, agreed: &Agreed) {
        let protection = match leg {
            Leg::Caller => Some(&mut self.caller.protection),
            Leg::Person(number) => self.people.get_mut(&number).and_then(PersonLeg::protection),
        };
        if let Some(protection) = protection {
            *protection = settled(std::mem::take(protection), agreed);
        }
        if let Some(terms) = self.terms_of(leg) {
            terms.spoken = Some(agreed.codec);
        }
    }

    /// The trunk a leg goes over.
    pub fn trunk_of(&self, leg: Leg) -> Option<&str> {
        match leg {
            Leg::Caller => Some(&self.caller.trunk),
            Leg::Person(number) => self.people.get(&number).map(|person| person.reach.via.as_str()),
        }
    }

    /// True when nothing of this call is left but its name.
    pub fn is_over(&self) -> bool {
        self.desk.is_over()
            && self.caller.state == CallerState::Ended
            && self.people.values().all(|person| person.state == PersonState::Ended)
    }
}
