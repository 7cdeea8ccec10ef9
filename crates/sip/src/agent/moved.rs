//! A far end that sends a call of ours elsewhere (3xx). RFC 3261 section 8.1.3.4.
//!
//! Whoever we call must not choose whom we call next: a forwarded phone would ring strangers at our expense, or lead the
//! call back to ourselves. So it may only choose among targets that whoever placed the call named before.
//!
//! Invariant: each target is followed once, in our own spelling; nothing of the far end's is copied into the request.

use std::net::IpAddr;
use std::sync::Arc;

use super::leg::Stage;
use super::{Agent, client::Draft};
use crate::address::Address;
use crate::digest::Attempt;
use crate::message::Message;
use crate::name::Name;
use crate::notice::LegId;
use crate::uri::{Scheme, Uri};

/// Contacts that are looked at in one 3xx.
const CONTACTS: usize = 16;

impl Agent {
    pub(super) fn may_follow(&mut self, id: LegId, targets: Vec<Uri>) {
        if let Some(leg) = self.legs.get_mut(&id).filter(|leg| matches!(leg.stage, Stage::Calling { .. })) {
            leg.may_follow = targets;
        }
    }

    /// Places the call anew where a 3xx says, if that is allowed. True if it was.
    pub(super) fn follow(&mut self, key: &Arc<str>, message: &Message) -> bool {
        if !self.is_still_wanted(key) {
            return false;
        }
        let Some(client) = self.clients.get_mut(key) else { return false };
        let Some(leg) = client.leg.and_then(|id| self.legs.get_mut(&id)) else { return false };
        let from = leg.dialog.path.remote.ip();
        let Some(target) = chosen(message, &mut leg.may_follow, from) else { return false };
        let Some(draft) = client.draft.take() else { return false };
        leg.dialog.target = target.to_string();
        let draft = Draft { attempt: Attempt::default(), ..*draft };
        self.go_out_again(key, message, draft, Some(target.to_string()))
    }
}

/// The allowed target that the far end (`from`) likes best; it is taken out.
fn chosen(message: &Message, allowed: &mut Vec<Uri>, from: IpAddr) -> Option<Uri> {
    let mut wishes: Vec<(u32, Uri)> = message
        .entries(Name::Contact)
        .take(CONTACTS)
        .filter_map(Address::parse)
        .filter_map(|address| Some((rank(&address), address.parsed_uri().ok()?)))
        .collect();
    wishes.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let place =
        wishes.iter().find_map(|(_, wish)| allowed.iter().position(|target| is_same(wish, target, from)))?;
    Some(allowed.remove(place))
}

/// The `q` of a Contact in thousandths; one without counts as the best.
fn rank(address: &Address<'_>) -> u32 {
    let q = address.param("q").and_then(|q| q.trim().parse::<f32>().ok()).filter(|q| q.is_finite());
    (q.unwrap_or(1.0).clamp(0.0, 1.0) * 1_000.0) as u32
}

/// True if the far end wishes for this target: by its number or extension where it writes a `tel:` URI or its own address, as
/// telephone systems do for what is behind them, else by user, host and port.
fn is_same(wish: &Uri, target: &Uri, from: IpAddr) -> bool {
    if wish.user_text() != target.user_text() || wish.user_text().is_empty() {
        return false;
    }
    let own = wish.address().is_some_and(|address| address.ip().to_canonical() == from.to_canonical());
    let port = |uri: &Uri| uri.port.unwrap_or(5060);
    let host = wish.host.eq_ignore_ascii_case(&target.host) && port(wish) == port(target);
    wish.scheme == Scheme::Tel || (wish.scheme == target.scheme && (own || host))
}
