//! When each leg is looked at next: a wheel of 128 slots of one millisecond.
//!
//! Legs come at least every 60 ms, so nothing lies further ahead than one turn of the wheel. Invariant: taking and putting
//! do not allocate once the slots have grown to their usual size.

use std::time::Duration;

/// Slots, one millisecond each.
const SLOTS: u64 = 128;
/// Room every slot has from the beginning.
const ROOM: usize = 64;

/// Which legs are due when. Entries are slab indices; a leg put anew leaves its old entry behind, which the owner
/// recognises by its tick.
pub struct Wheel {
    slots: Vec<Vec<u32>>,
    occupied: u128,
    /// The tick up to which everything has been taken.
    done: u64,
}

impl Wheel {
    /// Empty, at tick 0.
    pub fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::with_capacity(ROOM)).collect(), occupied: 0, done: 0 }
    }

    /// The tick at which something due `at` is taken: never before it, and never one already taken.
    pub fn tick_for(&self, at: Duration) -> u64 {
        let tick = at.as_micros().div_ceil(1_000) as u64;
        tick.clamp(self.done + 1, self.done + SLOTS - 1)
    }

    /// Puts a leg at a tick given by [`tick_for`](Self::tick_for).
    pub fn put(&mut self, index: u32, tick: u64) {
        let slot = (tick % SLOTS) as usize;
        self.slots[slot].push(index);
        self.occupied |= 1 << slot;
    }

    /// How long to sleep until the next occupied slot; nothing when the wheel is empty.
    pub fn sleep(&self, now: Duration) -> Option<Duration> {
        if self.occupied == 0 {
            return None;
        }
        let first = ((self.done + 1) % SLOTS) as u32;
        let ahead = u64::from(self.occupied.rotate_right(first).trailing_zeros());
        let at = Duration::from_millis(self.done + 1 + ahead);
        Some(at.saturating_sub(now))
    }

    /// Moves one tick on towards `now`, taking that slot's legs into `due`. False when the wheel has caught up.
    pub fn turn(&mut self, now: Duration, due: &mut Vec<u32>) -> Option<u64> {
        let target = now.as_millis() as u64;
        if self.occupied == 0 || target > self.done + 10 * SLOTS {
            self.skip_to(target);
        }
        if self.done >= target {
            return None;
        }
        self.done += 1;
        let slot = (self.done % SLOTS) as usize;
        std::mem::swap(due, &mut self.slots[slot]);
        self.occupied &= !(1 << slot);
        Some(self.done)
    }

    /// With nothing in the wheel, or after a long sleep of the machine, empty turns are not walked one by one.
    fn skip_to(&mut self, target: u64) {
        let whole_turns = if self.occupied == 0 {
            target.saturating_sub(self.done)
        } else {
            target.saturating_sub(self.done + 2 * SLOTS) / SLOTS * SLOTS
        };
        self.done += whole_turns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn taken(wheel: &mut Wheel, now: Duration) -> Vec<(u64, u32)> {
        let (mut all, mut due) = (Vec::new(), Vec::new());
        while let Some(tick) = wheel.turn(now, &mut due) {
            all.extend(due.drain(..).map(|index| (tick, index)));
        }
        all
    }

    #[test]
    fn legs_come_in_their_order_and_never_early() {
        let mut wheel = Wheel::new();
        assert_eq!(taken(&mut wheel, MS * 1_000), []);
        for (index, at) in [(1, MS * 1_020), (2, MS * 1_005), (3, Duration::from_micros(1_005_100)), (4, MS)]
        {
            let tick = wheel.tick_for(at);
            wheel.put(index, tick);
        }
        assert_eq!(wheel.sleep(MS * 1_000), Some(MS));
        assert_eq!(taken(&mut wheel, MS * 1_005), [(1_001, 4), (1_005, 2)]);
        assert_eq!(wheel.sleep(MS * 1_005), Some(MS));
        assert_eq!(taken(&mut wheel, MS * 1_019), [(1_006, 3)]);
        assert_eq!(taken(&mut wheel, MS * 1_020), [(1_020, 1)]);
        assert_eq!(wheel.sleep(MS * 1_020), None);
    }

    #[test]
    fn something_far_ahead_is_looked_at_once_a_turn() {
        let wheel = Wheel::new();
        assert_eq!(wheel.tick_for(MS * 5_000), 127);
    }

    #[test]
    fn a_machine_that_slept_for_an_hour_goes_on_at_once() {
        let mut wheel = Wheel::new();
        wheel.put(9, 100);
        assert_eq!(
            taken(&mut wheel, MS * 3_600_000).iter().map(|(_, index)| *index).collect::<Vec<_>>(),
            [9]
        );
        assert!(wheel.tick_for(MS * 3_600_010) >= 3_600_001);
    }
}
