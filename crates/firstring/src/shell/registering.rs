//! Where calls and registrations of trunks go: what is looked up, and for whom. How that is done is
//! [`resolving`]'s; staying registered at those that want it is the user agent's work.
//!
//! Invariant: nothing here waits on the control thread, and no start waits on a lookup.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Advertise, Config, Joining, Login, Target, TrunkSettings};
use crate::shell::inbox::{Inbox, Letter};
use crate::shell::resolving::{self, Lost, Resolver};

/// For how long we ask to be registered: carriers grant less where they want to.
const EXPIRES: Duration = Duration::from_secs(600);
/// Shorter than the 30 seconds after which common routers close a door.
const KEEP_ALIVE: Duration = Duration::from_secs(25);

/// What the user agent proves itself with.
pub fn accounts(config: &Config) -> Vec<sip::Account> {
    config.trunks.iter().filter_map(|trunk| Some(account(trunk, trunk.login.as_ref()?))).collect()
}

/// What others prove their calls to us with.
pub fn guards(config: &Config) -> Vec<sip::Gate> {
    let gate = |trunk: &TrunkSettings| {
        let guard = trunk.guard.as_ref()?;
        Some(sip::Gate { account: account(trunk, &guard.login), digest: guard.digest })
    };
    config.trunks.iter().filter_map(gate).collect()
}

fn account(trunk: &TrunkSettings, login: &Login) -> sip::Account {
    let credentials = sip::Credentials {
        username: login.user.clone(),
        password: sip::Password::new(login.password.reveal().clone()),
        realm: None,
    };
    sip::Account { name: trunk.name.as_str().into(), credentials }
}

/// How people are called over a trunk, once it is known where that is.
#[derive(Clone, Debug)]
pub struct Reaching {
    /// The host part of whom is called.
    pub domain: String,
    /// How calls travel there.
    pub transport: sip::Transport,
    /// The user agent's account, if the trunk asks for a password.
    pub account: Option<Arc<str>>,
}

/// Every trunk over which people can be called.
pub fn reaching(config: &Config) -> BTreeMap<Arc<str>, Reaching> {
    let one = |trunk: &TrunkSettings| {
        let name: Arc<str> = trunk.name.as_str().into();
        let account = trunk.login.as_ref().map(|_| Arc::clone(&name));
        let transport = trunk.target().map_or(sip::Transport::Udp, |target| target.transport);
        Some((name, Reaching { domain: trunk.called_at()?, transport, account }))
    };
    config.trunks.iter().filter_map(one).collect()
}

/// Looks up every host that calls and registrations go to, from now on. Nothing waits for it: a desk that starts while
/// names cannot be looked up answers all the same.
pub fn watch(config: &Config, inbox: &Inbox, lost: &Arc<Lost>) {
    let resolver = Resolver::new(&config.sip.name_servers);
    for trunk in &config.trunks {
        let name: Arc<str> = trunk.name.as_str().into();
        if let Some(joining) = &trunk.joining {
            let trunk = Arc::clone(&name);
            let found = move |targets| Letter::RegistrarFound { trunk: Arc::clone(&trunk), targets };
            look_for(joining.next_hop().clone(), &resolver, lost, inbox, found);
        }
        if let Some(target) = trunk.target() {
            let found = move |targets| Letter::ProxyFound { trunk: Arc::clone(&name), targets };
            look_for(target.clone(), &resolver, lost, inbox, found);
        }
    }
    if let (Some(stun), Advertise::Auto) = (&config.sip.stun, config.sip.advertise) {
        look_for(stun.clone(), &resolver, lost, inbox, |targets| Letter::StunFound { targets });
    }
    for trunk in &config.trunks {
        for host in &trunk.accept_names {
            let (name, resolver, inbox) = (host.clone(), resolver.clone(), inbox.clone());
            let (trunk, host): (Arc<str>, Arc<str>) = (trunk.name.as_str().into(), host.as_str().into());
            let look = move || {
                let (host, resolver) = (name.clone(), resolver.clone());
                async move { resolver.addresses(&host).await }
            };
            let told = Arc::clone(&host);
            let tell = move |targets: sip::Targets<SocketAddr>| {
                let addresses = targets.iter().map(|place| place.ip()).collect();
                let (trunk, host) = (Arc::clone(&trunk), Arc::clone(&host));
                inbox.post(Letter::CallersFound { trunk, host, addresses });
            };
            tokio::spawn(resolving::watch(told.to_string(), Arc::clone(lost), look, tell));
        }
    }
    for (_, reach, host) in config.addresses() {
        let (trunk, address): (Arc<str>, Arc<str>) = (reach.via.as_str().into(), reach.to.as_str().into());
        let found = move |targets| {
            let (trunk, address) = (Arc::clone(&trunk), Arc::clone(&address));
            Letter::PersonFound { trunk, address, targets }
        };
        look_for(host, &resolver, lost, inbox, found);
    }
}

fn look_for(
    host: Target,
    resolver: &Resolver,
    lost: &Arc<Lost>,
    inbox: &Inbox,
    letter: impl Fn(sip::Targets<SocketAddr>) -> Letter + Send + 'static,
) {
    let (name, resolver, inbox) = (host.to_string(), resolver.clone(), inbox.clone());
    let look = move || {
        let (host, resolver) = (host.clone(), resolver.clone());
        async move { resolver.find(&host, host.transport).await }
    };
    let tell = move |targets| inbox.post(letter(targets));
    tokio::spawn(resolving::watch(name, Arc::clone(lost), look, tell));
}

/// What to register where, now that it is known where that is.
pub fn registrar(
    name: &Arc<str>,
    joining: &Joining,
    secret: [u64; 2],
    paths: Vec<sip::Path>,
) -> sip::Registrar {
    let transport = joining.next_hop().transport;
    let proxy = joining.proxy.as_ref().map(|proxy| format!("sip:{proxy}{};lr", transport.in_uri()));
    sip::Registrar {
        name: Arc::clone(name),
        registrar: joining.registrar.to_string(),
        user: joining.user.clone(),
        domain: joining.domain.clone(),
        proxy: proxy.and_then(|proxy| sip::Uri::parse(&proxy).ok()),
        paths,
        contact_user: sip::contact_user(secret, name),
        expires: EXPIRES,
        keep_alive: Some(KEEP_ALIVE),
    }
}

/// Whatever makes our contacts unguessable; kept, so that a restart replaces its contact instead of adding one. Where it
/// cannot be kept, `otherwise` serves until the next start.
pub fn secret(directory: &Path, otherwise: [u64; 2]) -> [u64; 2] {
    let path = directory.join("contact");
    if let Some(kept) = fs::read_to_string(&path).ok().and_then(|text| read_secret(&text)) {
        return kept;
    }
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| writeln!(file, "{:016x}{:016x}", otherwise[0], otherwise[1]));
    if let Err(error) = written {
        tracing::debug!(%error, "The secret of our contacts is not kept");
    }
    otherwise
}

fn read_secret(text: &str) -> Option<[u64; 2]> {
    let text = text.trim();
    let (one, two) = (text.len() == 32).then(|| text.split_at_checked(16)).flatten()?;
    Some([u64::from_str_radix(one, 16).ok()?, u64::from_str_radix(two, 16).ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_stays_the_same_over_restarts() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(secret(directory.path(), [1, 2]), [1, 2]);
        assert_eq!(secret(directory.path(), [3, 4]), [1, 2]);
        fs::write(directory.path().join("contact"), "torn").unwrap();
        assert_eq!(secret(directory.path(), [5, 6]), [5, 6]);
        assert_eq!(secret(Path::new("/nonexistent/desk"), [7, 8]), [7, 8]);
    }
}
