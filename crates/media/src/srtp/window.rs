//! Which packets of a stream have been, counted without wrapping. RFC 3711 section 3.3.

/// Packets remembered behind the highest; RFC 3711 section 3.3.2 wants at least 64.
const REMEMBERED: u64 = 128;

/// The highest index there was, and which of those before it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    highest: Option<u64>,
    /// Bit n: the index n below the highest has been.
    been: u128,
}

impl Window {
    /// The index of a packet by its sequence number: the one nearest to the highest. The first begins at `rollover`.
    pub fn index(&self, sequence: u16, rollover: u32) -> u64 {
        let Some(highest) = self.highest else { return u64::from(rollover) << 16 | u64::from(sequence) };
        let step = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        highest.checked_add_signed(step).unwrap_or(u64::from(sequence))
    }

    /// How often the sequence numbers have come round.
    pub fn rollover(&self) -> u32 {
        self.highest.map_or(0, |highest| (highest >> 16) as u32)
    }

    /// Whether this one has not been, as far as is remembered.
    pub fn is_new(&self, index: u64) -> bool {
        match self.highest {
            Some(highest) if index <= highest => {
                let behind = highest - index;
                behind < REMEMBERED && self.been >> behind & 1 == 0
            }
            Some(_) | None => true,
        }
    }

    /// It has been now.
    pub fn note(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {
                self.been |= 1u128.checked_shl((highest - index) as u32).unwrap_or(0)
            }
            Some(highest) => {
                let step = u32::try_from(index - highest).unwrap_or(u32::MAX);
                self.been = self.been.checked_shl(step).unwrap_or(0) | 1;
                self.highest = Some(index);
            }
            None => (self.highest, self.been) = (Some(index), 1),
        }
    }
}

/// The windows of the sources under one key.
#[derive(Debug)]
pub(super) struct Windows {
    sources: Vec<(u32, Window)>,
}

/// Sources remembered under one key; a far end changes its source when a call moves on. The oldest is forgotten.
const SOURCES: usize = 16;

impl Windows {
    pub fn new() -> Self {
        Self { sources: Vec::with_capacity(SOURCES) }
    }

    /// The window of a source; a fresh one if it is not known.
    pub fn of(&self, ssrc: u32) -> Window {
        self.known(ssrc).unwrap_or_default()
    }

    pub fn known(&self, ssrc: u32) -> Option<Window> {
        self.sources.iter().find(|(known, _)| *known == ssrc).map(|(_, window)| *window)
    }

    /// Keeps the window of a source whose packet was authentic.
    pub fn keep(&mut self, ssrc: u32, window: Window) {
        if let Some((_, known)) = self.sources.iter_mut().find(|(known, _)| *known == ssrc) {
            *known = window;
            return;
        }
        if self.sources.len() == SOURCES {
            self.sources.remove(0);
        }
        self.sources.push((ssrc, window));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_come_round_are_counted_on() {
        let mut window = Window::default();
        for index in 65_000..140_000u64 {
            assert_eq!(window.index(index as u16, 0), index);
            assert!(window.is_new(index));
            window.note(index);
        }
        assert_eq!(window.rollover(), 2);
        let late = 140_000 - 50;
        assert_eq!(
            window.index(late as u16, 0),
            late,
            "one from before is itself, not one of the next round"
        );
    }

    #[test]
    fn nothing_comes_twice_and_nothing_comes_from_long_ago() {
        let mut window = Window::default();
        for index in [100, 101, 103, 230] {
            window.note(index);
        }
        for (index, new) in [(230, false), (103, false), (104, true), (102, false), (101, false), (231, true)]
        {
            assert_eq!(window.is_new(index), new, "{index}");
        }
        window.note(104);
        assert!(!window.is_new(104));
    }

    #[test]
    fn a_first_packet_out_of_order_does_not_fall_below_zero() {
        let mut window = Window::default();
        window.note(2);
        assert_eq!(window.index(65_535, 0), 65_535);
    }

    #[test]
    fn many_sources_cost_no_more_room() {
        let mut windows = Windows::new();
        for ssrc in 0..100 {
            let mut window = windows.of(ssrc);
            window.note(u64::from(ssrc));
            windows.keep(ssrc, window);
        }
        assert_eq!(windows.sources.len(), SOURCES);
        assert!(!windows.of(99).is_new(99) && windows.of(0).is_new(0));
    }
}
