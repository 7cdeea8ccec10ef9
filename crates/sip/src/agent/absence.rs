//! Playing dead toward one trunk, so that its owner sees what the carrier then does with a call.
//!
//! Only what begins something is turned away: new calls and questions whether we are there. Calls that are up go on.

use super::{Agent, Arrival};
use crate::name::Method;
use crate::notice::Notice;
use crate::order::{Absence, PeerName};
use crate::vet::{Rebuff, Request};

impl Agent {
    pub(super) fn play_dead(&mut self, peer: PeerName, how: Option<Absence>) {
        match how {
            Some(how) => self.absences.insert(peer, how),
            None => self.absences.remove(&peer),
        };
    }

    /// True if a request outside of any dialog was dealt with as if we were gone.
    pub(super) fn is_turned_away(&mut self, request: &Request<'_>, arrival: &Arrival) -> bool {
        let trunk = arrival.over.as_ref().or(arrival.peer.as_ref());
        let Some((trunk, how)) = trunk.and_then(|trunk| self.absences.get_key_value(trunk)) else {
            return false;
        };
        let (trunk, how) = (trunk.clone(), *how);
        let rebuff = match (how, request.method) {
            (Absence::Silent, Method::Invite | Method::Options) => None,
            (Absence::Busy, Method::Invite) => Some(Rebuff::new(486, "Busy Here")),
            (Absence::Unavailable, Method::Invite | Method::Options) => {
                Some(Rebuff::new(503, "Service Unavailable"))
            }
            _ => return false,
        };
        if *request.method == Method::Invite {
            self.tell(Notice::Missed { trunk });
        }
        if let Some(rebuff) = rebuff {
            self.rebuff(request.message, arrival, &rebuff);
        }
        true
    }
}
