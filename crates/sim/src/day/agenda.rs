//! When what happens next: what is planned, and when each sound has something to do.
//!
//! A day takes the earliest of hundreds of things a hundred thousand times, so both are heaps. Things at the same moment come in
//! the order in which they were planned, sounds in the order of their identifiers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use line::SoundId;

use crate::hashed::Hashed;

/// What is planned.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    due: BinaryHeap<Due<T>>,
    planned: u64,
}

/// Boxed, so that what is planned in between moves little.
#[derive(Debug)]
struct Due<T> {
    at: Reverse<(Duration, u64)>,
    what: Box<T>,
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<T> Eq for Due<T> {}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Due<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl<T> Agenda<T> {
    pub fn new() -> Self {
        Agenda { due: BinaryHeap::new(), planned: 0 }
    }

    pub fn add(&mut self, at: Duration, what: T) {
        self.planned += 1;
        self.due.push(Due { at: Reverse((at, self.planned)), what: Box::new(what) });
    }

    /// When the first thing is due.
    pub fn next(&self) -> Option<Duration> {
        self.due.peek().map(|due| due.at.0.0)
    }

    pub fn take_first(&mut self) -> Option<T> {
        self.due.pop().map(|due| *due.what)
    }

    pub fn retain(&mut self, stays: impl Fn(&T) -> bool) {
        self.due.retain(|due| stays(&due.what));
    }
}

/// When each sound wakes. A wake that was changed stays in the heap until it is come to.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    heap: BinaryHeap<Reverse<(Duration, SoundId)>>,
    of: Hashed<SoundId, Duration>,
}

impl Wakes {
    /// A sound wakes at this moment and no other; `None`: it sleeps on.
    pub fn set(&mut self, sound: SoundId, wake: Option<Duration>) {
        if self.of.get(&sound).copied() == wake {
            return;
        }
        match wake {
            Some(at) => {
                self.of.insert(sound, at);
                self.heap.push(Reverse((at, sound)));
            }
            None => drop(self.of.remove(&sound)),
        }
    }

    /// When the first sound wakes.
    pub fn next(&mut self) -> Option<Duration> {
        while let Some(&Reverse((at, sound))) = self.heap.peek() {
            if self.of.get(&sound) == Some(&at) {
                return Some(at);
            }
            self.heap.pop();
        }
        None
    }

    /// The sound that wakes first, which then sleeps.
    pub fn take_first(&mut self) -> Option<SoundId> {
        self.next()?;
        let Reverse((_, sound)) = self.heap.pop()?;
        self.of.remove(&sound);
        Some(sound)
    }

    pub fn clear(&mut self) {
        self.heap.clear();
        self.of.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_is_due_at_the_same_moment_comes_in_the_order_it_was_planned() {
        let mut agenda = Agenda::new();
        for (at, what) in [(5, 'd'), (3, 'a'), (3, 'b'), (1, 'x'), (3, 'c')] {
            agenda.add(ms(at), what);
        }
        agenda.retain(|what| *what != 'x');
        assert_eq!(agenda.next(), Some(ms(3)));
        let taken: String = std::iter::from_fn(|| agenda.take_first()).collect();
        assert_eq!(taken, "abcd");
    }

    #[test]
    fn a_sound_wakes_once_when_it_was_said_last() {
        let mut wakes = Wakes::default();
        for at in [4, 2, 4, 9, 4] {
            wakes.set(SoundId(1), Some(ms(at)));
        }
        wakes.set(SoundId(2), Some(ms(3)));
        wakes.set(SoundId(3), Some(ms(1)));
        wakes.set(SoundId(3), None);
        assert_eq!((wakes.next(), wakes.take_first()), (Some(ms(3)), Some(SoundId(2))));
        assert_eq!((wakes.next(), wakes.take_first()), (Some(ms(4)), Some(SoundId(1))));
        assert_eq!((wakes.next(), wakes.take_first()), (None, None));
    }
}
