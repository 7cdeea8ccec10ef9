//! What is kept of each call, by its identifier.
//!
//! A day has hundreds of identifiers that differ in their last signs only, and every order names one: hashed, they are
//! found at once. Invariant: nothing here can be gone through, so the order of hashing, which differs from run to run, is never seen.

#![expect(clippy::disallowed_types, reason = "its order is never seen")]

use std::collections::HashMap;

use desk::record::CallId;

/// Something of each call.
#[derive(Clone, Debug)]
pub(crate) struct ByCall<T>(HashMap<CallId, T>);

/// Calls that something is true of.
pub(crate) type Calls = ByCall<()>;

impl<T> Default for ByCall<T> {
    fn default() -> Self {
        ByCall(HashMap::new())
    }
}

impl<T> ByCall<T> {
    pub fn set(&mut self, call: &CallId, of_it: T) {
        self.0.insert(call.clone(), of_it);
    }

    pub fn get(&self, call: &CallId) -> Option<&T> {
        self.0.get(call)
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl Calls {
    /// It is true of this call from now on.
    pub fn note(&mut self, call: &CallId) {
        self.set(call, ());
    }

    /// Whether it is true of this call.
    pub fn hold(&self, call: &CallId) -> bool {
        self.get(call).is_some()
    }
}
