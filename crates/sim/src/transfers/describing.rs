//! How the far ends describe their sound: what they offer, hold, take up again, and answer to what they are offered.

use std::collections::BTreeMap;

use sip::sdp::{Capabilities, Codec, Direction};
use sip::{LegId, Order};

use super::far_end::Does;
use super::fate::Side;
use super::stage::{Stage, far_path};

pub(super) const CALLERS_PORT: u16 = 30_000;
pub(super) const PHONES_PORT: u16 = 31_000;

pub(super) fn capabilities(port: u16, codecs: Vec<Codec>, version: u64) -> Capabilities {
    Capabilities {
        codecs,
        telephone_event: true,
        rtcp_mux: false,
        address: far_path().local.ip(),
        port,
        session_id: u64::from(port),
        version,
        ptime_ms: 20,
        protection: sip::sdp::Protection::Off,
    }
}

pub(super) fn both() -> Vec<Codec> {
    vec![Codec::Pcmu, Codec::Pcma]
}

pub(super) fn answer_to(offer: &str, port: u16, codecs: Vec<Codec>, wish: Direction) -> Option<String> {
    sip::sdp::answer(offer, &capabilities(port, codecs, 1), wish).ok().map(|agreed| agreed.text)
}

/// The descriptions that this side has sent, by Call-ID: the number of the session and its version.
#[derive(Debug, Default)]
pub(super) struct Described {
    last: BTreeMap<String, (String, u64, String)>,
}

impl Described {
    /// What is wrong with one more: the session keeps its number, and its version rises whenever something else is said.
    /// RFC 3264 section 8.
    pub fn says(&mut self, bytes: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(bytes);
        let line = |begin: &str| text.lines().find_map(|line| line.strip_prefix(begin)).map(str::to_string);
        let call = line("Call-ID: ")?;
        let origin = line("o=")?;
        let mut words = origin.split(' ').skip(1);
        let (session, version) = (words.next()?.to_string(), words.next()?.parse().ok()?);
        let (_, body) = text.split_once("\r\n\r\n")?;
        let said = body.replacen(&origin, "", 1);
        let before = self.last.insert(call, (session.clone(), version, said.clone()));
        let (old_session, old_version, old_said) = before?;
        let rises = version > old_version;
        let repeats = version == old_version && said == old_said;
        let fits = session == old_session && (rises || repeats);
        (!fits).then(|| format!("session {old_session} version {old_version} became {session} {version}"))
    }
}

impl Stage {
    fn leg_of(&self, side: Side) -> Option<(LegId, u16)> {
        match side {
            Side::Caller => Some((Stage::caller_leg(), CALLERS_PORT)),
            Side::Person => self.end.took_by().map(|leg| (leg, PHONES_PORT)),
        }
    }

    pub fn offers(&mut self, side: Side, direction: Direction, codec: Codec) {
        let Some((leg, port)) = self.leg_of(side) else { return };
        let codecs = if codec == Codec::Pcmu { both() } else { vec![codec] };
        let version = u64::try_from(self.now.mono.as_millis()).unwrap_or(0);
        let sdp = sip::sdp::offer(&capabilities(port, codecs, version), direction);
        self.end.directions.insert(leg, direction);
        self.end.last_offer = Some((side, direction, codec));
        self.far_order(Order::Offer { leg, sdp });
    }

    /// What could not be offered just now, because the call was not yet up both ways, is offered a moment later.
    pub fn offers_again(&mut self, leg: LegId) {
        if let Some((side, direction, codec)) = self.end.last_offer
            && self.leg_of(side).is_some_and(|(of, _)| of == leg)
        {
            self.plan(300, 900, Does::Offers(side, direction, codec));
        }
    }

    /// This side offers something inside the call: the far one takes it, within what it wants itself.
    pub fn is_offered(&mut self, leg: LegId, offer: Option<String>) {
        let port = if leg == Stage::caller_leg() { CALLERS_PORT } else { PHONES_PORT };
        let wish = self.end.directions.get(&leg).copied().unwrap_or(Direction::SendRecv);
        let version = u64::try_from(self.now.mono.as_millis()).unwrap_or(0);
        let ours = capabilities(port, both(), version);
        let order = match offer.map(|offer| sip::sdp::answer(&offer, &ours, wish)) {
            Some(Ok(agreed)) => {
                self.end.agreed_on(leg, agreed.direction);
                Order::AnswerOffer { leg, sdp: agreed.text }
            }
            Some(Err(_)) => Order::RefuseOffer { leg },
            None => Order::AnswerOffer { leg, sdp: sip::sdp::offer(&ours, wish) },
        };
        self.far_order(order);
    }

    pub fn end_agreed(&mut self, leg: LegId, answer: &str) {
        let port = if leg == Stage::caller_leg() { CALLERS_PORT } else { PHONES_PORT };
        let wish = self.end.directions.get(&leg).copied().unwrap_or(Direction::SendRecv);
        if let Ok(agreed) = sip::sdp::accept(answer, &capabilities(port, both(), 1), wish) {
            self.end.agreed_on(leg, agreed.direction);
        }
    }
}
