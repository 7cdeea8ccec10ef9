//! Packets of nobody we know: counted, told about once a minute and source, never answered.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::{Agent, Alarm};
use crate::limits::{STRANGERS, STRANGERS_EVERY};
use crate::notice::Notice;
use crate::timers::Why;

#[derive(Debug, Default)]
pub(super) struct Strangers {
    seen: BTreeMap<IpAddr, (SocketAddr, u64)>,
    packets: u64,
    counting: bool,
}

impl Strangers {
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn packets(&self) -> u64 {
        self.packets
    }
}

impl Agent {
    pub(super) fn strange(&mut self, source: SocketAddr) {
        self.strange_for(source, Notice::Stranger { source, packets: 1 });
    }

    /// The same, with something else to tell of the first packet.
    pub(super) fn strange_for(&mut self, source: SocketAddr, told: Notice) {
        self.strangers.packets += 1;
        if let Some((_, packets)) = self.strangers.seen.get_mut(&source.ip()) {
            *packets += 1;
            return;
        }
        if self.strangers.seen.len() >= STRANGERS {
            return;
        }
        self.strangers.seen.insert(source.ip(), (source, 1));
        self.tell(told);
        if !self.strangers.counting {
            self.strangers.counting = true;
            self.set(STRANGERS_EVERY, Why::CountStrangers, Alarm::Strangers);
        }
    }

    pub(super) fn count_strangers(&mut self) {
        self.strangers.counting = false;
        for (source, packets) in std::mem::take(&mut self.strangers.seen).into_values() {
            if packets > 1 {
                self.tell(Notice::Stranger { source, packets });
            }
        }
    }
}
