//! What was said on the legs of a call, for its journal.
//!
//! A leg goes on talking SIP when its call is over for the desk: its BYE is answered, a refusal acknowledged. So whose
//! leg it is is remembered here from its invitation until the user agent has released it.

use sip::{LegId, Notice};

use super::Exchange;
use crate::contract::Action;
use crate::signal::{Party, Said, Side};

impl Exchange {
    /// A caller's messages belong to this call from now on.
    pub(super) fn caller_signals(&mut self, leg: LegId, call: desk::record::CallId, trunk: &str) {
        let codecs = self.setup.codecs(trunk);
        let party = Party { call, side: Side::Caller, name: trunk.to_string(), codecs };
        self.parties.insert(leg, party);
    }

    /// The messages of a leg to a person belong to this call from now on.
    pub(super) fn person_signals(
        &mut self,
        leg: LegId,
        call: desk::record::CallId,
        reach: &desk::business::Reach,
    ) {
        let people = &self.setup.business.people;
        let reached = |person: &desk::business::Person| {
            person.reach.iter().any(|one| one.to == reach.to && one.via == reach.via)
        };
        let person = people.iter().find(|(_, person)| reached(person)).map(|(name, _)| name);
        let name = person.unwrap_or(&reach.via).clone();
        let codecs = self.setup.codecs(&reach.via);
        self.parties.insert(leg, Party { call, side: Side::Person, name, codecs });
    }

    /// Writes down what was said. Gives back what is no such thing.
    pub(super) fn signalled(&mut self, notice: Notice) -> Option<Notice> {
        match notice {
            Notice::Traced { leg, trace } => {
                if let Some(party) = self.parties.get(&leg).cloned() {
                    let said = party.message(*trace);
                    self.note_signal(&party, leg, said);
                }
            }
            Notice::Repeated { leg, repeated, left_out } => {
                let party = self.parties.get(&leg).cloned()?;
                for again in repeated {
                    self.note_signal(&party, leg, again.into());
                }
                if left_out > 0 {
                    self.note_signal(&party, leg, Said::LeftOut { messages: left_out });
                }
            }
            Notice::Released { leg } => {
                self.parties.remove(&leg);
                return Some(notice);
            }
            other => return Some(other),
        }
        None
    }

    fn note_signal(&mut self, party: &Party, leg: LegId, said: Said) {
        let signal = Box::new(party.signal(leg, said));
        let is_late = !self.by_id.contains_key(&party.call);
        self.out.push_back(Action::Signalled { call: party.call.clone(), signal, is_late });
    }
}
