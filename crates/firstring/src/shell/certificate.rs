//! What a certificate says: until when it holds, and which domains it is for. RFC 5280, as far as that needs.
//!
//! Bytes of strangers come here; what cannot be read says nothing. Whether a certificate is to be believed is decided elsewhere.

/// Of the extension that holds other names of its owner, `id-ce-subjectAltName`. RFC 5280 section 4.2.1.6.
const OTHER_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// The SIP domains that a certificate is for: those of its `sip:` URIs, which name no user, or else its host names; nothing of
/// an older kind. RFC 5922 section 7.1.
pub fn domains(certificate: &[u8]) -> Vec<String> {
    let names = other_names(certificate).unwrap_or_default();
    let of = |wanted: u8| {
        let texts = names.iter().filter(move |(tag, _)| *tag == wanted);
        texts.filter_map(|(_, text)| std::str::from_utf8(text).ok())
    };
    let uris: Vec<&str> = of(0x86).filter_map(without_scheme).collect();
    match uris.is_empty() {
        false => uris.into_iter().filter(|rest| !rest.contains('@')).map(domain_of).collect(),
        true => of(0x82).map(str::to_owned).collect(),
    }
}

/// What comes after `sip:`, whatever its case.
fn without_scheme(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    scheme.eq_ignore_ascii_case("sip").then_some(rest)
}

/// Without port, parameters and headers.
fn domain_of(rest: &str) -> String {
    rest.split([':', ';', '?']).next().unwrap_or_default().to_owned()
}

/// Each other name of its owner, with what kind it is of.
fn other_names(certificate: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let extensions = parts(signed_part(certificate)?).find(|(tag, _)| *tag == 0xa3)?.1;
    let (_, extensions, _) = element(extensions)?;
    let names = parts(extensions).find_map(|(_, extension)| {
        let mut parts = parts(extension);
        let is_it = parts.next()? == (0x06, OTHER_NAMES);
        // It may be said before that the extension is critical.
        let (_, wrapped) = parts.last()?;
        is_it.then_some(wrapped)
    })?;
    let (_, names, _) = element(names)?;
    Some(parts(names).collect())
}

/// What the authority has signed.
fn signed_part(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = element(certificate)?;
    let (_, signed, _) = element(certificate)?;
    Some(signed)
}

/// Elements one after the other.
fn parts(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (tag, content, after) = element(rest)?;
        rest = after;
        Some((tag, content))
    })
}

/// The end of a certificate's validity. RFC 5280 section 4.1.
pub fn not_after(certificate: &[u8]) -> Option<jiff::Timestamp> {
    let mut rest = signed_part(certificate)?;
    // The version may be left out; serial number, signature algorithm and issuer come before the validity.
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, after) = element(validity)?;
    let (tag, text, _) = element(after)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let text = match tag {
        // Two digits of a year: from 50 on it is of the last century.
        0x17 if text.get(..2)? >= "50" => format!("19{text}"),
        0x17 => format!("20{text}"),
        0x18 => text.to_string(),
        _ => return None,
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

/// One element of DER: its tag, its content, and what comes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0x80 | 0x85.. => return None,
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        short => (usize::from(*short), rest),
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    fn issued(subjects: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(
            "req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=cn.example.com"
                .split(' '),
        );
        if !subjects.is_empty() {
            openssl.args(["-addext", &format!("subjectAltName={subjects}")]);
        }
        let ran = openssl
            .args(["-keyout", "key.pem", "-out", "it.pem"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        CertificateDer::from_pem_file(folder.path().join("it.pem")).unwrap().to_vec()
    }

    #[test]
    fn a_certificate_is_for_its_sip_domains_or_else_for_its_hosts_and_nobody_else() {
        for (subjects, wanted) in [
            ("DNS:sip.example.com,DNS:b.example.com,IP:192.0.2.1", &["sip.example.com", "b.example.com"][..]),
            ("URI:sip:example.com,DNS:host.example.com", &["example.com"]),
            ("critical,URI:SIP:example.com:5061", &["example.com"]),
            ("URI:sip:dana@example.com,DNS:host.example.com", &[]),
            ("URI:https://example.com,DNS:host.example.com", &["host.example.com"]),
            ("email:dana@example.com", &[]),
            ("", &[]),
        ] {
            assert_eq!(domains(&issued(subjects)), wanted, "{subjects}");
        }
    }

    #[test]
    fn a_torn_certificate_is_for_nobody() {
        let whole = issued("DNS:sip.example.com");
        for length in 0..whole.len() {
            let said = domains(&whole[..length]);
            assert!(said.is_empty(), "{length}: {said:?}");
        }
    }

    #[test]
    fn torn_certificates_end_at_no_time() {
        for bytes in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x30\x01\xa0", &[0x30; 64]] {
            assert_eq!(not_after(bytes), None, "{bytes:?}");
        }
    }
}
