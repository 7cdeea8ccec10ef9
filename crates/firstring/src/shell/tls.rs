//! Certificates of connections by TLS: read from their files, read again when these change, and whom to believe.
//!
//! A far end is believed if its certificate is for the host that the configuration names, not for what that host was found
//! to be (RFC 5922 section 7.1), or if it is the very one that was named. Versions and ciphers are rustls' own choice.
//!
//! Where a trunk is known by a certificate, whoever connects is asked for one, and none is turned away for what it shows or
//! does not: which trunks vouch for it is told to the user agent, which decides.
//!
//! Invariant: a change that cannot be read changes nothing, and connections that are up stay as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};
use sha2::{Digest as _, Sha256};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::config::{Config, Encryption, Identity, Trust};
use crate::shell::certificate;
use crate::shell::wire::Door;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file is not there, or may not be read.
    #[error("{} cannot be read: {why}; name a PEM file that this user can read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// In the words of the system or of the PEM reader.
        why: String,
    },
    /// The file holds nothing of use.
    #[error("{} holds no {what}; it should be PEM, with a line like -----BEGIN {begin}-----", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// How it would begin.
        begin: &'static str,
    },
    /// The two do not belong together, or one of them is of a kind nobody knows.
    #[error("{} is not the key to the certificate in {} ({why}); name the pair that was issued together", key.display(), certificate.display())]
    NoPair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// In the words of the TLS library.
        why: String,
    },
    /// Nobody is trusted on this machine.
    #[error(
        "this machine trusts no authority; install its root certificates (Debian: ca-certificates), or set trust"
    )]
    NobodyTrusted,
    /// An authority that is none.
    #[error("{} holds no certificate of an authority ({why}); name the file of the authority itself", path.display())]
    NoAuthority {
        /// The file.
        path: PathBuf,
        /// In the words of the TLS library.
        why: String,
    },
    /// The host could stand in no certificate.
    #[error("{host} can stand in no certificate; write the host's name")]
    Host {
        /// As it is written.
        host: String,
    },
}

/// What a connection to a trunk is made with.
pub type Toward = (TlsConnector, ServerName<'static>);

/// Every certificate in use.
#[derive(Debug)]
pub struct Tls {
    own: Option<Identity>,
    trunks: Vec<(String, String, Encryption)>,
    /// Trunks that are known by a certificate, and whom they believe.
    asked: Vec<(Arc<str>, Trust)>,
    ready: RwLock<Arc<Ready>>,
}

struct Ready {
    acceptor: Option<TlsAcceptor>,
    vouchers: Vec<(Arc<str>, Voucher)>,
    toward: BTreeMap<String, Toward>,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready").field("trunks", &self.toward.keys()).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads every certificate that a configuration names.
    pub fn load(config: &Config) -> Result<Tls, TlsError> {
        let trunk = |trunk: &crate::config::TrunkSettings| {
            let hop = trunk.joining.as_ref().map(|joining| joining.next_hop()).or(trunk.target())?;
            Some((trunk.name.clone(), hop.host.clone(), trunk.encryption.clone()?))
        };
        let (own, trunks) =
            (config.sip.tls.clone(), config.trunks.iter().filter_map(trunk).collect::<Vec<_>>());
        let asks = |trunk: &&crate::config::TrunkSettings| !trunk.accept_certificates.is_empty();
        let asked = config.trunks.iter().filter(asks);
        let asked = asked
            .filter_map(|trunk| Some((trunk.name.as_str().into(), trunk.encryption.as_ref()?.trust.clone())));
        let asked = asked.collect::<Vec<_>>();
        let ready = RwLock::new(Arc::new(Ready::read(own.as_ref(), &trunks, &asked)?));
        Ok(Tls { own, trunks, asked, ready })
    }

    /// What a far end has proved that showed these certificates, its own first.
    pub fn proof(&self, shown: &[CertificateDer<'_>]) -> sip::Proof {
        let Some((own, chain)) = shown.split_first() else { return sip::Proof::default() };
        let domains = certificate::domains(own);
        let ready = self.ready();
        let vouch = ready.vouchers.iter().filter(|(_, voucher)| voucher.vouches_for(own, chain, &domains));
        sip::Proof { vouched: vouch.map(|(trunk, _)| Arc::clone(trunk)).collect(), domains }
    }

    /// What answers whoever connects, if anything does.
    pub fn door(self: &Arc<Tls>) -> Option<Door> {
        let asks = (!self.asked.is_empty()).then(|| Arc::clone(self));
        Some(Door { acceptor: self.ready().acceptor.clone()?, asks })
    }

    /// What connects to a trunk. Where only one trunk is encrypted, it is meant whatever the name.
    pub fn toward(&self, trunk: Option<&str>) -> Option<Toward> {
        let ready = self.ready();
        let named = trunk.and_then(|name| ready.toward.get(name));
        let only = || if ready.toward.len() == 1 { ready.toward.values().next() } else { None };
        named.or_else(only).cloned()
    }

    fn ready(&self) -> Arc<Ready> {
        Arc::clone(&self.ready.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up what changes in the files, from now on.
    pub fn watch(self: &Arc<Tls>) {
        let tls = Arc::clone(self);
        if tls.files().next().is_none() {
            return;
        }
        tokio::spawn(async move {
            let mut known = tls.changed();
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let now = tls.changed();
                if now != known {
                    known = now;
                    tls.read_again();
                }
            }
        });
    }

    fn read_again(&self) {
        match Ready::read(self.own.as_ref(), &self.trunks, &self.asked) {
            Ok(ready) => {
                *self.ready.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ready);
                tracing::info!("Certificates have changed and are taken up");
            }
            Err(error) => {
                tracing::warn!(%error, "Certificates have changed and cannot be used, those before stay in use");
            }
        }
    }

    fn files(&self) -> impl Iterator<Item = &Path> {
        let shown = self.trunks.iter().filter_map(|(_, _, encryption)| encryption.shown.as_ref());
        let pairs = self.own.iter().chain(shown).flat_map(|pair| [&pair.certificate, &pair.key]);
        let trusted = self.trunks.iter().map(|(_, _, encryption)| &encryption.trust);
        let trusted = trusted.chain(self.asked.iter().map(|(_, trust)| trust));
        let authorities = trusted.filter_map(|trust| match trust {
            Trust::Authority(path) => Some(path),
            Trust::Public | Trust::Pin(_) => None,
        });
        pairs.chain(authorities).map(PathBuf::as_path)
    }

    fn changed(&self) -> Vec<Option<(SystemTime, u64)>> {
        let one = |path: &Path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.len()))
        };
        self.files().map(one).collect()
    }
}

impl Ready {
    fn read(
        own: Option<&Identity>,
        trunks: &[(String, String, Encryption)],
        asked: &[(Arc<str>, Trust)],
    ) -> Result<Ready, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let acceptor = own.map(|own| acceptor(own, !asked.is_empty(), &provider)).transpose()?;
        let voucher =
            |(trunk, trust): &(Arc<str>, Trust)| Ok((Arc::clone(trunk), Voucher::of(trust, &provider)?));
        let vouchers = asked.iter().map(voucher).collect::<Result<Vec<_>, TlsError>>()?;
        let mut toward = BTreeMap::new();
        for (name, host, encryption) in trunks {
            let connector = connector(encryption, &provider)?;
            let host =
                ServerName::try_from(host.clone()).map_err(|_| TlsError::Host { host: host.clone() })?;
            toward.insert(name.clone(), (connector, host));
        }
        Ok(Ready { acceptor, vouchers, toward })
    }
}

fn acceptor(own: &Identity, asks: bool, provider: &Arc<CryptoProvider>) -> Result<TlsAcceptor, TlsError> {
    let (chain, key) = (certificates(&own.certificate)?, key(&own.key)?);
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions();
    let config = builder.and_then(|builder| match asks {
        true => {
            let asking = Asking { algorithms: provider.signature_verification_algorithms };
            builder.with_client_cert_verifier(Arc::new(asking)).with_single_cert(chain, key)
        }
        false => builder.with_no_client_auth().with_single_cert(chain, key),
    });
    Ok(TlsAcceptor::from(Arc::new(config.map_err(|error| no_pair(own, &error))?)))
}

fn connector(encryption: &Encryption, provider: &Arc<CryptoProvider>) -> Result<TlsConnector, TlsError> {
    let verifier = verifier(&encryption.trust, provider)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .expect("the provider serves the versions it was made for")
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match &encryption.shown {
        None => builder.with_no_client_auth(),
        Some(shown) => builder
            .with_client_auth_cert(certificates(&shown.certificate)?, key(&shown.key)?)
            .map_err(|error| no_pair(shown, &error))?,
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn verifier(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    if let Trust::Pin(fingerprint) = trust {
        let algorithms = provider.signature_verification_algorithms;
        return Ok(Arc::new(Pinned { fingerprint: *fingerprint, algorithms }));
    }
    let roots = Arc::new(roots(trust)?);
    let built = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
    Ok(built.map_err(|_| TlsError::NobodyTrusted)?)
}

/// The authorities that are believed.
fn roots(trust: &Trust) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Pin(_) => {}
        Trust::Public => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TlsError::NobodyTrusted);
            }
        }
        Trust::Authority(path) => {
            for authority in certificates(path)? {
                let wrong = |error: rustls::Error| TlsError::NoAuthority {
                    path: path.clone(),
                    why: error.to_string(),
                };
                roots.add(authority).map_err(wrong)?;
            }
        }
    }
    Ok(roots)
}

fn no_pair(pair: &Identity, error: &rustls::Error) -> TlsError {
    let (certificate, key) = (pair.certificate.clone(), pair.key.clone());
    TlsError::NoPair { certificate, key, why: error.to_string() }
}

fn unreadable(path: &Path, error: &rustls::pki_types::pem::Error) -> TlsError {
    let why = match error {
        rustls::pki_types::pem::Error::Io(error) => crate::config::plain(error),
        other => other.to_string(),
    };
    TlsError::Unreadable { path: path.to_path_buf(), why }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| unreadable(path, &error))?;
    if found.is_empty() {
        return Err(TlsError::Empty { path: path.to_path_buf(), what: "certificate", begin: "CERTIFICATE" });
    }
    Ok(found)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            TlsError::Empty { path: path.to_path_buf(), what: "private key", begin: "PRIVATE KEY" }
        }
        other => unreadable(path, &other),
    })
}

/// Believes the one certificate that was named, whoever issued it and for whatever host.
#[derive(Debug)]
struct Pinned {
    fingerprint: [u8; 32],
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match Sha256::digest(end_entity.as_ref()).as_slice() == self.fingerprint {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Asks whoever connects for a certificate, and lets everybody in who owns what they show, or shows nothing: whose it is, is
/// looked at afterwards.
#[derive(Debug)]
struct Asking {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a trunk believes what whoever connects has shown.
#[derive(Debug)]
enum Voucher {
    Pin([u8; 32]),
    /// Certificates are issued for calling, for being called, or for both; carriers show the one they have.
    Authority {
        calling: Arc<dyn ClientCertVerifier>,
        called: Arc<dyn ServerCertVerifier>,
    },
}

impl Voucher {
    fn of(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Voucher, TlsError> {
        if let Trust::Pin(fingerprint) = trust {
            return Ok(Voucher::Pin(*fingerprint));
        }
        let roots = Arc::new(roots(trust)?);
        let built = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
        let calling = built.map_err(|_| TlsError::NobodyTrusted)?;
        Ok(Voucher::Authority { calling, called: verifier(trust, provider)? })
    }

    fn vouches_for(
        &self,
        own: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        domains: &[String],
    ) -> bool {
        let (calling, called) = match self {
            Voucher::Pin(fingerprint) => return Sha256::digest(own.as_ref()).as_slice() == fingerprint,
            Voucher::Authority { calling, called } => (calling, called),
        };
        let now = UnixTime::now();
        let is_host = |domain: &String| {
            let name = ServerName::try_from(domain.as_str());
            name.is_ok_and(|name| called.verify_server_cert(own, chain, &name, &[], now).is_ok())
        };
        calling.verify_client_cert(own, chain, now).is_ok() || domains.iter().any(is_host)
    }
}

/// Until when the first certificate of a file holds; `None` if that cannot be read.
pub fn holds_until(path: &Path) -> Option<jiff::Timestamp> {
    let first = certificates(path).ok()?.into_iter().next()?;
    certificate::not_after(first.as_ref())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A certificate and its key, signed by itself, in this folder.
    fn issue(folder: &Path, name: &str, days: u32) -> Identity {
        let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-new",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ]);
        openssl.args(["-subj", "/CN=desk.example.com", "-days", &days.to_string(), "-keyout"]).arg(&key);
        let ran = openssl.arg("-out").arg(&certificate).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        Identity { certificate, key }
    }

    fn read(own: Identity) -> Result<Tls, TlsError> {
        let ready = RwLock::new(Arc::new(Ready::read(Some(&own), &[], &[])?));
        Ok(Tls { own: Some(own), trunks: Vec::new(), asked: Vec::new(), ready })
    }

    #[test]
    fn a_pair_that_is_none_is_told_by_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (issue(folder.path(), "one", 30), issue(folder.path(), "other", 30));
        let (empty, nowhere) = (folder.path().join("empty.pem"), folder.path().join("nowhere.pem"));
        std::fs::write(&empty, "not PEM").unwrap();
        for (certificate, key, says) in [
            (&one.certificate, &other.key, "is not the key to the certificate in"),
            (&empty, &one.key, "holds no certificate"),
            (&one.certificate, &empty, "holds no private key"),
            (&nowhere, &one.key, "cannot be read: there is no such file"),
            (&one.certificate, &nowhere, "cannot be read: there is no such file"),
        ] {
            let error = read(Identity { certificate: certificate.clone(), key: key.clone() }).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        assert!(Arc::new(read(one).unwrap()).door().is_some());
    }

    #[test]
    fn new_files_are_taken_up_and_broken_ones_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let tls = read(issue(folder.path(), "one", 30)).unwrap();
        let shown = |tls: &Tls| tls.ready();
        let first = shown(&tls);
        std::fs::write(folder.path().join("one.key"), "torn").unwrap();
        tls.read_again();
        assert!(Arc::ptr_eq(&first, &shown(&tls)), "what was broken is not taken up");
        issue(folder.path(), "one", 60);
        tls.read_again();
        assert!(!Arc::ptr_eq(&first, &shown(&tls)), "what is whole is");
    }

    #[test]
    fn until_when_a_certificate_holds_is_read_from_it() {
        let folder = tempfile::tempdir().unwrap();
        // From 2050 on the time is written in another form (RFC 5280 section 4.1.2.5).
        for days in [30_u32, 20_000] {
            let until = holds_until(&issue(folder.path(), "one", days).certificate).unwrap();
            let left = until.duration_since(jiff::Timestamp::now()).as_secs();
            assert!((left - i64::from(days) * 86_400).abs() < 120, "{days} days: {until}");
        }
    }
}
