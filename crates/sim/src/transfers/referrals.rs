//! Wishes to put a caller through, at the far end: those that our side sends to the trunk, and those of a person's phone.

use desk::record::Tried;
use sip::{LegId, Notice, Order, ReferTo, Referral, Refusal, Uri};

use super::far_end::Does;
use super::fate::{Fate, Handing, Passing, Side, State};
use super::office::LEE;
use super::stage::Stage;

/// What the far end knows of such wishes.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// The trunk was asked to put the caller through, so often.
    pub asked: usize,
    /// The trunk said that the caller is with the person.
    pub said_taken: bool,
    /// What a phone was told of its own wish.
    pub told: Vec<Referral>,
}

impl Stage {
    /// Our side wants the caller put through, or joined with the person's phone.
    pub(super) fn trunk_is_asked(&mut self, leg: LegId, name: u32, joins: bool) {
        self.end.wishes.asked += 1;
        self.end.struck |= matches!(self.fate, Fate::HandedOver(_) | Fate::Joined(_));
        let handing = match self.fate {
            Fate::HandedOver(handing) | Fate::Joined(handing) => handing,
            Fate::HangUp(State::HandedOver, _) => Handing::Untold,
            _ => return self.far_order(Order::RefuseReferral { leg, name, refusal: Refusal::Forbidden }),
        };
        if handing == Handing::Refused {
            return self.far_order(Order::RefuseReferral { leg, name, refusal: Refusal::Declined });
        }
        self.far_order(Order::TakeReferral { leg, name });
        if !joins {
            self.plan(50, 900, Does::TellsOurs(leg, name, 180));
        }
        self.strikes(State::HandedOver, 100, 12_000);
        self.plan_word(handing, leg, name);
    }

    fn plan_word(&mut self, handing: Handing, leg: LegId, name: u32) {
        match handing {
            Handing::Taken => self.plan(1_000, 15_000, Does::TellsOurs(leg, name, 200)),
            Handing::TakenAndLeft => {
                let at = self.now.mono + self.chance.millis(1_000, 15_000);
                self.plan_at(at, Does::TellsOurs(leg, name, 200));
                let leaves = at + self.chance.millis(0, 60);
                self.plan_at(leaves, Does::TrunkHangsUp);
            }
            // The desk waits for 28 s in all.
            Handing::TakenLate => self.plan(28_500, 31_000, Does::TellsOurs(leg, name, 200)),
            Handing::Busy => self.plan(300, 4_000, Does::TellsOurs(leg, name, 486)),
            Handing::Declined => self.plan(1_000, 9_000, Does::TellsOurs(leg, name, 603)),
            Handing::NoAnswer => self.plan(9_000, 20_000, Does::TellsOurs(leg, name, 480)),
            Handing::Ended => self.plan(300, 9_000, Does::TellsOurs(leg, name, 0)),
            Handing::LeftWithoutWord => self.plan(1_000, 15_000, Does::TrunkHangsUp),
            Handing::Refused | Handing::Untold => {}
        }
    }

    /// The trunk tells what came of it.
    pub(super) fn trunk_tells(&mut self, leg: LegId, name: u32, status: u16) {
        self.end.wishes.said_taken |= status == 200;
        // A last word that is none is written on the wire.
        let status = if status == 0 { 487 } else { status };
        self.far_order(Order::TellReferral { leg, name, status });
        // Who was joined with somebody else is done with us.
        if status == 200 && matches!(self.fate, Fate::Joined(_)) && self.chance.hits(0.5) {
            self.end_does(Does::HangsUp(Side::Person));
        }
    }

    pub(super) fn trunk_hangs_up(&mut self) {
        // Without the word, nobody can tell it from a caller who hangs up.
        self.end.caller_left |= !self.end.wishes.said_taken;
        self.far_order(Order::HangUp { leg: Stage::caller_leg(), reason: String::new() });
    }

    /// A phone, or the caller, wants the caller put through to Lee, or to nobody of ours.
    pub(super) fn wants_put_through(&mut self, passing: Passing) {
        let whom = if passing == Passing::ToNobody { "+19005550199" } else { LEE };
        let leg = if passing == Passing::ByCaller { Some(Stage::caller_leg()) } else { self.end.took_by() };
        let (Some(leg), Ok(to)) = (leg, format!("sip:{whom}@192.0.2.1").parse::<Uri>()) else { return };
        self.far_order(Order::Refer { leg, name: 1, to: ReferTo::Somebody(to) });
        if matches!(passing, Passing::LeftAndTaken | Passing::LeftAndBusy) {
            self.plan(100, 400, Does::HangsUp(Side::Person));
        }
    }

    /// What a phone is told of its wish.
    pub(super) fn phone_is_told(&mut self, notice: &Notice) {
        if let Notice::Referred { end, .. } = notice {
            self.end.wishes.told.push(*end);
            // Who has the caller back, or was refused, talks on; somebody hangs up in the end.
            self.parts(2_000, 9_000);
        }
    }

    /// What the phone of the other person does that a person's phone named.
    pub(super) fn other_rings(&mut self, leg: LegId) -> bool {
        let passing = match self.fate {
            Fate::PutThrough(passing) => passing,
            Fate::HangUp(State::PutThrough, _) => Passing::RangOut,
            _ => return false,
        };
        self.plan(20, 300, Does::Rings(leg));
        match passing {
            Passing::Taken | Passing::LeftAndTaken => self.plan(700, 9_000, Does::PicksUp(leg)),
            Passing::Busy | Passing::LeftAndBusy => self.plan(900, 5_000, Does::Refuses(leg)),
            Passing::RangOut | Passing::ToNobody | Passing::ByCaller => {}
        }
        self.strikes(State::PutThrough, 500, 9_000);
        true
    }
}

/// What a phone must be told of its wish, if it stays to hear it.
pub(super) fn told_of(passing: Passing) -> Option<fn(&Referral) -> bool> {
    match passing.other() {
        Some(Tried::Answered) => Some(|end| *end == Referral::Taken),
        Some(_) => Some(|end| matches!(end, Referral::NotTaken { .. })),
        None => Some(|end| *end == Referral::Refused { status: 403 }),
    }
}
