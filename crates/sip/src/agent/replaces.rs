//! A call that wants to take the place of another one. RFC 3891.
//!
//! Only a call of the same trunk is found; to everybody else, and for what is not there, it is unknown (481). Whether it is given
//! away is decided elsewhere, by answering the new call: then the old one is hung up here, and not before.

use super::leg::{Leg, Stage, dialog_key};
use super::{Agent, Arrival};
use crate::grammar::params;
use crate::message::Message;
use crate::name::Method;
use crate::notice::LegId;
use crate::order::PeerName;
use crate::vet::{Rebuff, Request};

/// A tag that stands for none, too. Section 3; RFC 2543 knew no tags.
const NO_TAG: &str = "0";

/// What a Replaces header names, seen from us.
pub(super) struct Replaced<'a> {
    call_id: &'a str,
    local_tag: &'a str,
    remote_tag: &'a str,
    early_only: bool,
}

impl Agent {
    /// The leg whose place this call wants, if it wants any; or why it is not taken. Section 3.
    pub(super) fn admit_replacing(
        &self,
        invite: &Message,
        arrival: &Arrival,
    ) -> Result<Option<LegId>, Rebuff> {
        let mut headers = invite.headers_spelled("Replaces");
        let Some(value) = headers.next() else { return Ok(None) };
        let alone = headers.next().is_none() && invite.headers_spelled("Join").next().is_none();
        let replaced = Replaced::parse(value).filter(|_| alone);
        let replaced = replaced.ok_or(Rebuff::new(400, "Broken Replaces"))?;
        let is_own = |leg: &Leg| {
            let by_address = arrival.peer.is_some() && arrival.peer == leg.peer;
            by_address || (arrival.over.is_some() && arrival.over == leg.account)
        };
        let own = self.leg_named(&replaced).filter(|(_, leg)| is_own(leg));
        match own.map(|(id, leg)| (id, &leg.stage)) {
            Some((_, Stage::Up)) if replaced.early_only => Err(Rebuff::new(486, "Busy Here")),
            // Of calls that are not answered, only those may be replaced that the one addressed has placed.
            Some((id, Stage::Up | Stage::Calling { .. })) => Ok(Some(id)),
            Some((_, Stage::Leaving { .. })) => Err(Rebuff::new(603, "Decline")),
            Some((_, Stage::Invited { .. } | Stage::TurnedAway)) | None => {
                Err(Rebuff::new(481, "Call/Transaction Does Not Exist"))
            }
        }
    }

    /// The account of the call that an INVITE names, if it comes from where that call speaks: our Contact inside a call, which
    /// whoever is to take its place is told, does not say whose registration it belongs to.
    pub(super) fn account_replaced(&self, request: &Request<'_>, arrival: &Arrival) -> Option<PeerName> {
        if arrival.peer.is_some() || *request.method != Method::Invite || request.to.tag().is_some() {
            return None;
        }
        let value = request.message.headers_spelled("Replaces").next()?;
        let (_, leg) = self.leg_named(&Replaced::parse(value)?)?;
        let source = arrival.path.remote.ip().to_canonical();
        leg.account.clone().filter(|_| leg.guests.contains(&source))
    }

    fn leg_named(&self, replaced: &Replaced<'_>) -> Option<(LegId, &Leg)> {
        let with = |remote_tag| dialog_key(replaced.call_id, replaced.local_tag, remote_tag);
        let untagged = || self.dialogs.get(&with("")).filter(|_| replaced.remote_tag == NO_TAG);
        let id = *self.dialogs.get(&with(replaced.remote_tag)).or_else(untagged)?;
        Some((id, self.legs.get(&id)?))
    }

    /// The new call is answered: the old one ends, or is not rung any more.
    pub(super) fn end_replaced(&mut self, by: LegId) {
        if let Some(old) = self.legs.get_mut(&by).and_then(|leg| leg.replaces.take()) {
            self.hang_up(old, String::new());
        }
    }
}

impl<'a> Replaced<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Replaced<'a>> {
        let (call_id, rest) = value.split_once(';')?;
        let find = |wanted: &str| {
            let mut all = params(rest).filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            let found = all.next();
            found.filter(|_| all.next().is_none())
        };
        Some(Replaced {
            call_id: Some(call_id.trim()).filter(|id| !id.is_empty())?,
            local_tag: find("to-tag")?.1?,
            remote_tag: find("from-tag")?.1?,
            early_only: find("early-only").is_some(),
        })
    }
}
