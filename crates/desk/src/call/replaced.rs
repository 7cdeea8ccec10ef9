//! A side of the call is at another telephone now: what the record says of it, and that whoever is new there has not heard what the
//! one before had.

use super::{Call, Leg, Stage};
use crate::number::E164;
use crate::private::Private;

impl Call {
    pub(super) fn replaced(&mut self, leg: Leg, from: Option<&Private<E164>>) {
        let whose = match leg {
            Leg::Caller => "the caller's",
            Leg::Person(_) => "the person's",
        };
        let other = leg == Leg::Caller && from.is_some() && from != self.minutes.arrival.from.as_ref();
        let with = if other { ", and shows another number than the caller's" } else { "" };
        self.minutes.trouble(format!("another telephone took the place of {whose} in this call{with}"));
        self.tell_anew_of_recording(leg);
    }

    /// Who has come into a talk that is recorded hears that it is, and until then it is not.
    fn tell_anew_of_recording(&mut self, leg: Leg) {
        match (&self.stage, leg) {
            (Stage::Connected { .. }, Leg::Caller) => self.tell_caller_of_recording(),
            (Stage::Connected { leg: with, .. }, Leg::Person(leg)) if *with == leg => {
                self.tell_person_of_recording(leg);
            }
            _ => {}
        }
    }
}
