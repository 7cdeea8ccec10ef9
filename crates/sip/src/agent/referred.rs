//! A far end that wants somebody else to be called in its place (REFER), and what it is told of that (NOTIFY). RFC 3515,
//! RFC 5589, RFC 6665.
//!
//! Whether that is done is decided by whoever reads the notice; what nobody decides upon is declined. Outside a call nobody
//! may ask for it at all. What is told stands in a body of its own, a status line and nothing else.
//!
//! Invariant: each wish has one final reply; one that is taken has one final NOTIFY, unless the call ends before. A BYE of
//! ours waits for the NOTIFYs that are under way, so that the far end knows why it is hung up on.

use std::sync::Arc;

use super::client::{Draft, Kind};
use super::leg::{Leg, Stage};
use super::replaces::Replaced;
use super::server::Says;
use super::{Agent, Alarm, Arrival};
use crate::address::Address;
use crate::grammar::unescape;
use crate::limits::{OFFER_UNDECIDED, REFERRAL_LASTS, REFERRALS};
use crate::message::Message;
use crate::name::Name;
use crate::notice::{EndedBy, LegId, Notice};
use crate::order::Refusal;
use crate::timers::{Ticket, Why};
use crate::uri::Uri;
use crate::vet::{FRAGMENT_TYPE, Rebuff, Request};

/// What a leg remembers of calls that its far end wants to be placed.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    wishes: Vec<Wish>,
    /// NOTIFYs without an answer.
    notifying: u32,
}

#[derive(Debug)]
struct Wish {
    /// CSeq of its REFER, which names the subscription.
    name: u32,
    /// Where the reply goes, while nobody has decided, and until when that may take.
    undecided: Option<(Arc<str>, Ticket)>,
}

impl Leg {
    /// True while the far end does not know yet what came of its wish.
    pub(super) fn is_telling(&self) -> bool {
        self.wanted.notifying > 0
    }
}

impl Agent {
    /// A REFER inside a call.
    pub(super) fn referred(&mut self, id: LegId, request: &Request<'_>, arrival: &Arrival) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (to, replaces) = match refer_to(request.message) {
            _ if !matches!(leg.stage, Stage::Up) => return self.not_now(request, arrival, 481),
            _ if leg.wanted.wishes.len() >= REFERRALS => return self.not_now(request, arrival, 491),
            Ok(whom) => whom,
            Err(rebuff) => return self.rebuff(request.message, arrival, &rebuff),
        };
        let Some(key) = self.open_server(request, arrival, None, "") else { return };
        let clock = self.set(OFFER_UNDECIDED, Why::ReferralUndecided, Alarm::Leg(id));
        let name = request.cseq;
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.wanted.wishes.push(Wish { name, undecided: Some((key, clock)) });
        }
        self.tell(Notice::ReferralWanted { leg: id, name, to: Box::new(to), replaces });
    }

    fn not_now(&mut self, request: &Request<'_>, arrival: &Arrival, status: u16) {
        let reason = if status == 481 { "Call/Transaction Does Not Exist" } else { "Request Pending" };
        self.rebuff(request.message, arrival, &Rebuff::new(status, reason));
    }

    pub(super) fn take_referral(&mut self, id: LegId, name: u32) {
        let Some(key) = self.decide(id, name) else { return };
        let path = self.legs.get(&id).map(|leg| leg.dialog.path);
        let contact = path.and_then(|path| self.contact_at(path));
        self.reply(&key, 202, "Accepted", Says { contact, ..Says::default() });
        self.notify(id, name, 100);
    }

    pub(super) fn refuse_referral(&mut self, id: LegId, name: u32, refusal: &Refusal) {
        let Some(key) = self.decide(id, name) else { return };
        self.forget_wanted(id, name);
        let (status, reason) = refusal.status();
        self.reply(&key, status, reason, Says::default());
    }

    pub(super) fn tell_referral(&mut self, id: LegId, name: u32, status: u16) {
        let taken = |wish: &Wish| wish.name == name && wish.undecided.is_none();
        if !self.legs.get(&id).is_some_and(|leg| leg.wanted.wishes.iter().any(taken)) {
            return;
        }
        if status >= 200 {
            self.forget_wanted(id, name);
        }
        self.notify(id, name, status);
    }

    /// Nobody has decided.
    pub(super) fn referral_undecided(&mut self, id: LegId) {
        let Some(leg) = self.legs.get(&id) else { return };
        let open = leg.wanted.wishes.iter().filter(|wish| wish.undecided.is_some());
        for name in open.map(|wish| wish.name).collect::<Vec<_>>() {
            self.refuse_referral(id, name, &Refusal::Declined);
        }
    }

    /// The leg is over: what nobody decided upon has no call to belong to.
    pub(super) fn drop_wanted(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        for wish in std::mem::take(&mut leg.wanted.wishes) {
            if let Some((key, clock)) = wish.undecided {
                self.timers.clear(Some(clock));
                self.reply(&key, 481, "Call/Transaction Does Not Exist", Says::default());
            }
        }
    }

    /// Where the reply to an undecided wish goes, which is decided by that.
    fn decide(&mut self, id: LegId, name: u32) -> Option<Arc<str>> {
        let leg = self.legs.get_mut(&id)?;
        let wish = leg.wanted.wishes.iter_mut().find(|wish| wish.name == name)?;
        let (key, clock) = wish.undecided.take()?;
        self.timers.clear(Some(clock));
        Some(key)
    }

    fn forget_wanted(&mut self, id: LegId, name: u32) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.wanted.wishes.retain(|wish| wish.name != name);
        }
    }

    fn notify(&mut self, id: LegId, name: u32, status: u16) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| matches!(leg.stage, Stage::Up)) else { return };
        leg.dialog.local_cseq += 1;
        let dialog = leg.dialog.clone();
        let Some(way) = self.way(&dialog, dialog.local_cseq) else { return };
        let state = match status {
            ..200 => format!("active;expires={}", REFERRAL_LASTS.as_secs()),
            200.. => "terminated;reason=noresource".to_owned(),
        };
        let headers = vec![
            ("Contact", self.contact_at(way.1.path).unwrap_or_default()),
            ("Event", format!("refer;id={name}")),
            ("Subscription-State", state),
            ("User-Agent", self.setup.product.clone()),
        ];
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.wanted.notifying += 1;
        }
        let account = self.account_of(id, way.1.path);
        let body = Some(format!("SIP/2.0 {status} {}\r\n", reason(status)));
        let draft = Draft { headers, sdp: body, kind: FRAGMENT_TYPE, account, ..Draft::default() };
        self.submit(Kind::Notify, Some(id), way, draft);
    }

    /// A final reply to our NOTIFY, or none at all: a BYE that waited for it goes out.
    pub(super) fn notify_replied(&mut self, key: &Arc<str>) {
        let leg = self.clients.get(key).and_then(|client| client.leg);
        self.bury_client(key);
        let Some((id, leg)) = leg.and_then(|id| Some((id, self.legs.get_mut(&id)?))) else { return };
        leg.wanted.notifying = leg.wanted.notifying.saturating_sub(1);
        if leg.is_telling() || leg.unacked.as_ref().is_some_and(|unacked| unacked.first) {
            return;
        }
        if let Some(reason) = leg.hang_up.take().filter(|_| matches!(leg.stage, Stage::Up)) {
            self.say_bye(id, &reason, Some(EndedBy::Us));
        }
    }
}

/// Whom a REFER names, and the call that is to be replaced there, as a Replaces header says it.
fn refer_to(message: &Message) -> Result<(Uri, Option<String>), Rebuff> {
    let broken = || Rebuff::new(400, "Broken Refer-To");
    let mut all = message.entries(Name::ReferTo);
    let address = all.next().filter(|_| all.next().is_none()).and_then(Address::parse).ok_or_else(broken)?;
    let to = address.parsed_uri().map_err(|_| broken())?;
    if to.param("method").is_some_and(|method| method != "INVITE") {
        return Err(Rebuff::new(603, "Decline"));
    }
    let host = address.uri.find('@').unwrap_or(0);
    let headers = address.uri[host..].split_once('?').map_or("", |(_, headers)| headers);
    let named = headers.split('&').filter_map(|header| header.split_once('='));
    let replaces = named
        .filter(|(name, _)| name.eq_ignore_ascii_case("Replaces"))
        .map(|(_, value)| unescape(value))
        .next();
    match replaces {
        Some(value) if Replaced::parse(&value).is_none() => Err(broken()),
        replaces => Ok((to, replaces)),
    }
}

/// The usual words for a status that is told. RFC 3261 section 21.
fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        200 => "OK",
        480 => "Temporarily Unavailable",
        486 => "Busy Here",
        487 => "Request Terminated",
        503 => "Service Unavailable",
        603 => "Decline",
        _ if status < 200 => "Progress",
        _ => "Not Taken",
    }
}
