//! What is kept of each call, leg or sound, by its identifier.
//!
//! A day has hundreds of identifiers that differ in their last signs only, and every order names one: hashed, they are
//! found at once. Invariant: whatever is gone through is gone through in the order of identifiers; the order of hashing is never seen.

#![expect(clippy::disallowed_types, reason = "its order is never seen")]

use std::collections::HashMap;
use std::hash::Hash;

use desk::record::CallId;
use foldhash::fast::FixedState;

/// Something by identifier.
#[derive(Clone, Debug)]
pub(crate) struct Hashed<K, T>(HashMap<K, T, FixedState>);

/// Calls that something is true of.
pub(crate) type Calls = Hashed<CallId, ()>;

impl<K, T> Default for Hashed<K, T> {
    fn default() -> Self {
        Hashed(HashMap::default())
    }
}

impl<K: Hash + Ord, T> Hashed<K, T> {
    pub fn insert(&mut self, of: K, it: T) {
        self.0.insert(of, it);
    }

    pub fn get(&self, of: &K) -> Option<&T> {
        self.0.get(of)
    }

    pub fn get_mut(&mut self, of: &K) -> Option<&mut T> {
        self.0.get_mut(of)
    }

    /// What is kept of this one, made first if nothing is.
    pub fn get_or_insert_with(&mut self, of: K, make: impl FnOnce() -> T) -> &mut T {
        self.0.entry(of).or_insert_with(make)
    }

    pub fn contains_key(&self, of: &K) -> bool {
        self.0.contains_key(of)
    }

    pub fn remove(&mut self, of: &K) -> Option<T> {
        self.0.remove(of)
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Everything, in the order of identifiers.
    pub fn in_order(&self) -> impl Iterator<Item = (&K, &T)> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_unstable_by_key(|(of, _)| *of);
        all.into_iter()
    }

    /// Everything, to be changed, in the order of identifiers.
    pub fn in_order_mut(&mut self) -> impl Iterator<Item = (&K, &mut T)> {
        let mut all: Vec<_> = self.0.iter_mut().collect();
        all.sort_unstable_by_key(|(of, _)| *of);
        all.into_iter()
    }
}

impl Calls {
    /// It is true of this call from now on.
    pub fn note(&mut self, call: &CallId) {
        if !self.hold(call) {
            self.insert(call.clone(), ());
        }
    }

    /// Whether it is true of this call.
    pub fn hold(&self, call: &CallId) -> bool {
        self.contains_key(call)
    }
}
