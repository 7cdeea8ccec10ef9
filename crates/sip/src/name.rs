//! Names of methods and headers, in full and compact form.

/// A request method. Case matters (RFC 3261 section 7.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Info,
    Register,
    Subscribe,
    Notify,
    Publish,
    Message,
    Refer,
    Update,
    Prack,
    /// Any other token: answered 501.
    Other(String),
}

const METHODS: [(Method, &str); 14] = [
    (Method::Invite, "INVITE"),
    (Method::Ack, "ACK"),
    (Method::Bye, "BYE"),
    (Method::Cancel, "CANCEL"),
    (Method::Options, "OPTIONS"),
    (Method::Info, "INFO"),
    (Method::Register, "REGISTER"),
    (Method::Subscribe, "SUBSCRIBE"),
    (Method::Notify, "NOTIFY"),
    (Method::Publish, "PUBLISH"),
    (Method::Message, "MESSAGE"),
    (Method::Refer, "REFER"),
    (Method::Update, "UPDATE"),
    (Method::Prack, "PRACK"),
];

impl Method {
    /// Reads a method token; any token that is not known becomes [`Method::Other`].
    pub fn from_token(token: &str) -> Method {
        METHODS
            .iter()
            .find(|(_, name)| *name == token)
            .map_or_else(|| Method::Other(token.to_owned()), |(method, _)| method.clone())
    }

    /// The token as it stands on the wire.
    pub fn as_str(&self) -> &str {
        if let Method::Other(token) = self {
            return token;
        }
        METHODS.iter().find(|(method, _)| method == self).map_or("", |(_, name)| name)
    }
}

macro_rules! names {
    ($($variant:ident $full:literal $compact:literal;)*) => {
        /// A header that this crate reads by type. Every other header is reachable by its spelling.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        #[allow(missing_docs)]
        pub enum Name { $($variant,)* /** A header known only by its spelling. */ Other }

        const NAMES: &[(Name, &str, &str)] = &[$((Name::$variant, $full, $compact),)*];
    };
}

names! {
    Via "Via" "v";
    From "From" "f";
    To "To" "t";
    CallId "Call-ID" "i";
    CSeq "CSeq" "";
    Contact "Contact" "m";
    ContentLength "Content-Length" "l";
    ContentType "Content-Type" "c";
    MaxForwards "Max-Forwards" "";
    RecordRoute "Record-Route" "";
    Route "Route" "";
    Require "Require" "";
    Accept "Accept" "";
    Allow "Allow" "";
    Supported "Supported" "k";
    UserAgent "User-Agent" "";
    RetryAfter "Retry-After" "";
    Reason "Reason" "";
    Diversion "Diversion" "";
    HistoryInfo "History-Info" "";
    PAssertedIdentity "P-Asserted-Identity" "";
    Privacy "Privacy" "";
    ContentEncoding "Content-Encoding" "e";
    ContentDisposition "Content-Disposition" "";
    Subject "Subject" "s";
    Event "Event" "o";
    ReferTo "Refer-To" "r";
    ReferredBy "Referred-By" "b";
    SessionExpires "Session-Expires" "x";
    AllowEvents "Allow-Events" "u";
    Identity "Identity" "y";
    WwwAuthenticate "WWW-Authenticate" "";
    ProxyAuthenticate "Proxy-Authenticate" "";
    Authorization "Authorization" "";
}

impl Name {
    /// Reads a header name in either form, in any case.
    pub fn from_spelling(spelling: &str) -> Name {
        let compact = spelling.len() == 1;
        NAMES
            .iter()
            .find(|(_, full, short)| {
                let known = if compact { short } else { full };
                known.len() == spelling.len() && known.eq_ignore_ascii_case(spelling)
            })
            .map_or(Name::Other, |(name, _, _)| *name)
    }

    /// The full form as written by us; empty for [`Name::Other`].
    pub fn as_str(self) -> &'static str {
        NAMES.iter().find(|(name, _, _)| *name == self).map_or("", |(_, full, _)| full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_in_both_forms_and_any_case() {
        for (spelling, name) in [
            ("v", Name::Via),
            ("VIA", Name::Via),
            ("i", Name::CallId),
            ("call-id", Name::CallId),
            ("L", Name::ContentLength),
            ("k", Name::Supported),
            ("X-Anything", Name::Other),
            ("q", Name::Other),
        ] {
            assert_eq!(Name::from_spelling(spelling), name, "{spelling}");
        }
    }

    #[test]
    fn a_method_in_lower_case_is_another_method() {
        assert_eq!(Method::from_token("INVITE"), Method::Invite);
        assert_eq!(Method::from_token("invite"), Method::Other("invite".into()));
    }
}
