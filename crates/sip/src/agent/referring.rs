//! Asking a far end to call somebody else in our place (REFER), and hearing what came of it (NOTIFY). RFC 3515, RFC 5589,
//! RFC 6665.
//!
//! Each wish makes a subscription inside the dialog, told apart by the number of its REFER. The call it was made in is not
//! touched by any of it: whoever asked hangs up once the other call is taken.
//!
//! Invariant: each wish is answered by exactly one [`Notice::Referred`], before the end of its leg, unless it is dropped
//! with the leg. A goodbye that comes while a word about the leg is awaited is held back until that word, or a moment.

use std::sync::Arc;
use std::time::Duration;

use super::client::{Draft, Kind};
use super::leg::{Dialog, Stage, contact};
use super::server::Says;
use super::{Agent, Alarm, Arrival};
use crate::address::Address;
use crate::grammar::param;
use crate::limits::{REFERRAL_LASTS, REFERRALS, WORD_AFTER_BYE};
use crate::message::Message;
use crate::name::Name;
use crate::notice::{EndedBy, LegId, Notice, Referral, Unanswered};
use crate::order::ReferTo;
use crate::timers::{Ticket, Why};
use crate::vet::{Request, told_status};

/// What a leg remembers of calls that its far end was asked to place.
#[derive(Debug, Default)]
pub(super) struct Asked {
    wishes: Vec<Wish>,
    /// The leg whose far end was asked to take this one's place, last.
    replaced_by: Option<LegId>,
    /// The far end hung up, and that is not told yet.
    has_left: bool,
}

/// One call that the far end was asked to place.
#[derive(Debug)]
struct Wish {
    name: u32,
    /// CSeq of the REFER, which names the subscription. RFC 3515 section 2.4.6.
    cseq: u32,
    /// The REFER, until it is answered.
    client: Option<Arc<str>>,
    replaces: Option<LegId>,
    until: Duration,
    clock: Ticket,
}

impl Asked {
    /// The REFER goes on as another request, with credentials.
    pub(super) fn went_on(&mut self, old: &Arc<str>, new: &Arc<str>, cseq: u32) {
        if let Some(wish) = self.wishes.iter_mut().find(|wish| wish.client.as_ref() == Some(old)) {
            (wish.client, wish.cseq) = (Some(new.clone()), cseq);
        }
    }

    /// The wish that a NOTIFY is about: by its number, or the oldest if it names none.
    fn about(&self, event: &str) -> Option<u32> {
        let id = param(event.split_once(';').map_or("", |(_, params)| params), "id").flatten();
        let is_meant = |wish: &&Wish| id.is_none_or(|id| id.parse() == Ok(wish.cseq));
        self.wishes.iter().find(is_meant).map(|wish| wish.name)
    }
}

impl Agent {
    pub(super) fn refer(&mut self, id: LegId, name: u32, to: &ReferTo) {
        let Some(leg) = self.legs.get(&id).filter(|leg| matches!(leg.stage, Stage::Up)) else { return };
        let refused = |status| Notice::Referred { leg: id, name, end: Referral::Refused { status } };
        if leg.asked.wishes.len() >= REFERRALS {
            return self.tell(refused(503));
        }
        let Some((whom, replaces)) = self.refer_to(to) else { return self.tell(refused(481)) };
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.dialog.local_cseq += 1;
        let (dialog, cseq) = (leg.dialog.clone(), leg.dialog.local_cseq);
        let Some(way) = self.way(&dialog, cseq) else { return self.tell(refused(503)) };
        let headers = vec![
            ("Contact", self.contact_at(way.1.path).unwrap_or_default()),
            ("Refer-To", whom),
            (
                "Referred-By",
                Address::parse(&dialog.local).map(|own| format!("<{}>", own.uri)).unwrap_or_default(),
            ),
            ("User-Agent", self.setup.product.clone()),
        ];
        let until = self.now + REFERRAL_LASTS;
        let clock = self.set(REFERRAL_LASTS, Why::HandoverUntold, Alarm::Leg(id));
        let client = Some(way.0.clone());
        if let Some(other) = replaces.and_then(|other| self.legs.get_mut(&other)) {
            other.asked.replaced_by = Some(id);
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.asked.wishes.push(Wish { name, cseq, client, replaces, until, clock });
        }
        let account = self.account_of(id, way.1.path);
        self.submit(Kind::Refer, Some(id), way, Draft { headers, account, ..Draft::default() });
    }

    /// The value of Refer-To, and the leg whose far end it names. `None` if that leg is not up.
    fn refer_to(&self, to: &ReferTo) -> Option<(String, Option<LegId>)> {
        match to {
            ReferTo::Somebody(uri) => Some((format!("<{uri}>"), None)),
            ReferTo::FarEndOf(other) => {
                let leg = self.legs.get(other).filter(|leg| matches!(leg.stage, Stage::Up))?;
                Some((in_place_of(&leg.dialog), Some(*other)))
            }
        }
    }

    /// A final reply to our REFER, or `None` if none came.
    pub(super) fn refer_replied(&mut self, key: &Arc<str>, reply: Option<&Message>) {
        let leg = self.clients.get(key).and_then(|client| client.leg);
        let silence = self.clients.get(key).map_or(408, |client| client.silence);
        self.bury_client(key);
        let Some((id, leg)) = leg.and_then(|id| Some((id, self.legs.get_mut(&id)?))) else { return };
        let wishes = &mut leg.asked.wishes;
        let Some(wish) = wishes.iter_mut().find(|wish| wish.client.as_ref() == Some(key)) else { return };
        wish.client = None;
        let name = wish.name;
        match (reply.and_then(Message::status).unwrap_or(silence), reply) {
            (200..=299, Some(reply)) => {
                if let Some(target) = contact(reply) {
                    leg.dialog.target = target;
                    self.let_in(id);
                }
            }
            // The call with us goes on even where the far end says that it does not know it: its own BYE, or ours, tells.
            (status, _) => self.end_wish(id, name, Referral::Refused { status }),
        }
    }

    /// A word about a call that the far end was asked to place. RFC 6665 section 4.1.3.
    pub(super) fn notified(&mut self, id: LegId, request: &Request<'_>, arrival: &Arrival) {
        let Some(key) = self.open_server(request, arrival, None, "") else { return };
        let event = request.message.header(Name::Event).unwrap_or("");
        if !event.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("refer") {
            let headers = vec![("Allow-Events", "refer".to_owned())];
            return self.reply(&key, 489, "Bad Event", Says { headers, ..Says::default() });
        }
        let Some(name) = self.legs.get(&id).and_then(|leg| leg.asked.about(event)) else {
            return self.reply(&key, 481, "Subscription Does Not Exist", Says::default());
        };
        self.reply(&key, 200, "OK", Says::default());
        let end = match told_status(request.message) {
            Some(200..=299) => Referral::Taken,
            Some(status @ 300..) => Referral::NotTaken { status, why: Unanswered::from_status(status) },
            Some(_) | None if is_terminated(request.message) => Referral::Untold,
            Some(_) | None => return,
        };
        self.end_wish(id, name, end);
    }

    /// Wishes of whose end nothing was told in time.
    pub(super) fn handover_untold(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let overdue: Vec<u32> =
            leg.asked.wishes.iter().filter(|wish| wish.until <= self.now).map(|wish| wish.name).collect();
        for name in overdue {
            self.end_wish(id, name, Referral::Untold);
        }
    }

    /// Tells what came of a wish, and what was held back for it.
    fn end_wish(&mut self, id: LegId, name: u32, end: Referral) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(at) = leg.asked.wishes.iter().position(|wish| wish.name == name) else { return };
        let wish = leg.asked.wishes.remove(at);
        self.timers.clear(Some(wish.clock));
        self.tell(Notice::Referred { leg: id, name, end });
        self.forget_replaced(wish.replaces);
        self.leave_at_last(id);
    }

    /// The leg is over: what was asked of its far end is no longer waited for.
    pub(super) fn drop_referrals(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        for wish in std::mem::take(&mut leg.asked.wishes) {
            self.timers.clear(Some(wish.clock));
            self.forget_replaced(wish.replaces);
        }
    }

    fn forget_replaced(&mut self, replaced: Option<LegId>) {
        let Some((id, leg)) = replaced.and_then(|id| Some((id, self.legs.get_mut(&id)?))) else { return };
        leg.asked.replaced_by = None;
        self.leave_at_last(id);
    }

    /// A far end has hung up. True if that is told later, because a word is awaited that may say why: whoever was handed over,
    /// or replaced, is done with us, and the word may come behind the goodbye.
    pub(super) fn waits_for_word(&mut self, id: LegId) -> bool {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| matches!(leg.stage, Stage::Up)) else {
            return false;
        };
        if leg.asked.wishes.is_empty() && leg.asked.replaced_by.is_none() {
            return false;
        }
        leg.asked.has_left = true;
        leg.stage = Stage::Leaving { untold: Some(EndedBy::FarEnd) };
        self.take_unacked(id);
        self.drop_offers(id);
        self.stop_session(id);
        self.clock(id, WORD_AFTER_BYE, Why::LeftWithoutWord);
        true
    }

    /// Tells a goodbye that was held back, once nothing is awaited any more.
    fn leave_at_last(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id).filter(|leg| leg.asked.has_left) else { return };
        if leg.asked.wishes.is_empty() && leg.asked.replaced_by.is_none() {
            self.finish(id);
        }
    }
}

/// The far end of this dialog, to be called in our place: Replaces names the dialog as it is known there. RFC 3891 section 3,
/// RFC 5589 section 7.1.
fn in_place_of(dialog: &Dialog) -> String {
    let replaces = format!("{};to-tag={};from-tag={}", dialog.call_id, dialog.remote_tag, dialog.local_tag);
    format!("<{}?Replaces={}>", dialog.target, escape_header(&replaces))
}

/// A header's value as it stands in a URI. RFC 3261 section 19.1.1, hvalue.
fn escape_header(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/?:+$".contains(&byte);
    let escaped = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(escaped).collect()
}

fn is_terminated(message: &Message) -> bool {
    let state = message.headers_spelled("Subscription-State").next().unwrap_or("");
    state.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("terminated")
}
