//! Requests of ours that are asked for a password: sent again with an answer, or not.
//!
//! Rule: nothing is proved to anybody but the trunk. A request inside a call may have to go to wherever the far end
//! wants to be reached, and whoever sits there must not be given something to guess a password from.

use std::sync::Arc;

use super::Agent;
use super::client::{Cancel, Draft, Kind, Sent};
use super::leg::{Exchange, Stage};
use super::sessions::longer;
use crate::digest::{Denied, Login, Proved};
use crate::message::Message;
use crate::notice::{LegId, Notice};
use crate::order::{Account, Path, PeerName};
use crate::timers::Why;
use crate::uri::Uri;

/// Whether a request went out again.
pub(super) enum Retried {
    Yes,
    /// Why not, if it had an account to answer by.
    No(Option<Denied>),
}

impl Agent {
    /// Takes the accounts up; one that is as it was keeps the nonces it has learned.
    pub(super) fn replace_accounts(&mut self, accounts: Vec<Account>) {
        let mut old = std::mem::take(&mut self.accounts);
        for Account { name, credentials } in accounts {
            let known = old.remove(&name).filter(|login| *login.credentials() == credentials);
            self.accounts.insert(name, known.unwrap_or_else(|| Login::new(credentials)));
        }
    }

    /// The account that proves a request of this leg, if it goes to its trunk.
    pub(super) fn account_of(&self, leg: LegId, path: Path) -> Option<PeerName> {
        let leg = self.legs.get(&leg)?;
        let name = leg.account.as_ref().filter(|name| self.accounts.contains_key(*name))?;
        let ip = path.remote.ip().to_canonical();
        let home = ip == leg.dialog.path.remote.ip().to_canonical() || self.is_trunk(name, ip);
        home.then(|| name.clone())
    }

    /// The headers that prove a request about to go out.
    pub(super) fn proofs(&mut self, kind: Kind, uri: &str, draft: &mut Draft) -> Vec<(&'static str, String)> {
        let cnonce = self.tokens.fresh();
        let login = draft.account.as_ref().and_then(|name| self.accounts.get_mut(name));
        let Some(login) = login else { return Vec::new() };
        let body = draft.sdp.as_deref().unwrap_or("");
        login.prove(&mut draft.attempt, Proved { method: kind.method(), uri, body }, &cnonce)
    }

    /// A 401 or 407: the request goes out once more as a transaction of its own. RFC 3261 section 22.2.
    pub(super) fn log_in(&mut self, key: &Arc<str>, message: &Message) -> Retried {
        if !self.is_still_wanted(key) {
            return Retried::No(None);
        }
        let Some(client) = self.clients.get_mut(key) else { return Retried::No(None) };
        let Some(mut draft) = client.draft.take() else { return Retried::No(None) };
        let login = draft.account.as_ref().and_then(|name| self.accounts.get_mut(name));
        let Some(login) = login else { return Retried::No(None) };
        if let Err(denied) = login.challenged(&mut draft.attempt, message) {
            return Retried::No(Some(denied));
        }
        if self.go_out_again(key, message, *draft, None) { Retried::Yes } else { Retried::No(None) }
    }

    /// A 422: asks once for as long a session as the far end wants.
    pub(super) fn ask_for_longer(&mut self, key: &Arc<str>, message: &Message) -> bool {
        if !self.is_still_wanted(key) {
            return false;
        }
        let Some(mut draft) = self.clients.get_mut(key).and_then(|client| client.draft.take()) else {
            return false;
        };
        longer(message, &mut draft) && self.go_out_again(key, message, *draft, None)
    }

    /// Sends a refused request once more as a transaction of its own, to `uri` if that is another. RFC 3261 section 8.1.3.5.
    pub(super) fn go_out_again(
        &mut self,
        key: &Arc<str>,
        message: &Message,
        draft: Draft,
        uri: Option<String>,
    ) -> bool {
        let Some(client) = self.clients.get(key) else { return false };
        let (kind, leg, owner) = (client.kind, client.leg, client.owner.clone());
        let sent = Sent { cseq: client.numbered + 1, ..(*client.sent).clone() };
        let Some(here) = self.setup.advertised(sent.path) else { return false };
        if kind.is_invite() {
            self.acknowledge_refusal(key, message);
        }
        self.bury_client(key);
        if let Some(id) = leg.filter(|_| kind == Kind::Call) {
            self.forget_phones(id);
        }
        let (branch, via) = self.fresh_via(sent.path.transport, here);
        let uri = uri.unwrap_or(sent.uri);
        let sent = Sent { via, uri, ..sent };
        let cseq = sent.cseq;
        self.renumber(leg, kind, (key, &branch), cseq);
        self.submit(kind, leg, (branch.clone(), sent), draft);
        if let Some(joining) =
            owner.as_ref().filter(|_| kind == Kind::Register).and_then(|name| self.joinings.get_mut(name))
        {
            joining.went_on(&branch, cseq);
            let patience = joining.patience();
            self.expire_client(&branch, patience, Why::NoReply);
        }
        if let Some(client) = self.clients.get_mut(&branch) {
            client.owner = owner;
        }
        true
    }

    /// A call that was given up meanwhile is not placed again.
    pub(super) fn is_still_wanted(&self, key: &Arc<str>) -> bool {
        let Some(client) = self.clients.get(key) else { return false };
        let stage = client.leg.and_then(|id| self.legs.get(&id)).map(|leg| &leg.stage);
        match client.kind {
            Kind::Call => client.cancel == Cancel::Unwanted && matches!(stage, Some(Stage::Calling { .. })),
            Kind::Offer | Kind::Update | Kind::Refer | Kind::Notify => matches!(stage, Some(Stage::Up)),
            Kind::Bye => matches!(stage, Some(Stage::Leaving { .. })),
            Kind::Prack => matches!(stage, Some(Stage::Calling { .. })),
            Kind::Cancel => false,
            Kind::Probe => true,
            Kind::Register => {
                let owner = client.owner.as_ref().and_then(|name| self.joinings.get(name));
                owner.is_some_and(|joining| joining.is_target(key))
            }
        }
    }

    /// The leg goes on with the request that took the place of the refused one.
    fn renumber(&mut self, leg: Option<LegId>, kind: Kind, (old, branch): (&Arc<str>, &Arc<str>), cseq: u32) {
        let Some(leg) = leg.and_then(|id| self.legs.get_mut(&id)) else { return };
        if let (Kind::Prack, Stage::Calling { client, .. }) = (kind, &leg.stage) {
            if let Some(invite) = self.clients.get_mut(client) {
                invite.numbered = invite.numbered.max(cseq);
            }
            return;
        }
        leg.dialog.local_cseq = cseq;
        if let (Kind::Call, Stage::Calling { client, .. }) = (kind, &mut leg.stage) {
            *client = branch.clone();
        }
        if kind == Kind::Refer {
            leg.asked.went_on(old, branch, cseq);
        }
        if let (Kind::Offer, Exchange::Ours { client, .. }) = (kind, &mut leg.exchange) {
            *client = branch.clone();
        }
    }

    /// Asks whether somebody is there. RFC 3261 section 11.
    pub(super) fn probe(&mut self, name: PeerName, target: &Uri, path: Path) {
        let here = self.setup.advertised(path).filter(|_| !self.is_full());
        let Some(here) = here else { return self.tell(Notice::Probed { name, status: None }) };
        let (branch, via) = self.fresh_via(path.transport, here);
        let tag = self.tokens.fresh();
        let sent = Sent {
            path,
            uri: target.to_string(),
            via,
            routes: Vec::new(),
            from: format!("<sip:{here}>;tag={tag}"),
            to: format!("<{target}>"),
            call_id: format!("{}{}", self.tokens.fresh(), self.tokens.fresh()),
            cseq: 1,
            proofs: Vec::new(),
        };
        let headers = vec![
            ("Contact", self.contact_at(path).unwrap_or_default()),
            ("Accept", crate::vet::SDP_TYPE.to_owned()),
            ("User-Agent", self.setup.product.clone()),
        ];
        let account = Some(name.clone()).filter(|name| self.accounts.contains_key(name));
        self.greet_guest(path.remote.ip());
        self.submit(
            Kind::Probe,
            None,
            (branch.clone(), sent),
            Draft { headers, account, ..Draft::default() },
        );
        if let Some(client) = self.clients.get_mut(&branch) {
            client.owner = Some(name);
        }
    }

    pub(super) fn probed(&mut self, key: &Arc<str>, status: Option<u16>) {
        let Some(client) = self.clients.get(key) else { return };
        let (owner, ip) = (client.owner.clone(), client.sent.path.remote.ip());
        self.bury_client(key);
        self.see_guest_off(ip);
        if let Some(name) = owner {
            self.tell(Notice::Probed { name, status });
        }
    }
}
