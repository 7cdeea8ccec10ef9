//! Where calls to people are sent.

use desk::business::Reach;

use super::{Config, Target, TrunkSettings, values};

/// Where a call to a person is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over the trunk, of which it takes a channel.
    Over(Target),
    /// To the host of the person's own SIP address.
    Straight(Target),
}

impl Config {
    /// Where a call to a person is sent. A SIP address is called at its own host, unless the trunk has a proxy, which
    /// every call goes through, or the address is one of the trunk's.
    pub fn way_to(&self, reach: &Reach) -> Option<Way> {
        let trunk = self.trunk(&reach.via)?;
        let address = host_of(&reach.to);
        let straight = address.filter(|host| trunk.outbound_proxy.is_none() && !serves(trunk, &host.host));
        straight.map(Way::Straight).or_else(|| trunk.target().cloned().map(Way::Over))
    }

    /// The SIP addresses that are called at their own host: whose each is, how it is written, and its host.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, &Reach, Target)> {
        let people = self.business.people.iter();
        let ways = people.flat_map(|(name, person)| person.reach.iter().map(move |reach| (name, reach)));
        ways.filter_map(|(name, reach)| match self.way_to(reach)? {
            Way::Straight(host) => Some((name.as_str(), reach, host)),
            Way::Over(_) => None,
        })
    }
}

/// The host of `sip:USER@HOST` or `sip:USER@HOST:PORT`; of anything else nothing.
fn host_of(to: &str) -> Option<Target> {
    let (_, host) = to.strip_prefix("sip:")?.split_once('@')?;
    values::target(host).ok()
}

/// True for hosts whose addresses are the trunk's own.
fn serves(trunk: &TrunkSettings, host: &str) -> bool {
    let joined = trunk.joining.as_ref();
    joined.is_some_and(|joining| joining.registrar.host == host || joining.domain == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How the one person is called who is reached like this, over a trunk with these keys.
    fn way(trunk: &str, to: &str) -> Option<String> {
        let text = format!(
            r#"
            [business]
            name = "Rivera Plumbing"
            trade = "plumbing"
            timezone = "America/Chicago"
            [[trunk]]
            name = "main"
            accept_from = ["192.0.2.10"]
            {trunk}
            [[assistant]]
            name = "Robin"
            [[line]]
            number = "(312) 555-0100"
            [[office]]
            name = "main"
            hours = "Mo-Fr 08:00-17:00"
            [[person]]
            name = "Dana"
            reach = [{{ to = "{to}" }}]
            "#
        );
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("password"), "correct horse").unwrap();
        let config = Config::from_text("desk", &text, directory.path()).unwrap();
        let way = config.way_to(&config.business.people["Dana"].reach[0])?;
        assert_eq!(config.addresses().count(), usize::from(matches!(way, Way::Straight(_))));
        Some(match way {
            Way::Over(target) => format!("over {target}"),
            Way::Straight(target) => format!("straight to {target}"),
        })
    }

    #[test]
    fn a_sip_address_is_called_at_its_own_host_unless_the_trunk_leads_there() {
        let registers = "register = true\nusername = \"rivera\"\npassword = \"file:password\"\n\
            registrar = \"sip.example.com:5080\"\ndomain = \"example.com\"";
        for (trunk, to, expected) in [
            ("", "sip:dana@192.0.2.20", Some("straight to 192.0.2.20")),
            ("", "sip:dana@pbx.example.com:5070", Some("straight to pbx.example.com:5070")),
            ("", "101", None),
            ("outbound_proxy = \"192.0.2.10\"", "sip:dana@192.0.2.20", Some("over 192.0.2.10")),
            ("outbound_proxy = \"192.0.2.10\"", "101", Some("over 192.0.2.10")),
            (registers, "101", Some("over sip.example.com:5080")),
            (registers, "sip:dana@example.com", Some("over sip.example.com:5080")),
            (registers, "sip:dana@192.0.2.20", Some("straight to 192.0.2.20")),
        ] {
            assert_eq!(way(trunk, to).as_deref(), expected, "{trunk} {to}");
        }
    }
}
