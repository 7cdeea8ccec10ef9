//! Which calls are encrypted, which are refused, and that no call falls back. One exchange, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod switchroom;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use desk::machine::Moment;
use desk::number::Country;
use line::{Action, Encryption, Event, Exchange, Habits, Outbound, Setup, SoundEvent, SoundOrder, Trunk};
use sip::sdp::{self, Agreed, Capabilities, Codec, Direction, Keyring, Protection, Secrets, Suite};
use sip::{Invitation, LegId, Notice, Order, Path, Targets, Transport, Unanswered};
use switchroom::{LINE, business};

const SUITES: [Suite; 2] = [Suite::AesCm128HmacSha1_80, Suite::AeadAes128Gcm];

/// A desk whose line rings Dana, at a trunk that is reached by one path.
struct Switchroom {
    exchange: Exchange,
    transport: Transport,
    now: Moment,
    connected: Vec<Agreed>,
    changed: Vec<Agreed>,
    answers: Vec<String>,
    refused_offers: u32,
    refused: u32,
    because: Vec<String>,
    placed: Vec<sip::Call>,
    hung_up: u32,
}

fn path(transport: Transport) -> Path {
    Path { transport, ..Path::udp("192.0.2.1:5061".parse().unwrap(), "192.0.2.11:5061".parse().unwrap()) }
}

impl Switchroom {
    fn of(encryption: Encryption, transport: Transport) -> Switchroom {
        let paths = Targets::only(path(transport));
        let outbound = Outbound { paths, domain: "sip.example.com".to_string(), account: None };
        let habits = Habits { encryption, ..Habits::default() };
        let trunk = Trunk { outbound: Some(outbound), habits, ..Trunk::default() };
        let setup = Setup {
            business: Arc::new(business(&[LINE], "101", 2)),
            country: Country::US,
            trunks: BTreeMap::from([("main".to_string(), trunk)]),
            diaries: BTreeMap::new(),
            salt: 0,
            when_late: line::WhenLate::default(),
        };
        Switchroom {
            exchange: Exchange::new(setup),
            transport,
            now: Moment { mono: Duration::from_secs(1), wall: "2026-06-02T15:00:00Z".parse().unwrap() },
            connected: Vec::new(),
            changed: Vec::new(),
            answers: Vec::new(),
            refused_offers: 0,
            refused: 0,
            because: Vec::new(),
            placed: Vec::new(),
            hung_up: 0,
        }
    }

    fn tell(&mut self, event: Event) {
        self.exchange.handle(event, self.now);
        while let Some(action) = self.exchange.poll_action() {
            match action {
                Action::OpenSound { sound, .. } => {
                    let address = format!("192.0.2.1:{}", 20_000 + 2 * sound.0).parse().unwrap();
                    let secrets = Secrets::new([u8::try_from(sound.0).unwrap(); Secrets::LEN]);
                    self.tell(Event::SoundOpened { sound, address, secrets });
                }
                Action::Sound { order: SoundOrder::Connect { agreed, .. }, .. } => {
                    self.connected.push(*agreed)
                }
                Action::Sound { order: SoundOrder::Change(agreed), .. } => self.changed.push(*agreed),
                Action::Sound { sound, order: SoundOrder::Close } => {
                    let longest_silence = Duration::ZERO;
                    let event = SoundEvent::Closed { first_word: None, longest_silence, quality: None };
                    self.tell(Event::Sound { sound, event });
                }
                Action::Sip(Order::Answer { sdp, .. } | Order::AnswerOffer { sdp, .. }) => {
                    self.answers.push(sdp)
                }
                Action::Sip(Order::RefuseOffer { .. }) => self.refused_offers += 1,
                Action::Sip(Order::Refuse { .. }) => self.refused += 1,
                Action::Sip(Order::HangUp { .. }) => self.hung_up += 1,
                Action::Sip(Order::Call(call)) => self.placed.push(*call),
                Action::Refused(refusal) => {
                    assert_eq!((refusal.trunk.as_str(), refusal.status), ("main", 488));
                    self.because.push(refusal.because);
                }
                _ => {}
            }
        }
    }

    fn call(&mut self, offer: Option<String>) -> LegId {
        let leg = LegId(1);
        let invitation = invitation(leg, path(self.transport), offer);
        self.tell(Event::Sip(Notice::Invited(Box::new(invitation))));
        leg
    }

    /// A call whose answer is out and confirmed: the caller listens to a message's greeting.
    fn talk(&mut self, offer: String) -> LegId {
        let leg = self.call(Some(offer));
        let dana = self.placed.last().expect("Dana is rung").leg;
        let reason = String::new();
        let why = Unanswered::Busy;
        self.tell(Event::Sip(Notice::Refused { leg: dana, status: 486, reason, retry_after: None, why }));
        self.tell(Event::Sip(Notice::Confirmed { leg, sdp: None }));
        leg
    }

    fn offers(&mut self, leg: LegId, sdp: Option<String>) {
        self.tell(Event::Sip(Notice::Offered { leg, sdp }));
    }
}

/// What the other side can do: a key of this byte, or none.
fn theirs(key: Option<u8>) -> Capabilities {
    let keyring = |byte| Keyring { suites: SUITES.to_vec(), secrets: Secrets::new([byte; Secrets::LEN]) };
    Capabilities {
        codecs: vec![Codec::Pcmu],
        telephone_event: true,
        rtcp_mux: false,
        address: "192.0.2.11".parse().unwrap(),
        port: 30_000,
        session_id: 1,
        version: 1,
        ptime_ms: 20,
        protection: key.map_or(Protection::Off, |byte| Protection::Required(keyring(byte))),
    }
}

fn offer(key: Option<u8>) -> String {
    sdp::offer(&theirs(key), Direction::SendRecv)
}

fn invitation(leg: LegId, path: Path, offer: Option<String>) -> Invitation {
    Invitation { path, offer, ..switchroom::invitation(leg) }
}

fn preferred() -> Encryption {
    Encryption::Preferred(SUITES.to_vec())
}

fn required() -> Encryption {
    Encryption::Required(SUITES.to_vec())
}

#[test]
fn a_call_is_encrypted_where_trunk_and_signalling_allow_it_and_refused_where_they_do_not_fit() {
    use Transport::{Tcp, Tls, Udp};
    for (encryption, transport, key, taken) in [
        (Encryption::Off, Tls, None, true),
        (Encryption::Off, Tls, Some(9), false),
        (preferred(), Tls, None, true),
        (preferred(), Tls, Some(9), true),
        (preferred(), Udp, None, true),
        (preferred(), Tcp, Some(9), false),
        (required(), Tls, Some(9), true),
        (required(), Tls, None, false),
        (required(), Udp, Some(9), false),
        (required(), Udp, None, false),
    ] {
        let case = format!("{encryption:?} over {transport}, key {key:?}");
        let mut room = Switchroom::of(encryption, transport);
        room.call(Some(offer(key)));
        match taken {
            true => assert_eq!((room.refused, room.placed.len()), (0, 1), "{case}: {:?}", room.because),
            false => {
                assert_eq!((room.refused, room.because.len()), (1, 1), "{case}");
                assert!(room.placed.is_empty(), "{case}");
            }
        }
    }
}

#[test]
fn an_encrypted_call_has_a_key_of_its_own_for_each_leg() {
    let mut room = Switchroom::of(preferred(), Transport::Tls);
    room.talk(offer(Some(9)));
    let keys = room.connected[0].keys.as_ref().expect("the caller's leg is encrypted");
    assert_eq!(keys.theirs.bytes()[0], 9);
    let dana = &room.placed[0].sdp;
    let agreed = sdp::answer(dana, &theirs(Some(8)), Direction::SendRecv).unwrap();
    assert_ne!(agreed.keys.unwrap().theirs, keys.ours, "Dana's leg has another key than the caller's");
}

#[test]
fn an_encrypted_call_is_rekeyed_and_never_falls_back() {
    for encryption in [preferred(), required()] {
        let mut room = Switchroom::of(encryption, Transport::Tls);
        let leg = room.talk(offer(Some(9)));
        room.offers(leg, Some(offer(None)));
        assert_eq!((room.refused_offers, room.changed.len(), room.hung_up), (1, 0, 0));
        assert!(room.because[0].contains("the call goes on as it was"), "{}", room.because[0]);
        room.offers(leg, Some(offer(Some(5))));
        let keys = room.changed[0].keys.clone().unwrap();
        assert_eq!(keys.theirs.bytes()[0], 5, "their new key");
        assert_eq!(
            keys.ours,
            room.connected[0].keys.clone().unwrap().ours,
            "ours stays while its suite does"
        );
        room.offers(leg, None);
        assert!(room.answers.last().unwrap().contains("RTP/SAVP"), "an offer of ours gives nothing up");
    }
}

#[test]
fn a_call_in_the_clear_may_become_an_encrypted_one_and_then_stays_so() {
    let mut room = Switchroom::of(preferred(), Transport::Tls);
    let leg = room.talk(offer(None));
    assert!(room.connected[0].keys.is_none());
    room.offers(leg, None);
    assert!(
        room.answers.last().unwrap().contains("RTP/AVP"),
        "an offer of ours asks for no more than there is"
    );
    room.offers(leg, Some(offer(Some(5))));
    assert!(room.changed[0].keys.is_some());
    room.offers(leg, Some(offer(None)));
    assert_eq!(room.refused_offers, 1);
}

#[test]
fn nobody_takes_the_place_of_an_encrypted_leg_in_the_open() {
    for (over, key, taken) in [
        (Transport::Tls, Some(2), true),
        (Transport::Tls, None, false),
        (Transport::Udp, Some(2), false),
        (Transport::Udp, None, false),
    ] {
        let mut room = Switchroom::of(preferred(), Transport::Tls);
        let old = room.talk(offer(Some(1)));
        let answers = room.answers.len();
        let mut other = invitation(LegId(2), path(over), Some(offer(key)));
        other.replaces = Some(old);
        room.tell(Event::Sip(Notice::Invited(Box::new(other))));
        let got = (room.answers.len() - answers, room.refused, room.because.len());
        assert_eq!(got, if taken { (1, 0, 0) } else { (0, 1, 1) }, "{over:?} {key:?} {:?}", room.because);
    }
}

#[test]
fn a_call_without_an_offer_gets_one_it_can_take() {
    for (encryption, profile) in [(preferred(), "RTP/AVP"), (required(), "RTP/SAVP")] {
        let mut room = Switchroom::of(encryption, Transport::Tls);
        room.call(None);
        let dana = room.placed[0].leg;
        let (reason, why) = (String::new(), Unanswered::Busy);
        room.tell(Event::Sip(Notice::Refused { leg: dana, status: 486, reason, retry_after: None, why }));
        assert!(room.answers[0].contains(&format!("{profile} ")), "{}", room.answers[0]);
    }
}

#[test]
fn a_person_whose_phone_cannot_encrypt_is_called_again_without_where_that_is_allowed() {
    let refuse = |room: &mut Switchroom, status| {
        let leg = room.placed.last().unwrap().leg;
        let (reason, why) = (String::new(), Unanswered::Failed);
        room.tell(Event::Sip(Notice::Refused { leg, status, reason, retry_after: None, why }));
    };
    let mut room = Switchroom::of(preferred(), Transport::Tls);
    room.call(Some(offer(None)));
    assert!(room.placed[0].sdp.contains("RTP/SAVP"));
    refuse(&mut room, 488);
    assert!(room.placed[1].sdp.contains("RTP/AVP"), "a new call, in the clear");
    refuse(&mut room, 488);
    assert_eq!(room.placed.len(), 2, "and not a third one");

    let mut room = Switchroom::of(required(), Transport::Tls);
    room.call(Some(offer(Some(9))));
    assert!(room.placed[0].sdp.contains("RTP/SAVP"));
    refuse(&mut room, 488);
    assert_eq!(room.placed.len(), 1, "where sound has to be encrypted, nobody is called in the clear");
}
