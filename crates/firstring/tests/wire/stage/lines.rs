//! Lines of a desk at an exchange: each has a trunk of its own, which registers under the number of the line.

use std::fmt::Write as _;
use std::fs;

use super::certificates::Authority;
use super::exchange::{Exchange, Family, Over, PASSWORD};
use super::office::{self, Office};
use super::place::Place;
use super::waiting::free_port;

/// The numbers of all telephones, for the exchange.
const TELEPHONES: &str = "^[+]131255501[56]";
/// RTP ports for what happens on one line: three legs, each with reports.
const PORTS: u16 = 25;

/// One of the lines.
pub struct Line {
    /// Of its trunk and of its plan.
    pub name: String,
    pub number: String,
    pub over: Over,
    pub family: Family,
    /// What the trunk says of encryption, as the configuration says it.
    pub media: &'static str,
    /// Who is reached over it: a name, a number, and what counts as an answer.
    pub people: Vec<(String, String, &'static str)>,
    /// Of its plan, as the configuration says them.
    pub steps: String,
}

/// An exchange, and a place whose desk has these lines there; `authority.pem` lies in its folder. Nothing without kamailio.
pub fn at_an_exchange(lines: &[Line]) -> Option<(Place, Exchange)> {
    let place = Place::new();
    let folder = place.folder();
    Authority::founded(folder, "authority").issues("host", "DNS:localhost,IP:127.0.0.1,IP:::1");
    let exchange = Exchange::open(folder, TELEPHONES)?;
    fs::write(folder.join("password"), PASSWORD).unwrap();
    let ports = PORTS * lines.len().max(4) as u16;
    let mut text = office::head(&listens(place.sip), place.web, ports);
    let _ = write!(
        text,
        r#"
[sip.tls]
certificate = "host.pem"
key = "host.key"
[[office]]
name = "main"
hours = "Mo-Fr 08:00-17:00"
[[assistant]]
name = "Robin"
greeting = "{greeting}"
"#,
        greeting = Office::small().greeting,
    );
    text.extend(lines.iter().map(|line| line.configuration(&exchange)));
    place.is_told(&text);
    place.takes_all();
    place.bring_prompts();
    Some((place, exchange))
}

/// Over every transport and both families, as the configuration lists them.
fn listens(port: u16) -> String {
    let tls = free_port();
    let at = |over: Over| {
        let port = if over == Over::Tls { tls } else { port };
        let families = [Family::Four, Family::Six].into_iter().filter(|family| family.is_here());
        families.map(move |family| format!("\"{}:{}:{port}\"", over.name(), family.loopback()))
    };
    [Over::Udp, Over::Tcp, Over::Tls].into_iter().flat_map(at).collect::<Vec<_>>().join(", ")
}

impl Line {
    fn configuration(&self, exchange: &Exchange) -> String {
        let Line { name, number, media, steps, .. } = self;
        let trust = if self.over == Over::Tls { "trust = \"authority.pem\"\n" } else { "" };
        let (over, registrar) = (self.over.name(), exchange.at(self.over, self.family));
        let mut text = format!(
            r#"
[[trunk]]
name = "{name}"
register = true
username = "{number}"
password = "file:password"
transport = "{over}"
media = "{media}"
{trust}registrar = "{registrar}"
domain = "example.com"
[[line]]
number = "{number}"
trunk = "{name}"
plan = "{name}"
[[plan]]
name = "{name}"
[[plan.rule]]
when = "always"
steps = [{steps}]
"#
        );
        for (person, to, accept) in &self.people {
            let _ = write!(
                text,
                r#"
[[person]]
name = "{person}"
reach = [{{ to = "{to}", via = "{name}", accept = "{accept}" }}]
"#
            );
        }
        text
    }
}
