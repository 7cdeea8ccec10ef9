//! Kamailio between desks and telephones: every number is an account, over every transport and both families.

use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use super::carrier::{Carrier, modules};
use super::waiting::{free_port, wait_until};

const CONFIGURATION: &str = include_str!("../scripts/exchange.cfg");
/// The password of every account.
pub const PASSWORD: &str = "correct-horse";

/// How SIP travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
    Tls,
}

impl Over {
    /// As it is written in a URI.
    pub fn name(self) -> &'static str {
        match self {
            Over::Udp => "udp",
            Over::Tcp => "tcp",
            Over::Tls => "tls",
        }
    }
}

/// An address family of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Four,
    Six,
}

impl Family {
    /// This very machine, as it is written in a URI.
    pub fn loopback(self) -> &'static str {
        match self {
            Family::Four => "127.0.0.1",
            Family::Six => "[::1]",
        }
    }

    /// Whether this machine has it.
    pub fn is_here(self) -> bool {
        UdpSocket::bind(format!("{}:0", self.loopback())).is_ok()
    }
}

/// A running exchange. It ends when dropped.
pub struct Exchange {
    carrier: Carrier,
    /// Of datagrams and of bare connections.
    plain: u16,
    encrypted: u16,
}

impl Exchange {
    /// With telephones whose numbers fit this expression; it shows `host.pem` of its folder.
    pub fn open(folder: &Path, telephones: &str) -> Option<Exchange> {
        let modules = modules()?;
        if !Path::new(modules).join("tls.so").exists() {
            eprintln!("skipped: no kamailio with TLS; apt install kamailio-tls-modules");
            return None;
        }
        let (plain, encrypted) = (free_port(), free_port());
        let families = [Family::Four, Family::Six].into_iter().filter(|family| family.is_here());
        let listen: String = families
            .map(Family::loopback)
            .map(|at| {
                format!("listen=udp:{at}:{plain}\nlisten=tcp:{at}:{plain}\nlisten=tls:{at}:{encrypted}\n")
            })
            .collect();
        let shown = folder.display();
        // One process reads all connections. kamailio before 5.8 with OpenSSL 3: several share one state of errors, and two
        // handshakes that end early at once, as those of a desk that is killed, break its memory (kamailio issue 3695).
        let tls = format!(
            "enable_tls=yes\ntcp_children=1\n{listen}loadmodule \"{modules}tls.so\"\n\
             modparam(\"tls\", \"certificate\", \"{shown}/host.pem\")\nmodparam(\"tls\", \"private_key\", \"{shown}/host.key\")\n\
             modparam(\"tls\", \"tls_method\", \"TLSv1.2+\")"
        );
        let filled = CONFIGURATION.replace("LISTEN", &tls).replace("PHONES", telephones);
        Some(Exchange { carrier: Carrier::told_to(&filled, folder, modules), plain, encrypted })
    }

    /// Where it is reached like this.
    pub fn at(&self, over: Over, family: Family) -> String {
        let port = if over == Over::Tls { self.encrypted } else { self.plain };
        format!("{}:{port}", family.loopback())
    }

    /// Waits until a number is registered, and gives what is known of where.
    pub fn knows(&self, number: &str) -> String {
        wait_until(&format!("{number} is registered"), Duration::from_secs(60), || {
            self.carrier.told_of(number).filter(|told| told.contains("Address: "))
        })
    }

    /// From now on it leaves a codec out of what is offered inside calls.
    pub fn leaves_out(&self, codec: &str) {
        assert!(self.carrier.asked(&["pv.shvSet", "left_out", "str", codec]).is_some());
    }

    /// In how many places a number rings.
    pub fn places_of(&self, number: &str) -> usize {
        self.carrier.told_of(number).map_or(0, |told| told.matches("Address: ").count())
    }
}
