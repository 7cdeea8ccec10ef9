//! Two agents call each other through a network that loses, doubles and reorders.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sip::{Action, Agent, Call, Event, Identity, LegId, Notice, Order, Path, Peer, Refusal, Setup};

use crate::stage::{ANSWER, OFFER, address};

const SIDES: [&str; 2] = ["192.0.2.1:5060", "192.0.2.2:5060"];

/// A small generator for the tests: xorshift64*.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

enum Due {
    Packet { side: usize, from: SocketAddr, bytes: Vec<u8> },
    Order { side: usize, order: Order },
}

/// How a network treats packets, in percent.
struct Weather {
    lost: u64,
    doubled: u64,
    late: u64,
}

struct World {
    agents: [Agent; 2],
    queue: BTreeMap<(Duration, u64), Due>,
    count: u64,
    chance: Chance,
    weather: Weather,
    ends: [BTreeMap<LegId, Vec<String>>; 2],
    released: [BTreeMap<LegId, u32>; 2],
    placed: u64,
    answered: u64,
}

impl World {
    fn new(seed: u64, weather: Weather) -> World {
        let agent = |side: usize| {
            let far = address(SIDES[1 - side]).ip();
            let peer = Peer { name: "far".into(), accept_from: vec![far.into()], accept_domains: Vec::new() };
            Agent::new(Setup { peers: vec![peer], ..Setup::default() }, [seed, side as u64])
        };
        World {
            agents: [agent(0), agent(1)],
            queue: BTreeMap::new(),
            count: 0,
            chance: Chance(seed * 2 + 1),
            weather,
            ends: Default::default(),
            released: Default::default(),
            placed: 0,
            answered: 0,
        }
    }

    fn at(&mut self, at: Duration, due: Due) {
        self.count += 1;
        self.queue.insert((at, self.count), due);
    }

    fn travel(&mut self, now: Duration, from: usize, path: Path, bytes: Vec<u8>) {
        let side = 1 - from;
        assert_eq!(path.remote, address(SIDES[side]));
        let copies = if self.chance.below(100) < self.weather.doubled { 2 } else { 1 };
        for _ in 0..copies {
            if self.chance.below(100) < self.weather.lost {
                continue;
            }
            let late = if self.chance.below(100) < self.weather.late { 3_000 } else { 60 };
            let after = Duration::from_millis(5 + self.chance.below(late));
            self.at(now + after, Due::Packet { side, from: address(SIDES[from]), bytes: bytes.clone() });
        }
    }

    fn soon(&mut self, now: Duration, side: usize, within_ms: u64, order: Order) {
        let after = Duration::from_millis(self.chance.below(within_ms));
        self.at(now + after, Due::Order { side, order });
    }

    fn place(&mut self, now: Duration, side: usize) {
        self.placed += 1;
        let leg = LegId::placed(self.placed);
        let call = Call {
            leg,
            target: format!("sip:{}@{}", self.placed, SIDES[1 - side]).parse().expect("a URI"),
            path: Path::udp(address(SIDES[side]), address(SIDES[1 - side])),
            from: Identity::default(),
            extra: Vec::new(),
            sdp: OFFER.into(),
            ring_for: Duration::from_secs(4 + self.chance.below(20)),
        };
        self.at(now, Due::Order { side, order: Order::Call(Box::new(call)) });
        if self.chance.below(4) == 0 {
            self.soon(now, side, 4_000, Order::Cancel { leg });
        }
        if self.chance.below(10) == 0 {
            self.soon(now, side, 9_000, Order::HangUp { leg, reason: "changed my mind".into() });
        }
    }

    /// What a caller or a desk does about a notice: by chance anything that it may do.
    fn react(&mut self, now: Duration, side: usize, notice: Notice) {
        let Some(leg) = notice.leg() else { return };
        assert!(!self.released[side].contains_key(&leg), "nothing comes after the release: {notice:?}");
        if notice.is_ending() {
            self.ends[side].entry(leg).or_default().push(format!("{notice:?}"));
        }
        match notice {
            Notice::Invited(_) => {
                if self.chance.below(2) == 0 {
                    self.soon(now, side, 300, Order::Ring { leg });
                }
                match self.chance.below(5) {
                    0 => self.soon(now, side, 3_000, Order::Refuse { leg, refusal: Refusal::Busy }),
                    1 => self.soon(now, side, 15_000, Order::Answer { leg, sdp: ANSWER.into() }),
                    _ => self.soon(now, side, 200, Order::Answer { leg, sdp: ANSWER.into() }),
                }
            }
            Notice::Answered { .. } | Notice::Confirmed { .. } => {
                self.answered += 1;
                if self.chance.below(3) == 0 {
                    self.soon(now, side, 5_000, Order::Offer { leg, sdp: OFFER.into() });
                }
                self.soon(now, side, 30_000, Order::HangUp { leg, reason: "bye".into() });
            }
            Notice::Offered { .. } => {
                let refused = self.chance.below(4) == 0;
                let order = if refused {
                    Order::RefuseOffer { leg }
                } else {
                    Order::AnswerOffer { leg, sdp: ANSWER.into() }
                };
                self.soon(now, side, 400, order);
            }
            Notice::Released { .. } => {
                *self.released[side].entry(leg).or_default() += 1;
            }
            _ => {}
        }
    }

    fn drain(&mut self, now: Duration, side: usize) {
        while let Some(action) = self.agents[side].poll_action() {
            match action {
                Action::Send { path, bytes } => self.travel(now, side, path, bytes),
                Action::Tell(notice) => self.react(now, side, notice),
            }
        }
    }

    /// Runs until nothing is left to happen.
    fn run(&mut self) {
        loop {
            let timer = (0..2).filter_map(|side| Some((self.agents[side].poll_deadline()?.at, side))).min();
            let due = self.queue.first_key_value().map(|((at, _), _)| *at);
            match (due, timer) {
                (Some(at), timer) if timer.is_none_or(|(timer, _)| at <= timer) => {
                    let (_, due) = self.queue.pop_first().expect("it was seen");
                    let (side, event) = match due {
                        Due::Packet { side, from, bytes } => {
                            (side, Event::Received { path: Path::udp(address(SIDES[side]), from), bytes })
                        }
                        Due::Order { side, order } => (side, Event::Order(order)),
                    };
                    self.agents[side].handle(event, at);
                    self.drain(at, side);
                }
                (_, Some((at, side))) => {
                    self.agents[side].handle_deadline(at);
                    self.drain(at, side);
                }
                (_, None) => return,
            }
        }
    }
}

fn calls_all_end(seed: u64, calls: u64, weather: Weather) {
    let mut world = World::new(seed, weather);
    for number in 0..calls {
        world.place(Duration::from_millis(number * 40), (number % 2) as usize);
    }
    world.run();
    assert!(world.answered > calls / 2, "seed {seed}: only {} notices of an answer", world.answered);
    for side in 0..2 {
        assert!(world.agents[side].is_over(), "seed {seed}");
        assert_eq!(world.agents[side].counts(), Default::default(), "seed {seed}");
        for (leg, ends) in &world.ends[side] {
            assert_eq!(ends.len(), 1, "seed {seed}, {leg}: {ends:?}");
        }
        let (ended, released): (Vec<_>, Vec<_>) =
            (world.ends[side].keys().collect(), world.released[side].keys().collect());
        assert_eq!(ended, released, "seed {seed}: who ended was released and the other way round");
        assert!(world.released[side].values().all(|times| *times == 1), "seed {seed}");
    }
    let placed: usize = world.ends.iter().flat_map(|ends| ends.keys()).filter(|leg| leg.is_placed()).count();
    assert_eq!(placed as u64, calls, "seed {seed}: every call has its end");
}

#[test]
fn three_hundred_calls_end_once_each_on_a_good_network() {
    calls_all_end(1, 300, Weather { lost: 0, doubled: 0, late: 0 });
}

#[test]
fn three_hundred_calls_end_once_each_on_a_bad_network() {
    for seed in 2..6 {
        calls_all_end(seed, 300, Weather { lost: 15, doubled: 10, late: 10 });
    }
}

#[test]
fn calls_end_once_each_on_a_hopeless_network() {
    for seed in 6..8 {
        calls_all_end(seed, 100, Weather { lost: 45, doubled: 20, late: 30 });
    }
}
