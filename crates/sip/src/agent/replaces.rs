//! A call that wants to take the place of another one. RFC 3891.
//!
//! It is declined on purpose, and said so. A transfer that reaches us is joined by the telephone system or carrier that
//! makes it; a call of its own that takes over a caller's conversation would get that caller's booking with it. What
//! names no call of its own trunk learns nothing but that (481).

use super::leg::{Stage, dialog_key};
use super::{Agent, Arrival};
use crate::grammar::params;
use crate::message::Message;
use crate::vet::Rebuff;

/// What a Replaces header names, seen from us.
pub(super) struct Replaced<'a> {
    call_id: &'a str,
    local_tag: &'a str,
    remote_tag: &'a str,
    early_only: bool,
}

impl Agent {
    /// Why a call that wants to replace another is not taken; `Ok` if it wants nothing of the kind. Section 3.
    pub(super) fn admit_replacing(&self, invite: &Message, arrival: &Arrival) -> Result<(), Rebuff> {
        let mut headers = invite.headers_spelled("Replaces");
        let Some(value) = headers.next() else { return Ok(()) };
        let replaced = Replaced::parse(value).filter(|_| headers.next().is_none());
        let Some(replaced) = replaced else { return Err(Rebuff::new(400, "Broken Replaces")) };
        let key = dialog_key(replaced.call_id, replaced.local_tag, replaced.remote_tag);
        let leg = self.dialogs.get(&key).and_then(|id| self.legs.get(id));
        let own = leg.filter(|leg| arrival.peer.is_some() && arrival.peer == leg.peer);
        Err(match own.map(|leg| &leg.stage) {
            Some(Stage::Up) if replaced.early_only => Rebuff::new(486, "Busy Here"),
            Some(Stage::Up | Stage::Calling { .. } | Stage::Leaving { .. }) => Rebuff::new(603, "Decline"),
            // Of calls that are not answered, only those may be replaced that the one addressed has placed.
            Some(Stage::Invited { .. } | Stage::TurnedAway) | None => {
                Rebuff::new(481, "Call/Transaction Does Not Exist")
            }
        })
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
