//! Callers who wait for somebody to be free, in the order they came, and who of them is next.
//!
//! Who talks or is being rung is known to whoever asks; here it is known who waits, for whom, and which people rest because
//! they have just let their phone ring. What callers hear meanwhile is decided in [`call`](crate::call).
//!
//! Invariants: a call waits in one place at most and keeps it while a person is rung for it; nobody is offered to two
//! callers at once.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::business::{Business, Whom};
use crate::machine::Moment;
use crate::record::CallId;

/// Who did not take a call from a queue is left alone for so long, so that their phone does not ring without end.
pub const REST: Duration = Duration::from_secs(30);

/// Everybody who waits on this node.
#[derive(Debug, Default)]
pub struct Queues {
    /// In the order they came.
    places: Vec<Place>,
    /// Until when, on the monotonic clock, by person.
    resting: BTreeMap<String, Duration>,
}

#[derive(Debug)]
struct Place {
    call: CallId,
    whom: Whom,
    /// The person who is being rung for this caller.
    offered: Option<String>,
    /// How many stood before this caller when that was told last.
    told: Option<usize>,
}

impl Queues {
    /// Puts a call at the end of those who wait. One that waits already keeps its place and is ready for the next person;
    /// whoever was offered to it and did not take it rests.
    pub fn wait(&mut self, call: &CallId, whom: Whom, now: Moment) {
        match self.places.iter_mut().find(|place| place.call == *call) {
            Some(place) => {
                let person = place.offered.take();
                self.resting.extend(person.map(|person| (person, now.mono + REST)));
            }
            None => self.places.push(Place { call: call.clone(), whom, offered: None, told: None }),
        }
    }

    /// A call waits no more.
    pub fn leave(&mut self, call: &CallId) {
        self.places.retain(|place| place.call != *call);
    }

    /// The first caller for whom somebody is free, and who; it is theirs until they wait again or leave. To be called until it
    /// gives nothing.
    pub fn offer(
        &mut self,
        business: &Business,
        now: Moment,
        is_engaged: impl Fn(&str) -> bool,
    ) -> Option<(CallId, String)> {
        self.resting.retain(|_, until| *until > now.mono);
        let is_free = |person: &&str| {
            let is_offered = |place: &Place| place.offered.as_deref() == Some(*person);
            !self.resting.contains_key(*person) && !self.places.iter().any(is_offered) && !is_engaged(person)
        };
        let (at, person) =
            self.places.iter().enumerate().filter(|(_, place)| place.offered.is_none()).find_map(
                |(at, place)| {
                    let people = business.people_of(&place.whom, now.wall);
                    Some((at, people.into_iter().find(is_free)?.to_string()))
                },
            )?;
        self.places[at].offered = Some(person.clone());
        Some((self.places[at].call.clone(), person))
    }

    /// A caller who stands elsewhere than they were told, and how many wait for the same people before them. To be called until
    /// it gives nothing.
    pub fn news(&mut self) -> Option<(CallId, usize)> {
        let at = (0..self.places.len()).find(|at| {
            let place = &self.places[*at];
            place.offered.is_none() && place.told != Some(self.before(*at))
        })?;
        let ahead = self.before(at);
        self.places[at].told = Some(ahead);
        Some((self.places[at].call.clone(), ahead))
    }

    fn before(&self, at: usize) -> usize {
        self.places[..at].iter().filter(|place| place.whom == self.places[at].whom).count()
    }

    /// When somebody may be rung again, while anybody waits.
    pub fn poll_deadline(&self) -> Option<Duration> {
        if self.places.is_empty() { None } else { self.resting.values().min().copied() }
    }

    /// True if nobody waits.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::business::{Accept, Keeping, Kept, Person, Reach};

    struct Office {
        business: Business,
        queues: Queues,
        engaged: BTreeSet<&'static str>,
        now: Moment,
    }

    impl Office {
        fn of(people: &[&str]) -> Office {
            let reach = |name: &str| Reach { to: name.into(), via: "main".into(), accept: Accept::PickUp };
            let person =
                |name: &&str| (name.to_string(), Person { office: "main".into(), reach: vec![reach(name)] });
            let business = Business {
                name: "Rivera Plumbing".into(),
                zone: jiff::tz::TimeZone::UTC,
                offices: BTreeMap::new(),
                people: people.iter().map(person).collect(),
                rotas: BTreeMap::new(),
                lines: BTreeMap::new(),
                plans: BTreeMap::new(),
                callers: BTreeMap::new(),
                targets: BTreeMap::new(),
                assistants: BTreeMap::new(),
                channels: BTreeMap::new(),
                hand_over: Default::default(),
                keeping: Keeping { transcripts: Kept::Never, calls: Kept::Never, bridged: Kept::Never },
            };
            let now = Moment { mono: Duration::ZERO, wall: jiff::Timestamp::UNIX_EPOCH };
            Office { business, queues: Queues::default(), engaged: BTreeSet::new(), now }
        }

        fn waits(&mut self, call: &str) {
            self.queues.wait(&CallId(call.into()), Whom::Office("main".into()), self.now);
        }

        fn leaves(&mut self, call: &str) {
            self.queues.leave(&CallId(call.into()));
        }

        fn offers(&mut self) -> Vec<(String, String)> {
            let Office { business, queues, engaged, now } = self;
            std::iter::from_fn(|| queues.offer(business, *now, |person| engaged.contains(person)))
                .map(|(call, person)| (call.to_string(), person))
                .collect()
        }

        fn news(&mut self) -> Vec<(String, usize)> {
            std::iter::from_fn(|| self.queues.news()).map(|(call, ahead)| (call.to_string(), ahead)).collect()
        }
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(call, person)| (call.to_string(), person.to_string())).collect()
    }

    #[test]
    fn whoever_waits_longest_gets_the_first_person_who_is_free() {
        let mut office = Office::of(&["Dana", "Lee"]);
        office.engaged = BTreeSet::from(["Dana", "Lee"]);
        ["a", "b", "c"].into_iter().for_each(|call| office.waits(call));
        assert_eq!(office.offers(), []);
        office.engaged.remove("Lee");
        assert_eq!(office.offers(), pairs(&[("a", "Lee")]));
        office.engaged.remove("Dana");
        assert_eq!(office.offers(), pairs(&[("b", "Dana")]), "and nobody is offered twice");
    }

    #[test]
    fn who_let_the_phone_ring_rests_and_the_caller_keeps_the_place() {
        let mut office = Office::of(&["Dana"]);
        ["a", "b"].into_iter().for_each(|call| office.waits(call));
        assert_eq!(office.offers(), pairs(&[("a", "Dana")]));
        office.waits("a");
        assert_eq!(office.offers(), []);
        assert_eq!(office.queues.poll_deadline(), Some(REST));
        office.now = office.now.after(REST);
        assert_eq!(office.offers(), pairs(&[("a", "Dana")]));
        assert_eq!(office.queues.poll_deadline(), None, "a rest that is over wakes nobody");
    }

    #[test]
    fn callers_hear_where_they_stand_and_each_change_once() {
        let mut office = Office::of(&["Dana"]);
        office.engaged = BTreeSet::from(["Dana"]);
        ["a", "b", "c"].into_iter().for_each(|call| office.waits(call));
        let told =
            |of: &[(&str, usize)]| of.iter().map(|(call, n)| (call.to_string(), *n)).collect::<Vec<_>>();
        assert_eq!(office.news(), told(&[("a", 0), ("b", 1), ("c", 2)]));
        assert_eq!(office.news(), []);
        office.leaves("b");
        assert_eq!(office.news(), told(&[("c", 1)]));
    }

    #[test]
    fn queues_for_other_people_do_not_hold_each_other_up() {
        let mut office = Office::of(&["Dana", "Lee"]);
        office.engaged = BTreeSet::from(["Dana"]);
        let now = office.now;
        office.queues.wait(&CallId("a".into()), Whom::Person("Dana".into()), now);
        office.queues.wait(&CallId("b".into()), Whom::Person("Lee".into()), now);
        assert_eq!(office.offers(), pairs(&[("b", "Lee")]));
        assert_eq!(office.news(), [("a".to_string(), 0)]);
    }

    #[test]
    fn when_nobody_waits_nothing_is_due() {
        let mut office = Office::of(&["Dana"]);
        office.waits("a");
        office.offers();
        office.waits("a");
        office.leaves("a");
        assert!(office.queues.is_empty());
        assert_eq!(office.queues.poll_deadline(), None);
    }
}
