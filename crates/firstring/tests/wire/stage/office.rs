//! What a desk is told before it starts: the office it answers for, and the person its callers are put through to.

use std::sync::atomic::{AtomicU16, Ordering};

use super::LINE;
use super::waiting::free_port;

/// Where the person on call is reached, in an office with a phone number for that.
pub const PERSON: &str = "+13125550177";
/// Where a desk finds what the console asks for.
pub const TOKEN_IS_IN: &str = "FIRSTRING_STAGE_TOKEN";

/// RTP ports of an office in a slot.
const SLOT: u16 = 100;
const SLOTS: u16 = 64;
const FIRST_SLOT: u16 = 12_000;
static NEXT_SLOT: AtomicU16 = AtomicU16::new(0);
/// Above all slots, offices that need more ports stand one after the other.
static NEXT_WIDE: AtomicU16 = AtomicU16::new(20_000);

/// What differs from one desk to the next.
pub struct Office {
    pub greeting: &'static str,
    pub channels: u32,
    /// Where the person's phone stands.
    pub person: u16,
    /// The person's name.
    pub name: &'static str,
    /// How the person is reached, as the configuration says it.
    pub reach: String,
    /// How long the person's phone rings, as the configuration says it.
    pub rings_for: &'static str,
    /// RTP ports.
    pub ports: u16,
}

impl Default for Office {
    /// Four channels, and a person at an extension.
    fn default() -> Office {
        Office {
            greeting: "Rivera Plumbing. This is Robin, the automated assistant. How can I help?",
            channels: 4,
            person: free_port(),
            name: "Dana",
            reach: r#"{ to = "101" }"#.to_owned(),
            rings_for: "5s",
            ports: 200,
        }
    }
}

impl Office {
    /// Two channels, and a person with a cell phone.
    pub fn small() -> Office {
        Office {
            greeting: "This is Robin, the automated assistant. How can I help?",
            channels: 2,
            person: free_port(),
            name: "Marigold",
            reach: format!(r#"{{ to = "{PERSON}", accept = "pick-up" }}"#),
            rings_for: "10s",
            ports: SLOT,
        }
    }

    /// The configuration of a desk with these ports for SIP and the console.
    pub fn configuration(&self, sip: u16, web: u16) -> String {
        let Office { greeting, channels, person, name, reach, rings_for, ports } = self;
        let head = head(&format!("\"udp:127.0.0.1:{sip}\""), web, *ports);
        format!(
            r#"{head}[[trunk]]
name = "main"
accept_from = ["127.0.0.1"]
channels = {channels}
outbound_proxy = "127.0.0.1:{person}"
[[office]]
name = "main"
hours = "Mo-Fr 08:00-17:00; Sa 09:00-12:00"
calendar = "jobs"
[[person]]
name = "{name}"
reach = [{reach}]
[[rota]]
name = "on-call"
people = ["{name}"]
[[line]]
number = "{LINE}"
plan = "front-door"
[[assistant]]
name = "Robin"
greeting = "{greeting}"
[[calendar]]
name = "jobs"
kind = "local"
[[plan]]
name = "front-door"
[[plan.rule]]
when = "always"
steps = ["assistant", {{ ring = "on-call", for = "{rings_for}" }}, "message"]
"#
        )
    }
}

/// How the configuration of a desk begins that listens there, as it is listed, and has so many RTP ports.
pub fn head(listens: &str, web: u16, ports: u16) -> String {
    let first = first_of(ports);
    let last = first + ports - 1;
    format!(
        r#"
[business]
name = "Rivera Plumbing"
trade = "plumbing"
timezone = "America/Chicago"
[sip]
listen = [{listens}]
rtp_ports = "{first}-{last}"
[web]
listen = "127.0.0.1:{web}"
token = "env:{TOKEN_IS_IN}"
[data]
directory = "data"
"#
    )
}

/// The first of so many RTP ports that no other desk of this test file has.
fn first_of(ports: u16) -> u16 {
    if ports > SLOT {
        return NEXT_WIDE.fetch_add(ports, Ordering::Relaxed);
    }
    // Tests of several processes run beside each other.
    let nth = NEXT_SLOT.fetch_add(1, Ordering::Relaxed) + (std::process::id() % u32::from(SLOTS)) as u16;
    FIRST_SLOT + nth % SLOTS * SLOT
}
