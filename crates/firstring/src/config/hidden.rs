//! A desk behind a router that nobody told where it is reached from outside.
//!
//! Far ends outside would send their calls and their sound to an address that only neighbours reach. Whether that is so
//! is asked of this machine's routes; nothing is sent.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::{Advertise, Config, Finding};

/// What to write.
const REMEDY: &str = "write the public address into [sip] advertise, or a STUN server into [sip] stun";

/// Says that the desk is hidden, if it is and no registrar or STUN server will say where it is seen.
pub fn hidden(config: &Config) -> Option<Finding> {
    let told = config.sip.advertise != Advertise::Auto || config.sip.stun.is_some();
    if told || config.trunks.iter().any(|trunk| trunk.joining.is_some()) {
        return None;
    }
    let outside = |trunk: &&super::TrunkSettings| far_end(trunk).is_some();
    let trunk = config.trunks.iter().find(outside)?;
    let own = own_address(config, far_end(trunk)?)?;
    Some(Finding::weak("sip.advertise", sentence(own, &trunk.name), REMEDY))
}

/// The same in a sentence, for the log.
pub fn warning(finding: &Finding) -> String {
    format!("{}; {}", finding.says, finding.remedy)
}

fn sentence(own: IpAddr, trunk: &str) -> String {
    format!(
        "this desk is at {own} behind a router and nobody says where it is reached from outside, so callers over trunk {trunk:?} may hear nothing"
    )
}

/// A public address that a trunk's calls come from, if one is written.
fn far_end(trunk: &super::TrunkSettings) -> Option<IpAddr> {
    trunk.accept_from.iter().map(|range| range.addr()).find(|address| !sip::is_private(*address))
}

/// The address of ours that faces a far end, where it is one that only neighbours reach. A desk that is listened for on
/// this machine alone waits for nobody outside.
fn own_address(config: &Config, far_end: IpAddr) -> Option<IpAddr> {
    let mut listening = config.sip.listen.iter().map(|one| one.address.ip());
    let own = listening.find(|address| address.is_ipv4() == far_end.is_ipv4())?;
    let own = if own.is_unspecified() { facing(own, far_end)? } else { own };
    (sip::is_private(own) && !own.is_loopback()).then_some(own)
}

fn facing(any: IpAddr, far_end: IpAddr) -> Option<IpAddr> {
    let probe = UdpSocket::bind((any, 0)).ok()?;
    probe.connect(SocketAddr::new(far_end, 9)).ok()?;
    Some(probe.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sip: &str, trunk: &str) -> Option<String> {
        let text = format!(
            "[business]\nname = \"Rivera Plumbing\"\ntrade = \"plumbing\"\ntimezone = \"America/Chicago\"\n[sip]\n{sip}\n\
             [[trunk]]\nname = \"main\"\nchannels = 2\n{trunk}\n[[office]]\nname = \"main\"\nhours = \"24/7\"\n\
             [[line]]\nnumber = \"+13125550100\"\nplan = \"always\"\n[[assistant]]\nname = \"Robin\"\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(&file).unwrap_or_else(|refusals| panic!("{refusals}"));
        hidden(&config).map(|finding| warning(&finding))
    }

    #[test]
    fn a_desk_behind_a_router_that_nobody_told_its_address_is_told_what_to_write() {
        let listen = r#"listen = ["udp:192.168.1.5:5060"]"#;
        let carrier = r#"accept_from = ["198.51.100.9"]"#;
        assert_eq!(
            found(listen, carrier).as_deref(),
            Some(
                "this desk is at 192.168.1.5 behind a router and nobody says where it is reached from outside, so \
                 callers over trunk \"main\" may hear nothing; write the public address into [sip] advertise, or a \
                 STUN server into [sip] stun"
            )
        );
        let told = format!("{listen}\nadvertise = \"203.0.113.7\"");
        assert_eq!(found(&told, carrier), None, "its address is written");
        let asks = format!("{listen}\nstun = \"stun.example.com\"");
        assert_eq!(found(&asks, carrier), None, "it asks");
        assert_eq!(found(r#"listen = ["udp:203.0.113.5:5060"]"#, carrier), None, "it is no router's");
        assert_eq!(
            found(r#"listen = ["udp:127.0.0.1:5060"]"#, carrier),
            None,
            "it is for this machine alone"
        );
        assert_eq!(found(listen, r#"accept_from = ["192.168.1.9"]"#), None, "its trunk is a neighbour");
    }
}
