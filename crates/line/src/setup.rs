//! What the exchange knows before the first call: the business, its trunks and its diaries.

use std::collections::BTreeMap;
use std::sync::Arc;

use desk::booking::Diary;
use desk::business::Business;
use desk::number::{Country, E164};

/// Everything given at start.
#[derive(Debug)]
pub struct Setup {
    /// The desk's own words for what the owner has.
    pub business: Arc<Business>,
    /// How a dialled number without + is read.
    pub country: Country,
    /// By name; the user agent's peers have the same names.
    pub trunks: BTreeMap<String, Trunk>,
    /// By calendar, holding every live booking.
    pub diaries: BTreeMap<String, Diary>,
    /// Told apart in call ids where several processes write to one store.
    pub salt: u64,
}

/// One trunk, as far as calls are placed over it.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Where calls to people are sent; `None`: this trunk only brings calls in.
    pub outbound: Option<Outbound>,
}

/// Where and how calls are placed.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// From our socket to the trunk's.
    pub path: sip::Path,
    /// The host part of whom we call.
    pub domain: String,
    /// The name of the user agent's account, if the trunk asks for a password.
    pub account: Option<Arc<str>>,
}

impl Setup {
    /// The number that was dialled, if it is one of the business's lines on this trunk.
    pub(crate) fn line_dialled(&self, user: &str, trunk: &str) -> Option<E164> {
        let number = E164::parse(user, self.country).ok()?;
        self.business.lines.get(&number).filter(|line| line.trunk == trunk)?;
        Some(number)
    }
}
