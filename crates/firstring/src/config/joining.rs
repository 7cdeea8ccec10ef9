//! How a trunk knows us: the account, and whether we register.

use desk::private::Private;

use super::document::At;
use super::file::{DigestForm, TrunkForm};
use super::meaning::Reading;
use super::presets::KnowsUs;
use super::values::{self, Target};

/// Who we are at a trunk that asks for a password.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user name of the account.
    pub user: String,
    /// Its password.
    pub password: Private<String>,
}

/// Who the other side has to be when it calls us.
#[derive(Clone, Debug)]
pub struct Guard {
    /// What it knows.
    pub login: Login,
    /// How it proves that.
    pub digest: sip::Asks,
}

/// A trunk that sends its calls to whoever is registered there.
#[derive(Clone, Debug)]
pub struct Joining {
    /// User of the address of record: an account, a number or an extension.
    pub user: String,
    /// Domain of the address of record.
    pub domain: String,
    /// Where to register.
    pub registrar: Target,
    /// Requests go through here instead.
    pub proxy: Option<Target>,
}

impl Joining {
    /// The host that requests are sent to.
    pub fn next_hop(&self) -> &Target {
        self.proxy.as_ref().unwrap_or(&self.registrar)
    }
}

/// The account of a trunk, if it has one.
pub(super) fn login(form: &TrunkForm, at: &At, reading: &mut Reading<'_>) -> Option<Login> {
    match (&form.username, &form.password) {
        (Some(username), Some(password)) => {
            let password = reading.secret(password, &at.key("password"))?;
            Some(Login { user: form.auth_user.as_ref().unwrap_or(username).clone(), password })
        }
        (Some(_), None) => {
            let says = "a user name alone proves nothing; add password = \"env:NAME\" or \"file:PATH\"";
            reading.refuse(&at.key("username"), says.to_string());
            None
        }
        (None, Some(_)) => {
            let says = "nobody knows whose password this is; add username";
            reading.refuse(&at.key("password"), says.to_string());
            None
        }
        (None, None) => {
            if form.auth_user.is_some() {
                let says = "this is only used beside username and password; add both, or leave it out";
                reading.refuse(&at.key("auth_user"), says.to_string());
            }
            None
        }
    }
}

/// What the other side proves its calls with, if it has to.
pub(super) fn guard(form: &TrunkForm, at: &At, reading: &mut Reading<'_>) -> Option<Guard> {
    match (&form.their_username, &form.their_password) {
        (Some(user), Some(password)) => {
            let password = reading.secret(password, &at.key("their_password"))?;
            let digest = match form.their_digest {
                DigestForm::Md5 => sip::Asks::Md5,
                DigestForm::Sha256 => sip::Asks::Sha256,
            };
            Some(Guard { login: Login { user: user.clone(), password }, digest })
        }
        (Some(_), None) => {
            let says =
                "who calls could be anybody of this name; add their_password = \"env:NAME\" or \"file:PATH\"";
            reading.refuse(&at.key("their_username"), says.to_string());
            None
        }
        (None, Some(_)) => {
            let says = "nobody knows who is to know this password; add their_username";
            reading.refuse(&at.key("their_password"), says.to_string());
            None
        }
        (None, None) => None,
    }
}

/// Where a trunk is registered at, if it is.
pub(super) fn joining(form: &TrunkForm, at: &At, reading: &mut Reading<'_>) -> Option<Joining> {
    if !form.register {
        for (key, given) in [("registrar", &form.registrar), ("domain", &form.domain)] {
            if given.is_some() {
                let says =
                    "this is only used where the trunk registers; add register = true, or leave it out";
                reading.refuse(&at.key(key), says.to_string());
            }
        }
        return None;
    }
    let preset = form.carrier.preset();
    if let KnowsUs::ByAddress(says) = preset.knows_us {
        reading.refuse(&at.key("register"), says.to_string());
        return None;
    }
    let user = match &form.username {
        Some(user) => Some(user.clone()),
        None => {
            let says = "who registers is not known; add username and password";
            reading.refuse(&at.key("register"), says.to_string());
            None
        }
    };
    let (key, host) = match (&form.registrar, &form.domain, preset.host, &form.outbound_proxy) {
        (Some(host), _, _, _) => ("registrar", host.as_str()),
        (None, Some(host), _, _) => ("domain", host.as_str()),
        (None, None, Some(host), _) => ("carrier", host),
        (None, None, None, Some(host)) => ("outbound_proxy", host.as_str()),
        (None, None, None, None) => {
            let says = format!("where to register is not known; add {}", preset.host_like);
            reading.refuse(&at.key("register"), says);
            return None;
        }
    };
    let over = |host| values::target_over(host, form.transport.into());
    let registrar = reading.taken(over(host), &at.key(key))?;
    let proxy = match form.outbound_proxy.as_deref().or(preset.proxy) {
        // What is wrong with it is told where calls to people are read.
        Some(proxy) => Some(over(proxy).ok()?).filter(|proxy| *proxy != registrar),
        None => None,
    };
    let domain = match &form.domain {
        Some(domain) => reading.taken(values::target(domain), &at.key("domain"))?.host,
        None => registrar.host.clone(),
    };
    Some(Joining { user: user?, domain, registrar, proxy })
}
