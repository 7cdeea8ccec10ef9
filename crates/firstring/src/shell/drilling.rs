//! The control thread's side of a drill: gone toward one trunk, and back in time.

use std::sync::Arc;
use std::time::Duration;

use crate::shell::control::Control;
use crate::web::{Drill, Gone};

/// What the control thread remembers of the drill it carries out.
#[derive(Debug)]
pub struct Absent {
    trunk: Arc<str>,
    how: Gone,
    /// When the desk is back without being told.
    pub until: Duration,
}

impl Control {
    /// A drill was asked for, or ended by whoever asked for it.
    pub(super) fn drill_changed(&mut self) {
        match (self.drills.current(), &self.absent) {
            (Some(drill), None) => self.be_gone(&drill),
            (None, Some(_)) => self.be_back(),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// Its time is up.
    pub(super) fn end_drill(&mut self) {
        self.drills.end();
        self.be_back();
    }

    fn be_gone(&mut self, drill: &Drill) {
        let now = self.clock.now();
        let left = Duration::try_from(drill.until.duration_since(now.wall)).unwrap_or_default();
        let trunk: Arc<str> = drill.trunk.as_str().into();
        tracing::warn!(%trunk, how = ?drill.how, seconds = left.as_secs(), "A drill: new calls of this trunk meet nobody");
        self.absent = Some(Absent { trunk: Arc::clone(&trunk), how: drill.how, until: now.mono + left });
        match absence(drill.how) {
            how @ Some(_) => self.order_sip(sip::Order::PlayDead { trunk, how }),
            None => self.order_sip(sip::Order::Unregister { name: trunk }),
        }
    }

    fn be_back(&mut self) {
        let Some(Absent { trunk, how, until: _ }) = self.absent.take() else { return };
        tracing::info!(%trunk, "The drill is over, calls are answered");
        match absence(how) {
            Some(_) => self.order_sip(sip::Order::PlayDead { trunk, how: None }),
            None => self.register_again(&trunk),
        }
    }
}

/// What the user agent does; taking a contact back is an order of its own.
fn absence(how: Gone) -> Option<sip::Absence> {
    match how {
        Gone::Silent => Some(sip::Absence::Silent),
        Gone::Busy => Some(sip::Absence::Busy),
        Gone::Unavailable => Some(sip::Absence::Unavailable),
        Gone::Unregistered => None,
    }
}
