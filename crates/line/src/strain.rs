//! What is refused to new callers while the machine is short of a core: first its voice, then calls.
//!
//! A look at a leg that comes late is sound that leaves late, and everybody on the line hears it. Listening costs many times what
//! a leg does, so new callers go past the assistant first; where that is not enough, they are sent elsewhere. Who is
//! on the line is served on. What a refusal means for a call is decided in `desk`.
//!
//! Lateness is measured outside, one stretch of time after the other; no clock is needed here. Invariants: with few legs nothing
//! is refused, for then it is another program that is in the way, and nobody's sound gets better by it; and one late stretch alone
//! refuses nothing, for a machine that stood still for a moment is no machine that is too small.

/// What is refused to new callers, the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refuses {
    /// Nothing.
    #[default]
    Nothing,
    /// The assistant, who has to listen: calls go on with the next step of their plan.
    Voices,
    /// Calls: 503, so that the carrier takes its next route.
    Calls,
}

/// More late looks than this share go with gaps that callers hear. Measured: decision 0001.
pub const LATE: f64 = 0.03;
/// With fewer than this there is room again: half as many, so that the next talk is not at once one too many. Runs that were well
/// had 0.2 to 2.5 % (decision 0001).
const AT_EASE: f64 = 0.015;
/// So many late looks are gaps that nothing at the far end hides. Not measured: far above everything that was.
const FAR_OVER: f64 = 0.2;
/// Fewer legs than this are no load of ours: one core is to carry twelve callers who talk to the local voice.
const FEWEST_LEGS: usize = 10;
/// Late stretches, one after the other, after which more is refused.
const LATE_ON: u32 = 2;
/// Stretches at ease, one after the other, after which less is refused.
const WELL_AGAIN: u32 = 3;

/// How the machine copes.
#[derive(Debug, Default)]
pub(crate) struct Strain {
    refuses: Refuses,
    /// Stretches late or at ease, one after the other, since less or more was refused.
    late: u32,
    at_ease: u32,
}

impl Strain {
    pub fn refuses(&self) -> Refuses {
        self.refuses
    }

    /// One more stretch of time: the share of looks at legs that came too late, and how many legs there are.
    pub fn measured(&mut self, late_ratio: f64, legs: usize) {
        if legs < FEWEST_LEGS || late_ratio < AT_EASE {
            (self.late, self.at_ease) = (0, self.at_ease + 1);
        } else if late_ratio > LATE {
            (self.late, self.at_ease) = (self.late + 1, 0);
        } else {
            (self.late, self.at_ease) = (0, 0);
        }
        let refuses = self.next(late_ratio);
        if refuses != self.refuses {
            *self = Strain { refuses, ..Strain::default() };
        }
    }

    fn next(&self, late_ratio: f64) -> Refuses {
        let is_far_over = self.late > 0 && late_ratio > FAR_OVER;
        match self.refuses {
            Refuses::Nothing if self.late >= LATE_ON => Refuses::Voices,
            Refuses::Voices if is_far_over || self.late >= LATE_ON => Refuses::Calls,
            Refuses::Voices if self.at_ease >= WELL_AGAIN => Refuses::Nothing,
            Refuses::Calls if self.at_ease >= WELL_AGAIN => Refuses::Voices,
            as_before @ (Refuses::Nothing | Refuses::Voices | Refuses::Calls) => as_before,
        }
    }
}

#[cfg(test)]
mod tests {
    use Refuses::{Calls, Nothing, Voices};

    use super::*;

    /// What is refused after each stretch with many legs, by its share of late looks.
    fn after(strain: &mut Strain, shares: &[f64]) -> Vec<Refuses> {
        with_legs(strain, 200, shares)
    }

    fn with_legs(strain: &mut Strain, legs: usize, shares: &[f64]) -> Vec<Refuses> {
        let measured = shares.iter().map(|share| {
            strain.measured(*share, legs);
            strain.refuses()
        });
        measured.collect()
    }

    #[test]
    fn lateness_that_goes_on_refuses_the_voice_and_then_calls() {
        assert_eq!(
            after(&mut Strain::default(), &[0.01, 0.04, 0.04, 0.04, 0.04, 0.04]),
            [Nothing, Nothing, Voices, Voices, Calls, Calls]
        );
        let up_and_down = [0.04, 0.04, 0.04, 0.02, 0.04, 0.01, 0.04];
        assert_eq!(after(&mut Strain::default(), &up_and_down)[1..], [Voices; 6]);
    }

    #[test]
    fn a_machine_that_stands_still_for_a_moment_takes_every_caller() {
        let now_and_then = [0.5, 0.01, 0.04, 0.02, 0.9, 0.0, 0.2, 0.03];
        assert_eq!(after(&mut Strain::default(), &now_and_then), [Nothing; 8]);
    }

    #[test]
    fn a_machine_far_over_its_load_refuses_calls_a_stretch_after_the_voice() {
        assert_eq!(after(&mut Strain::default(), &[0.5, 0.5, 0.5]), [Nothing, Voices, Calls]);
        assert_eq!(
            after(&mut Strain::default(), &[0.5, 0.5, 0.01, 0.01, 0.01]),
            [Nothing, Voices, Voices, Voices, Nothing]
        );
    }

    #[test]
    fn callers_come_back_step_by_step_once_the_sound_has_been_well_for_a_while() {
        let mut strain = Strain::default();
        after(&mut strain, &[0.5, 0.5, 0.5]);
        assert_eq!(
            after(&mut strain, &[0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01]),
            [Calls, Calls, Voices, Voices, Voices, Nothing, Nothing]
        );
    }

    #[test]
    fn what_is_neither_late_nor_at_ease_leaves_everything_as_it_is() {
        let mut strain = Strain::default();
        assert_eq!(after(&mut strain, &[0.02, 0.03]), [Nothing; 2]);
        assert_eq!(after(&mut strain, &[0.04, 0.04, 0.01, 0.01, 0.02, 0.01, 0.01])[1..], [Voices; 6]);
        assert_eq!(after(&mut strain, &[0.01]), [Nothing]);
    }

    #[test]
    fn a_busy_machine_with_a_handful_of_callers_takes_every_one_of_them() {
        let mut strain = Strain::default();
        assert_eq!(with_legs(&mut strain, 9, &[1.0; 20]), [Nothing; 20]);
        assert_eq!(with_legs(&mut strain, 10, &[1.0; 3]), [Nothing, Voices, Calls]);
        let over = with_legs(&mut strain, 9, &[1.0; 6]);
        assert_eq!(over, [Calls, Calls, Voices, Voices, Voices, Nothing], "as if it were well again");
    }
}
