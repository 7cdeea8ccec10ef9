//! The kinds of calls that are measured.

use std::time::Duration;

use media::srtp::{Keys, MasterKey, Suite};
use media::{Codec, Connect, DigitTypes, Direction};

use crate::desk::HOME;

/// What happens on a leg, or on both legs of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A prompt is played; nobody listens.
    Plays,
    /// A prompt is played, and what comes in is listened to.
    Listens,
    /// Two legs hear each other.
    Bridges,
}

/// One kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub name: &'static str,
    pub what: What,
    /// Of the caller, and of the person where there is one.
    pub codecs: (Codec, Codec),
    pub encrypted: bool,
    /// Keys as events were not agreed, so they are looked for in the sound. Hardly any trunk is like that.
    pub keys_in_sound: bool,
}

const fn kind(name: &'static str, what: What, codecs: (Codec, Codec), encrypted: bool) -> Kind {
    Kind { name, what, codecs, encrypted, keys_in_sound: false }
}

const fn without_events(kind: Kind) -> Kind {
    Kind { keys_in_sound: true, ..kind }
}

const MU: Codec = Codec::Pcmu;
const WIDE: Codec = Codec::G722;
const OPUS: Codec = Codec::Opus;
const EVENTS: DigitTypes = DigitTypes { send: 101, receive: 101 };

impl Kind {
    pub const ALL: [Kind; 14] = [
        kind("plays-g711", What::Plays, (MU, MU), false),
        without_events(kind("keys-in-g711", What::Plays, (MU, MU), false)),
        kind("listens-g711", What::Listens, (MU, MU), false),
        kind("plays-srtp", What::Plays, (MU, MU), true),
        kind("plays-g722", What::Plays, (WIDE, WIDE), false),
        kind("listens-g722", What::Listens, (WIDE, WIDE), false),
        kind("plays-opus", What::Plays, (OPUS, OPUS), false),
        kind("listens-opus", What::Listens, (OPUS, OPUS), false),
        kind("bridges-g711", What::Bridges, (MU, MU), false),
        kind("bridges-srtp", What::Bridges, (MU, MU), true),
        kind("bridges-g722", What::Bridges, (WIDE, WIDE), false),
        kind("bridges-opus", What::Bridges, (OPUS, OPUS), false),
        kind("g711-to-g722", What::Bridges, (MU, WIDE), false),
        kind("g711-to-opus", What::Bridges, (MU, OPUS), false),
    ];

    pub fn named(name: &str) -> Kind {
        Kind::ALL.into_iter().find(|kind| kind.name == name).unwrap()
    }

    /// Of the leg of this number; legs of even and odd numbers are the two sides of a call.
    pub fn codec(self, leg: usize) -> Codec {
        if leg.is_multiple_of(2) { self.codecs.0 } else { self.codecs.1 }
    }

    /// What is sent comes out at the other side as it was, and may say when it was sent: a byte of it stands for a moment.
    pub fn carries_stamps(self) -> bool {
        self.what == What::Bridges && self.codecs.0 == self.codecs.1 && self.codecs.0 != OPUS
    }

    /// How a leg toward a phone at this port is connected.
    pub fn connect(self, leg: usize, port: u16) -> Connect {
        let codec = self.codec(leg);
        Connect {
            remote: (HOME, port).into(),
            remote_reports: None,
            reports_share_port: false,
            codec,
            payload_type: codec.payload_type(),
            receive_payload_type: codec.payload_type(),
            digits: (!self.keys_in_sound).then_some(EVENTS),
            packet_time: Duration::from_millis(20),
            keys: self.encrypted.then(|| Keys { ours: ours(), theirs: theirs() }),
            latch: Vec::new(),
            direction: Direction::SendReceive,
            is_another: false,
            greeting: None,
            filler: None,
        }
    }
}

fn key(byte: u8) -> MasterKey {
    let suite = Suite::AesCm128HmacSha1_80;
    MasterKey::new(suite, &vec![byte; suite.key_len()]).unwrap()
}

/// What every leg of the desk sends under.
pub fn ours() -> MasterKey {
    key(1)
}

/// What every phone sends under.
pub fn theirs() -> MasterKey {
    key(2)
}
