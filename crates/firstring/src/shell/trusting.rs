//! What is wrong when the two sides of a connection by TLS do not trust each other, in words for whoever set up the trunk.

use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error};
use tokio_rustls::TlsConnector;

/// What a connection of ours by TLS was made with.
#[derive(Debug)]
pub struct Trusting {
    host: String,
    shows_a_certificate: bool,
}

impl Trusting {
    /// Toward this host.
    pub fn of(connector: &TlsConnector, host: &ServerName<'_>) -> Trusting {
        let shows_a_certificate = connector.config().client_auth_cert_resolver.has_certs();
        Trusting { host: host.to_str().into_owned(), shows_a_certificate }
    }

    /// Why there is no trust and what helps, if that is what went wrong.
    pub fn mistrust(&self, error: &io::Error) -> Option<String> {
        match error.get_ref()?.downcast_ref::<Error>()? {
            Error::InvalidCertificate(error) => Some(self.not_believed(error)),
            Error::AlertReceived(alert) => self.not_accepted(*alert),
            _ => None,
        }
    }

    fn not_believed(&self, error: &CertificateError) -> String {
        let host = &self.host;
        match error {
            CertificateError::NotValidForNameContext { presented, .. } => {
                let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
                let names = if names.is_empty() { "no host at all".to_owned() } else { names.join(", ") };
                format!(
                    "the certificate of {host} is for {names} and not for {host}; write the host that it is for, or name this very \
                     certificate in trust"
                )
            }
            CertificateError::UnknownIssuer => format!(
                "the certificate of {host} is from an authority that is not trusted; name that authority's file in trust"
            ),
            CertificateError::ApplicationVerificationFailure => format!(
                "the certificate of {host} is not the one that trust names; if it was renewed, write the new fingerprint"
            ),
            other => format!("the certificate of {host} is not believed ({other}); check trust"),
        }
    }

    /// RFC 8446 section 6.2.
    fn not_accepted(&self, alert: AlertDescription) -> Option<String> {
        let host = &self.host;
        match (alert, self.shows_a_certificate) {
            (
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::NoCertificate
                | AlertDescription::HandshakeFailure,
                false,
            ) => Some(format!(
                "{host} asks for a certificate of ours and the trunk has none; add client_certificate and client_key"
            )),
            (
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied,
                true,
            ) => Some(format!(
                "{host} does not accept our client_certificate ({alert:?}); ask whoever runs it which authorities it believes"
            )),
            _ => None,
        }
    }
}

/// The name itself; the library writes its kind around it.
fn bare(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(shows_a_certificate: bool, error: Error) -> Option<String> {
        let trusting = Trusting { host: "sip.example.com".to_owned(), shows_a_certificate };
        trusting.mistrust(&io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn what_is_wrong_with_a_certificate_comes_with_what_helps() {
        let presented = vec!["DnsName(\"pbx.example.com\")".to_owned()];
        let expected = ServerName::try_from("sip.example.com").unwrap();
        for (error, word) in [
            (
                CertificateError::NotValidForNameContext { expected, presented },
                "is for pbx.example.com and not for",
            ),
            (CertificateError::UnknownIssuer, "name that authority's file in trust"),
            (CertificateError::ApplicationVerificationFailure, "write the new fingerprint"),
            (CertificateError::Revoked, "check trust"),
        ] {
            let said = says(false, Error::InvalidCertificate(error)).unwrap();
            assert!(
                said.starts_with("the certificate of sip.example.com is ") && said.contains(word),
                "{said}"
            );
        }
    }

    #[test]
    fn a_certificate_of_ours_is_missed_or_not_accepted() {
        let required = || Error::AlertReceived(AlertDescription::CertificateRequired);
        assert!(says(false, required()).unwrap().contains("add client_certificate and client_key"));
        assert!(says(true, required()).unwrap().contains("does not accept our client_certificate"));
        assert_eq!(says(true, Error::AlertReceived(AlertDescription::CloseNotify)), None);
        assert_eq!(says(true, Error::HandshakeNotComplete), None);
    }
}
