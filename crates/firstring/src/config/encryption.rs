//! Which certificates are shown, and whose are believed, on connections by TLS. The files are read by the shell
//! ([`tls`](crate::shell::tls)).

use std::path::PathBuf;

use sip::Transport;
use sip::sdp::Suite;

use super::document::At;
use super::file::{MediaForm, TrunkForm};
use super::meaning::Reading;
use super::values::Listen;

/// The files of a certificate and of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PEM, the certificate first, then its chain.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// Whom we believe to be a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whoever has a certificate for its host from an authority this machine trusts.
    Public,
    /// The same, from the authority in this file.
    Authority(PathBuf),
    /// Whoever has the one certificate with this SHA-256 fingerprint.
    Pin([u8; 32]),
}

/// How connections to a trunk are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// Whom we believe.
    pub trust: Trust,
    /// What we show, if we are asked to.
    pub shown: Option<Identity>,
}

/// What is shown to whoever connects.
pub(super) fn own(listen: &[Listen], reading: &mut Reading<'_>) -> Option<Identity> {
    let (tls, at) = (&reading.file.sip.tls, At::top().key("sip"));
    let pair = pair(&tls.certificate, &tls.key, ("certificate", "key"), &at.key("tls"), reading);
    if pair.is_none() && listen.iter().any(|one| one.transport == Transport::Tls) {
        let says = "tls: needs a certificate to show; add [sip.tls] with certificate = \"desk.pem\" and key = \"desk.key\"";
        reading.refuse(&at.key("listen"), says.to_string());
    }
    pair
}

/// How connections to a trunk are encrypted, if they are.
pub(super) fn toward(form: &TrunkForm, at: &At, reading: &mut Reading<'_>) -> Option<Encryption> {
    if sip::Transport::from(form.transport) != Transport::Tls {
        let keys = [
            ("trust", &form.trust),
            ("client_certificate", &form.client_certificate),
            ("client_key", &form.client_key),
        ];
        for (key, _) in keys.into_iter().filter(|(_, given)| given.is_some()) {
            let says = "this is only used over TLS; add transport = \"tls\", or leave it out";
            reading.refuse(&at.key(key), says.to_string());
        }
        return None;
    }
    let shown =
        pair(&form.client_certificate, &form.client_key, ("client_certificate", "client_key"), at, reading);
    let trust = match form.trust.as_deref() {
        None | Some("public") => Trust::Public,
        Some(text) => match text.strip_prefix("sha256:") {
            Some(pin) => Trust::Pin(reading.taken(fingerprint(pin), &at.key("trust"))?),
            None => Trust::Authority(reading.beside(text)),
        },
    };
    Some(Encryption { trust, shown })
}

/// In the order that calls to people offer them. GCM is last, because phones that do not know it may stop reading there;
/// no carrier of ours is known to want it first.
const SUITES: [Suite; 3] = [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32, Suite::AeadAes128Gcm];

/// Whether sound is encrypted. Its keys stand in the signalling, which has to be encrypted for that.
pub(super) fn of_sound(form: &TrunkForm, at: &At, reading: &mut Reading<'_>) -> line::Encryption {
    let encryption = match form.media {
        MediaForm::Off => return line::Encryption::Off,
        MediaForm::Preferred => line::Encryption::Preferred(SUITES.to_vec()),
        MediaForm::Required => line::Encryption::Required(SUITES.to_vec()),
    };
    if sip::Transport::from(form.transport) != Transport::Tls {
        let says = "the keys of encrypted sound stand in the signalling, where anybody on the way could read them without TLS; \
                    add transport = \"tls\", or write media = \"off\"";
        reading.refuse(&at.key("media"), says.to_string());
    }
    encryption
}

/// Whom a trunk knows by a certificate can connect, and can be believed.
pub(super) fn by_certificate(form: &TrunkForm, domains: &[String], at: &At, reading: &mut Reading<'_>) {
    let Some(domain) = domains.first() else { return };
    let at = at.key("accept_from");
    if Transport::from(form.transport) != Transport::Tls {
        let says = format!("who has the certificate of {domain} is proved over TLS; add transport = \"tls\"");
        reading.refuse(&at, says);
    }
    if !reading.file.sip.listen.iter().any(|listen| listen.starts_with("tls:")) {
        let says =
            format!("nobody can show the certificate of {domain}; add \"tls:0.0.0.0:5061\" to [sip] listen");
        reading.refuse(&at, says);
    }
}

fn pair(
    certificate: &Option<String>,
    key: &Option<String>,
    names: (&str, &str),
    at: &At,
    reading: &mut Reading<'_>,
) -> Option<Identity> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            Some(Identity { certificate: reading.beside(certificate), key: reading.beside(key) })
        }
        (None, None) => None,
        (Some(_), None) => {
            reading.refuse(
                &at.key(names.0),
                format!("a certificate is of no use without its key; add {}", names.1),
            );
            None
        }
        (None, Some(_)) => {
            reading.refuse(
                &at.key(names.1),
                format!("a key is of no use without its certificate; add {}", names.0),
            );
            None
        }
    }
}

/// 64 hexadecimal digits, with colons or without, as `openssl x509 -fingerprint -sha256` prints them.
fn fingerprint(text: &str) -> Result<[u8; 32], String> {
    let wrong = || {
        format!(
            "\"sha256:{text}\" is no fingerprint; write sha256: and 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` prints them"
        )
    };
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    if digits.len() != 64 {
        return Err(wrong());
    }
    let mut print = [0; 32];
    for (byte, pair) in print.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'));
        *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(wrong)?;
    }
    Ok(print)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_trunk_known_by_a_certificate_needs_tls_on_both_sides() {
        let refused = |listen: &str, transport: &str| {
            let text = format!(
                r#"
                [business]
                name = "Rivera Plumbing"
                trade = "plumbing"
                timezone = "America/Chicago"
                [sip]
                listen = ["{listen}"]
                tls = {{ certificate = "desk.pem", key = "desk.key" }}
                [[trunk]]
                name = "main"
                accept_from = ["tls:SIP.Carrier.example"]
                transport = "{transport}"
                [[assistant]]
                name = "Robin"
                [[line]]
                number = "(312) 555-0100"
                [[office]]
                name = "main"
                hours = "Mo-Fr 08:00-17:00"
                "#
            );
            let read = Config::from_text("desk", &text, Path::new("/nonexistent"));
            read.map(|config| config.trunks[0].accept_certificates.clone())
                .map_err(|refusals| refusals.to_string())
        };
        assert_eq!(refused("tls:0.0.0.0:5061", "tls"), Ok(vec!["sip.carrier.example".to_owned()]));
        for (listen, transport, says) in [
            ("tls:0.0.0.0:5061", "udp", "is proved over TLS; add transport = \"tls\""),
            ("udp:0.0.0.0:5060", "tls", "add \"tls:0.0.0.0:5061\" to [sip] listen"),
        ] {
            let told = refused(listen, transport).unwrap_err();
            assert!(told.contains(says), "{told}");
        }
    }

    #[test]
    fn a_fingerprint_is_read_as_it_is_printed() {
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(fingerprint(&colons), Ok([0xab; 32]));
        assert_eq!(fingerprint(&"ab".repeat(32)), Ok([0xab; 32]));
        for wrong in ["", "ab", &"zz".repeat(32), &"+1".repeat(32), &"ab".repeat(33)] {
            assert!(fingerprint(wrong).is_err(), "{wrong}");
        }
    }
}
