//! Numbers, names and speech, wrapped so that they cannot reach a log by accident.

use std::fmt;

/// Something personal. `Debug` and `Display` print a mask; [`Private::reveal`] gives it to code that
/// stores it, dials it or shows it to the owner.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Private(value)
    }

    /// The value itself: never for a log line.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

impl<T> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_value_prints_masked_and_reveals_itself_only_on_request() {
        let number = Private::new("+13125550143");
        assert_eq!(format!("{number} {number:?}"), "••• •••");
        assert_eq!(*number.reveal(), "+13125550143");
    }
}
