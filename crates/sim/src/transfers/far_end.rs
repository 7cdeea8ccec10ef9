//! The far end: one caller and the phones of the people, and when each of them does what its transfer's fate wants.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use desk::call::SayingId;
use desk::phrase::Phrase;
use desk::sayings;
use line::{SoundEvent, SoundId};
use sip::sdp::{Agreed, Codec, Direction};
use sip::{LegId, Notice, Order, Refusal, Uri};

use super::describing::{CALLERS_PORT, PHONES_PORT, answer_to, both, capabilities};
use super::fate::{Fate, Handing, Passing, Refused, Side, State};
use super::office::{DANA, LINE, RINGS};
use super::referrals::Wishes;
use super::stage::{Stage, far_path};

/// One thing that somebody out there does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Does {
    CallerCalls,
    CallerPresses(char),
    CallerSpeaks,
    HangsUp(Side),
    PicksUp(LegId),
    Rings(LegId),
    Refuses(LegId),
    PersonPresses(char),
    Offers(Side, Direction, Codec),
    Vanishes(Side),
    /// The trunk tells our side what came of its wish; 0: that nothing more will be told.
    TellsOurs(LegId, u32, u16),
    TrunkHangsUp,
    /// A phone, or the caller, wants the caller put through.
    WantsPutThrough(Passing),
    /// Who is left alone with the desk has waited long enough.
    LosesPatience,
}

/// What the far end remembers.
#[derive(Debug, Default)]
pub(super) struct FarEnd {
    caller: Leg,
    /// By far leg.
    phones: BTreeMap<LegId, Phone>,
    /// By far leg, the phone that took the call.
    took: Option<LegId>,
    /// The fate has come to pass.
    pub struck: bool,
    /// The caller hung up of their own accord.
    pub caller_left: bool,
    /// Phones that were rung, as the far end saw it.
    pub rung: usize,
    /// What the far ends were offered and gave, as they see it.
    pub directions: BTreeMap<LegId, Direction>,
    /// The last agreement on this side, by sound.
    pub agreed: BTreeMap<SoundId, (Codec, Direction)>,
    /// Far legs that were told by the other side's hold not to send.
    pub held: BTreeSet<LegId>,
    /// The hold was one without any sound.
    pub silent_hold: bool,
    /// What was agreed last with each far leg, as it sees it.
    last: BTreeMap<LegId, Direction>,
    gone: Option<Side>,
    /// What was offered last out there.
    pub last_offer: Option<(Side, Direction, Codec)>,
    /// The last words before a key is awaited.
    whispers: Vec<SayingId>,
    asked_on: bool,
    /// Wishes to put the caller through.
    pub wishes: Wishes,
}

#[derive(Debug, Default)]
struct Leg {
    up: bool,
    over: bool,
}

#[derive(Debug)]
struct Phone {
    offer: String,
    up: bool,
    /// Hung up of their own accord.
    left: bool,
    over: bool,
}

/// Who calls.
const CALLER: &str = "+13125550199";
impl FarEnd {
    /// The number under which a phone is called.
    pub fn rung(&self, call: &sip::Call) -> Option<String> {
        Some(call.target.user_text()).filter(|user| !user.is_empty())
    }

    pub fn is_connecting(&self, phrases: &[Phrase]) -> bool {
        phrases.iter().any(|phrase| phrase.text == sayings::CONNECTING)
    }

    pub fn agrees(&mut self, sound: SoundId, agreed: &Agreed) {
        self.agreed.insert(sound, (agreed.codec, agreed.direction));
    }

    /// What becomes of bytes on the wire: nothing of a side that is gone; ringing of a network that plays something; the
    /// refusals that no order makes.
    pub fn carries(&self, fate: Fate, from_far: bool, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let text = String::from_utf8_lossy(&bytes);
        let is_phones = text.contains(&format!("<sip:{DANA}@"));
        let is_mute = match self.gone {
            Some(Side::Caller) => text.contains(&format!("<sip:{CALLER}@")),
            Some(Side::Person) => is_phones,
            None => is_phones && from_far && fate == Fate::Refused(Refused::Silent),
        };
        if is_mute {
            return None;
        }
        match fate {
            Fate::HangUp(State::EarlyMedia, _)
                if from_far && is_phones && text.starts_with("SIP/2.0 180 ") =>
            {
                self.played(&text)
            }
            Fate::Refused(Refused::TimedOut) if from_far => Some(
                text.replacen("SIP/2.0 480 Temporarily Unavailable", "SIP/2.0 408 Request Timeout", 1).into(),
            ),
            Fate::HandedOver(Handing::Ended) if from_far && text.contains("\r\n\r\nSIP/2.0 487 ") => Some(
                text.replacen(
                    "\r\n\r\nSIP/2.0 487 Request Terminated",
                    "\r\n\r\nSIP/2.0 180 Ringing           ",
                    1,
                )
                .into(),
            ),
            _ => Some(bytes),
        }
    }

    /// A 180 as a network writes it that plays something: 183, with the description that the answer will have.
    fn played(&self, ringing: &str) -> Option<Vec<u8>> {
        let phone = self.phones.values().next()?;
        let sdp = answer_to(&phone.offer, PHONES_PORT, both(), Direction::SendRecv)?;
        let head = ringing.replacen("SIP/2.0 180 Ringing", "SIP/2.0 183 Session Progress", 1);
        let head = head.replacen("Content-Length: 0\r\n", "Content-Type: application/sdp\r\n", 1);
        let (head, _) = head.split_once("\r\n\r\n")?;
        Some(format!("{head}\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()).into_bytes())
    }

    /// What was agreed with a far leg, as it sees it.
    pub fn agreed_on(&mut self, leg: LegId, direction: Direction) {
        self.last.insert(leg, direction);
        if !direction.sends() && self.directions.get(&leg).is_none_or(|own| own.sends()) {
            self.held.insert(leg);
        }
    }

    /// True if a far leg holds the call itself.
    pub fn holds(&self, leg: LegId) -> bool {
        self.directions.get(&leg).is_some_and(|own| !own.receives())
    }

    /// True if a far leg may send and is sent to, as far as was agreed last.
    pub fn is_free(&self, leg: LegId) -> bool {
        self.last.get(&leg).is_none_or(|direction| *direction == Direction::SendRecv)
    }

    /// The phone that took the call.
    pub fn took_by(&self) -> Option<LegId> {
        self.took
    }

    /// True once nobody out there is in a call.
    pub fn is_quiet(&self) -> bool {
        self.caller.over && self.phones.values().all(|phone| phone.over)
    }
}

impl Stage {
    pub fn end_does(&mut self, does: Does) {
        match does {
            Does::CallerCalls => self.caller_calls(),
            Does::CallerPresses(digit) => self.presses(self.caller, digit),
            Does::CallerSpeaks => {
                let lasts = self.chance.millis(1_500, 5_000);
                if let Some(sound) = self.caller {
                    self.on(sound, |leg, now| {
                        leg.speak(lasts, now);
                    });
                }
            }
            Does::HangsUp(side) => {
                self.music_is_over();
                match side {
                    Side::Caller => self.caller_hangs_up(),
                    Side::Person => self.person_hangs_up(),
                }
            }
            Does::PicksUp(leg) => self.picks_up(leg),
            Does::Rings(leg) => {
                self.far_order(Order::Ring { leg });
                // Somewhat later than our side knows of it.
                self.strikes(State::Ringing, 100, 8_000);
                self.strikes(State::EarlyMedia, 100, 8_000);
            }
            Does::Refuses(leg) => self.refuses(leg),
            Does::PersonPresses(digit) => self.presses(self.phones.get(DANA).copied(), digit),
            Does::Offers(side, direction, codec) => self.offers(side, direction, codec),
            Does::Vanishes(side) => self.vanishes(side),
            Does::TellsOurs(leg, name, status) => self.trunk_tells(leg, name, status),
            Does::TrunkHangsUp => self.trunk_hangs_up(),
            Does::WantsPutThrough(passing) => self.wants_put_through(passing),
            Does::LosesPatience => self.caller_hangs_up(),
        }
        self.drain();
    }

    fn caller_calls(&mut self) {
        let offer = sip::sdp::offer(&capabilities(CALLERS_PORT, both(), 1), Direction::SendRecv);
        let Ok(target) = format!("sip:{LINE}@192.0.2.1").parse::<Uri>() else { return };
        let from = sip::Identity { display: String::new(), user: CALLER.to_string(), host: String::new() };
        let call = sip::Call {
            leg: Stage::caller_leg(),
            target,
            path: far_path(),
            from,
            extra: Vec::new(),
            sdp: offer,
            ring_for: Duration::from_secs(120),
        };
        self.far_order(Order::Call(Box::new(call)));
        // Nobody waits for ever.
        self.plan(240_000, 300_000, Does::LosesPatience);
    }

    /// The far agent tells.
    pub fn far_told(&mut self, notice: Notice) {
        let caller = Stage::caller_leg();
        match notice {
            Notice::Invited(invitation) => self.phone_is_called(&invitation),
            Notice::Answered { leg, .. } if leg == caller => self.end.caller.up = true,
            Notice::Offered { leg, sdp } => self.is_offered(leg, sdp),
            Notice::OfferAnswered { leg, sdp } => self.end_agreed(leg, &sdp),
            Notice::OfferRefused { leg, status: 491 } => self.offers_again(leg),
            Notice::ReferralWanted { leg, name, replaces, .. } => {
                self.trunk_is_asked(leg, name, replaces.is_some());
            }
            Notice::Referred { .. } => self.phone_is_told(&notice),
            notice if notice.is_ending() => match notice.leg() {
                Some(leg) if leg == caller => self.end.caller.over = true,
                Some(leg) => {
                    if let Some(phone) = self.end.phones.get_mut(&leg) {
                        phone.over = true;
                    }
                }
                None => {}
            },
            _ => {}
        }
    }

    fn phone_is_called(&mut self, invitation: &sip::Invitation) {
        let leg = invitation.leg;
        let offer = invitation.offer.clone().unwrap_or_default();
        self.end.rung += 1;
        self.end.phones.insert(leg, Phone { offer, up: false, left: false, over: false });
        if self.end.rung > 1 && self.fate != Fate::TwoPickUp {
            if self.end.rung > 2 || !self.other_rings(leg) {
                self.rings_on(leg);
            }
            return;
        }
        let rings_at = self.chance.millis(20, 300);
        self.plan_at(self.now.mono + rings_at, Does::Rings(leg));
        self.rings(leg);
    }

    /// Who is rung once more does not pick up this time.
    fn rings_on(&mut self, leg: LegId) {
        self.plan(20, 300, Does::Rings(leg));
    }

    /// What this phone will do.
    fn rings(&mut self, leg: LegId) {
        match self.fate {
            Fate::HangUp(State::Ringing | State::EarlyMedia, _) => {}
            Fate::Refused(Refused::RangOut | Refused::Silent) => {}
            Fate::Refused(_) => self.plan(400, 6_000, Does::Refuses(leg)),
            Fate::LatePickUp => {
                // Within some milliseconds before and after the last moment, as seen from both ends.
                let at = self.now.mono + RINGS - Duration::from_millis(60) + self.chance.millis(0, 120);
                self.plan_at(at, Does::PicksUp(leg));
            }
            Fate::TwoPickUp => {
                let at = Duration::from_secs(8).max(self.now.mono) + self.chance.millis(0, 25);
                let at = at.max(self.now.mono + Duration::from_millis(400));
                self.plan_at(at, Does::PicksUp(leg));
            }
            Fate::CallerCrossesPickUp => {
                let at = self.now.mono + self.chance.millis(600, 9_000);
                let crosses = at + self.chance.millis(0, 80);
                self.plan_at(at + Duration::from_millis(40), Does::PicksUp(leg));
                self.plan_at(crosses, Does::HangsUp(Side::Caller));
                self.end.struck = true;
            }
            _ => self.plan(600, 9_000, Does::PicksUp(leg)),
        }
    }

    /// The fate comes to pass in this state, if it is one of hanging up.
    pub(super) fn strikes(&mut self, state: State, least: u64, most: u64) {
        if let Fate::HangUp(at, side) = self.fate
            && at == state
            && !self.end.struck
        {
            self.end.struck = true;
            self.plan(least, most, Does::HangsUp(side));
        }
    }

    fn picks_up(&mut self, leg: LegId) {
        let Some(phone) = self.end.phones.get_mut(&leg).filter(|phone| !phone.over && !phone.up) else {
            return;
        };
        let Some(sdp) = answer_to(&phone.offer, PHONES_PORT, both(), Direction::SendRecv) else { return };
        phone.up = true;
        self.end.took = Some(leg);
        self.far_order(Order::Answer { leg, sdp });
    }

    fn refuses(&mut self, leg: LegId) {
        let refusal = match self.fate {
            Fate::Refused(Refused::Busy) | Fate::PutThrough(_) => Refusal::Busy,
            Fate::Refused(Refused::Unavailable) => Refusal::Unavailable { retry_after: None },
            // What no order says is written on the wire.
            Fate::Refused(Refused::Absent | Refused::TimedOut) => Refusal::Absent,
            _ => Refusal::Declined,
        };
        self.far_order(Order::Refuse { leg, refusal });
    }

    fn presses(&mut self, sound: Option<SoundId>, digit: char) {
        if let Some(sound) = sound {
            self.on(sound, |leg, now| leg.key(digit, now));
        }
    }

    fn caller_hangs_up(&mut self) {
        if self.end.caller.over {
            return;
        }
        self.end.caller_left = true;
        let leg = Stage::caller_leg();
        self.far_order(if self.end.caller.up {
            Order::HangUp { leg, reason: String::new() }
        } else {
            Order::Cancel { leg }
        });
    }

    fn person_hangs_up(&mut self) {
        let Some((leg, up)) =
            self.end.phones.iter().find(|(_, phone)| !phone.over).map(|(leg, phone)| (*leg, phone.up))
        else {
            return;
        };
        if let Some(phone) = self.end.phones.get_mut(&leg) {
            phone.left = true;
        }
        match up {
            true => self.far_order(Order::HangUp { leg, reason: String::new() }),
            false => self.far_order(Order::Refuse { leg, refusal: Refusal::Declined }),
        }
    }

    /// Something is said on our side.
    pub fn end_is_told(&mut self, sound: SoundId, saying: SayingId) {
        if self.caller != Some(sound) {
            self.end.whispers.push(saying);
        }
    }

    /// Something happened in the ear of a far end.
    pub fn end_hears(&mut self, sound: SoundId, event: &SoundEvent) {
        match event {
            SoundEvent::Spoke { .. } if self.caller == Some(sound) => self.caller_is_spoken_to(),
            SoundEvent::Spoke { saying, .. } if self.end.whispers.first() == Some(saying) => {
                self.strikes(State::Whispered, 50, 2_500);
            }
            SoundEvent::Said { saying, .. } if self.end.whispers.get(2) == Some(saying) => {
                self.is_to_decide()
            }
            SoundEvent::SayFailed { .. }
            | SoundEvent::MadeAgain { .. }
            | SoundEvent::Spoke { .. }
            | SoundEvent::Said { .. }
            | SoundEvent::SpeechStarted { .. }
            | SoundEvent::SpeechEnded { .. }
            | SoundEvent::Digit { .. }
            | SoundEvent::Silent
            | SoundEvent::HeldInSilence
            | SoundEvent::HoldIsHeard
            | SoundEvent::FillerBegan { .. }
            | SoundEvent::FillerEnded { .. }
            | SoundEvent::Closed { .. } => {}
        }
    }

    /// The caller asks for a person once they have heard a word.
    fn caller_is_spoken_to(&mut self) {
        if self.end.rung == 0 && !self.end.asked_on && !self.habit.rings_first {
            self.end.asked_on = true;
            self.plan(200, 1_800, Does::CallerPresses('0'));
        }
        if self.end.took.is_some() && self.bridged.is_empty() && !self.person_is_there() {
            self.strikes(State::Left, 100, 3_000);
        }
    }

    /// The person who took the call is still there.
    fn person_is_there(&self) -> bool {
        self.end
            .took
            .and_then(|leg| self.end.phones.get(&leg))
            .is_some_and(|phone| !phone.over && !phone.left)
    }

    fn is_to_decide(&mut self) {
        self.strikes(State::Undecided, 100, 5_000);
        match self.fate {
            Fate::Machine | Fate::HangUp(State::Undecided | State::Whispered, _) => {}
            Fate::DeclinedByKey => self.plan(100, 4_000, Does::PersonPresses('3')),
            _ => self.plan(100, 4_000, Does::PersonPresses('1')),
        }
    }

    /// Both hear each other now.
    pub fn end_is_bridged(&mut self) {
        self.strikes(State::Bridged, 0, 20_000);
        if std::mem::replace(&mut self.end.struck, true) {
            return;
        }
        let hold = Direction::SendOnly;
        match self.fate {
            Fate::CancelCrossesAnswer => self.plan(0, 60, Does::HangsUp(Side::Caller)),
            Fate::HangUp(State::Left, _) => {
                self.end.struck = false;
                self.plan(1_000, 9_000, Does::HangsUp(Side::Person));
            }
            Fate::HangUp(State::Held, side) => {
                let holder = if self.chance.hits(0.5) { Side::Caller } else { Side::Person };
                let hold = self.way_to_hold();
                self.plan(500, 3_000, Does::Offers(holder, hold, Codec::Pcmu));
                self.plan(4_000, 9_000, Does::HangsUp(side));
            }
            Fate::HoldAndResume(side) => {
                let hold = self.way_to_hold();
                self.end.silent_hold = hold == Direction::Inactive;
                self.plan(500, 3_000, Does::Offers(side, hold, Codec::Pcmu));
                self.plan(6_000, 9_000, Does::Offers(side, Direction::SendRecv, Codec::Pcmu));
                self.parts(14_000, 30_000);
            }
            Fate::OtherFormat(side) => {
                self.plan(500, 3_000, Does::Offers(side, Direction::SendRecv, Codec::Pcma));
                self.parts(8_000, 20_000);
            }
            Fate::Glare => {
                let at = self.now.mono + self.chance.millis(500, 3_000);
                let beside = at + self.chance.millis(0, 50);
                self.plan_at(at, Does::Offers(Side::Caller, hold, Codec::Pcmu));
                self.plan_at(beside, Does::Offers(Side::Person, hold, Codec::Pcmu));
                let later = beside + Duration::from_secs(12);
                self.plan_at(later, Does::Offers(Side::Caller, Direction::SendRecv, Codec::Pcmu));
                let beside = later + self.chance.millis(0, 50);
                self.plan_at(beside, Does::Offers(Side::Person, Direction::SendRecv, Codec::Pcmu));
                self.parts(28_000, 40_000);
            }
            Fate::Vanishes(side) => self.plan(500, 8_000, Does::Vanishes(side)),
            Fate::PutThrough(passing) => self.plan(500, 6_000, Does::WantsPutThrough(passing)),
            Fate::HangUp(State::PutThrough, _) => {
                self.end.struck = false;
                self.plan(500, 6_000, Does::WantsPutThrough(Passing::RangOut));
            }
            // The trunk is asked at once, and if it will not, they talk on.
            Fate::Joined(_) => self.parts(20_000, 30_000),
            _ => self.parts(1_000, 30_000),
        }
    }

    /// With a stream that may carry music, or without any.
    fn way_to_hold(&mut self) -> Direction {
        if self.chance.hits(0.5) { Direction::SendOnly } else { Direction::Inactive }
    }

    /// They have talked: one of both hangs up.
    pub(super) fn parts(&mut self, least: u64, most: u64) {
        let side = if self.chance.hits(0.5) { Side::Caller } else { Side::Person };
        self.plan(least, most, Does::HangsUp(side));
    }

    fn vanishes(&mut self, side: Side) {
        self.end.gone = Some(side);
        let sound = match side {
            Side::Caller => self.caller,
            Side::Person => self.phones.get(DANA).copied(),
        };
        if let Some(sound) = sound {
            self.falls_silent(sound);
        }
    }
}
