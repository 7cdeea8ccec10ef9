//! While the machine is short of a core, those on the line keep their sound.

use std::collections::BTreeSet;

use desk::call::Event;
use desk::machine::Moment;
use desk::record::CallId;
use line::{Action, Keep, Refuses};

use super::{Broken, Promise, Seen};

/// No talk begins while the voice is refused, and no call comes in while calls are. Whom the assistant has listened to before, or
/// who comes back from a person, is served on.
#[derive(Debug, Default)]
pub(super) struct NobodyNewUnderStrain {
    refuses: Refuses,
    served: BTreeSet<CallId>,
}

impl Promise for NobodyNewUnderStrain {
    fn name(&self) -> &'static str {
        "NobodyNewUnderStrain"
    }

    fn sentence(&self) -> &'static str {
        "While the machine is short of a core, the assistant begins no talk, and while calls are refused none comes in."
    }

    #[inline(always)]
    fn see(&mut self, seen: Seen<'_>, _: Moment) -> Result<(), Broken> {
        match seen {
            Seen::Settled(exchange) => self.refuses = exchange.refuses(),
            Seen::Ordered(Action::Store { call, keep: Keep::Arrival(_), .. })
                if self.refuses == Refuses::Calls =>
            {
                return Broken::of(call, "it was let in while calls were refused");
            }
            Seen::Ordered(Action::Listen { call, .. }) => {
                let is_new = self.served.insert(call.clone());
                if is_new && self.refuses != Refuses::Nothing {
                    return Broken::of(
                        call,
                        "the assistant began a talk while the machine was short of a core",
                    );
                }
            }
            Seen::Ordered(Action::Journal { call, event: Event::PersonAnswered { .. } }) => {
                self.served.insert(call.clone());
            }
            Seen::Ordered(Action::Store { call, keep: Keep::Record(_), .. }) => {
                self.served.remove(call);
            }
            Seen::Died => *self = NobodyNewUnderStrain::default(),
            Seen::Told(_) | Seen::Ordered(_) | Seen::Kept { .. } | Seen::Quiet { .. } | Seen::Over(_) => {}
        }
        Ok(())
    }
}
