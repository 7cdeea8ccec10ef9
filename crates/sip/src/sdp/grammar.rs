//! The lines of a session description, bounded and without judgement. RFC 4566 section 5.

use std::net::IpAddr;

use crate::limits::BODY_BYTES;

/// Media lines that are read; a description with more is refused.
const MEDIA: usize = 16;
/// Lines of one description.
const LINES: usize = 1_024;

/// Why a text is no session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// Past a bound of ours: 16 kB, 1,024 lines or 16 media lines.
    #[error("a session description larger than we read")]
    TooLarge,
    /// It does not begin with `v=0`.
    #[error("not a session description")]
    NotSdp,
    /// A line that cannot be read, counted from 1.
    #[error("line {0} of the session description cannot be read")]
    Line(usize),
}

/// A description, as parts of its text: what holds for all media, and the media.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session<'a> {
    /// `c=` before the first media line.
    pub connection: Option<Connection<'a>>,
    /// `a=` lines before the first media line.
    pub attributes: Vec<Attribute<'a>>,
    /// `m=` lines in order.
    pub media: Vec<Media<'a>>,
}

impl Session<'_> {
    /// Where the first stream of sound is to go; `None` for a host name, and where nothing is said.
    pub fn sound_goes_to(&self) -> Option<IpAddr> {
        let sound = self.media.iter().find(|media| media.kind == "audio")?;
        match sound.connection.as_ref().or(self.connection.as_ref())? {
            Connection::Address(ip) if !ip.is_unspecified() => Some(*ip),
            Connection::Address(_) | Connection::Name(_) => None,
        }
    }
}

/// One media line with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media<'a> {
    /// `audio`, `video`, `image` or anything else.
    pub kind: &'a str,
    /// 0: refused or switched off.
    pub port: u16,
    /// `RTP/AVP`, `RTP/SAVP` or anything else.
    pub protocol: &'a str,
    /// Payload numbers, or format names for other protocols.
    pub formats: Vec<&'a str>,
    /// `c=` of this media line.
    pub connection: Option<Connection<'a>>,
    /// `a=` lines of this media line.
    pub attributes: Vec<Attribute<'a>>,
}

/// Where sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection<'a> {
    /// An address.
    Address(IpAddr),
    /// A host name; never resolved here.
    Name(&'a str),
}

/// `a=name` or `a=name:value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Before the colon.
    pub name: &'a str,
    /// After the colon; empty if there is none.
    pub value: &'a str,
}

impl Media<'_> {
    /// The value of the first attribute of that name; `Some("")` if it stands there without one.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        first(&self.attributes, name)
    }

    /// The values of every attribute of that name.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.attributes
            .iter()
            .filter(move |attribute| attribute.name == name)
            .map(|attribute| attribute.value)
    }

    /// Name, clock rate and channels that a payload number is mapped to: the text after the number.
    pub fn rtpmap(&self, payload: u8) -> Option<&str> {
        self.of_payload("rtpmap", payload)
    }

    /// Format parameters of a payload number.
    pub fn fmtp(&self, payload: u8) -> Option<&str> {
        self.of_payload("fmtp", payload)
    }

    fn of_payload(&self, name: &'static str, payload: u8) -> Option<&str> {
        self.values(name).find_map(|value| {
            let (number, rest) = value.split_once(' ')?;
            (number.parse() == Ok(payload)).then(|| rest.trim())
        })
    }
}

impl Session<'_> {
    /// The value of the first session attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        first(&self.attributes, name)
    }
}

fn first<'a>(attributes: &[Attribute<'a>], name: &str) -> Option<&'a str> {
    attributes.iter().find(|attribute| attribute.name == name).map(|attribute| attribute.value)
}

/// Reads a session description. Lines that matter to nobody here are skipped; what would be misunderstood is an
/// error. Never panics; bounded by 16 kB, 1,024 lines and 16 media lines.
pub fn parse(text: &str) -> Result<Session<'_>, SdpError> {
    if text.len() > BODY_BYTES {
        return Err(SdpError::TooLarge);
    }
    let mut session = Session::default();
    let mut begun = false;
    for (at, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line).trim_end();
        if line.is_empty() {
            continue;
        }
        if at >= LINES {
            return Err(SdpError::TooLarge);
        }
        let wrong = SdpError::Line(at + 1);
        let (kind, value) = cut(line, b'=').ok_or(wrong)?;
        if !begun {
            if kind != "v" || value.trim() != "0" {
                return Err(SdpError::NotSdp);
            }
            begun = true;
            continue;
        }
        match kind {
            "m" if session.media.len() == MEDIA => return Err(SdpError::TooLarge),
            "m" => session.media.push(media(value).ok_or(wrong)?),
            "c" => {
                let connection = Some(connection(value).ok_or(wrong)?);
                match session.media.last_mut() {
                    Some(media) => media.connection = connection,
                    None => session.connection = connection,
                }
            }
            "a" => {
                let (name, value) = cut(value, b':').unwrap_or((value, ""));
                let attribute = Attribute { name: name.trim(), value: value.trim() };
                match session.media.last_mut() {
                    Some(media) => media.attributes.push(attribute),
                    None => session.attributes.push(attribute),
                }
            }
            _ => {}
        }
    }
    if begun { Ok(session) } else { Err(SdpError::NotSdp) }
}

/// What is before and after the first such sign of ASCII; lines are too short for a search that prepares itself.
fn cut(line: &str, sign: u8) -> Option<(&str, &str)> {
    let at = line.bytes().position(|byte| byte == sign)?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

fn media(value: &str) -> Option<Media<'_>> {
    let mut words = value.split_ascii_whitespace();
    let kind = words.next()?;
    // `49170/2` announces two ports; only the first is of use.
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let protocol = words.next()?;
    let formats: Vec<&str> = words.take(64).collect();
    let plain = |text: &str| text.chars().all(|char| char.is_ascii_graphic());
    let sound = plain(kind) && plain(protocol) && formats.iter().all(|format| plain(format));
    (sound && !formats.is_empty()).then(|| Media {
        kind,
        port,
        protocol,
        formats,
        connection: None,
        attributes: Vec::new(),
    })
}

/// `IN IP4 192.0.2.1`, a multicast address possibly with `/ttl`.
fn connection(value: &str) -> Option<Connection<'_>> {
    let mut words = value.split_ascii_whitespace();
    if !words.next()?.eq_ignore_ascii_case("IN") {
        return None;
    }
    let family = words.next()?;
    let address = words.next()?.split('/').next()?;
    match address.parse::<IpAddr>() {
        Ok(ip) if ip.is_ipv4() == family.eq_ignore_ascii_case("IP4") => Some(Connection::Address(ip)),
        Ok(_) => None,
        Err(_) => Some(Connection::Name(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_one_media_line_stays_with_it() {
        let session = parse(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=sendonly\r\n\
             m=audio 4000 RTP/AVP 0 101\r\nc=IN IP4 192.0.2.2\r\na=rtpmap:101 telephone-event/8000\r\n\
             m=video 0 RTP/AVP 96\r\na=inactive\r\n",
        )
        .unwrap();
        assert_eq!(session.connection, Some(Connection::Address("192.0.2.1".parse().unwrap())));
        assert_eq!(session.attribute("sendonly"), Some(""));
        assert_eq!(session.media[0].connection, Some(Connection::Address("192.0.2.2".parse().unwrap())));
        assert_eq!(session.media[0].rtpmap(101), Some("telephone-event/8000"));
        assert_eq!(session.media[0].attribute("inactive"), None);
        assert_eq!((session.media[1].port, session.media[1].kind), (0, "video"));
    }

    #[test]
    fn what_cannot_be_read_is_said_by_its_line() {
        let many = format!("v=0\n{}", "m=audio 1 RTP/AVP 0\n".repeat(MEDIA + 1));
        let long = format!("v=0\n{}", "a=x\n".repeat(LINES + 1));
        let huge = "v".repeat(BODY_BYTES + 1);
        for (text, error) in [
            ("", SdpError::NotSdp),
            ("o=x", SdpError::NotSdp),
            ("v=1", SdpError::NotSdp),
            ("v=0\nno line", SdpError::Line(2)),
            ("v=0\nm=audio x RTP/AVP 0", SdpError::Line(2)),
            ("v=0\nm=audio 70000 RTP/AVP 0", SdpError::Line(2)),
            ("v=0\nm=audio 4000 RTP/AVP", SdpError::Line(2)),
            ("v=0\nc=IN IP6 192.0.2.1", SdpError::Line(2)),
            ("v=0\nc=IN", SdpError::Line(2)),
            (many.as_str(), SdpError::TooLarge),
            (long.as_str(), SdpError::TooLarge),
            (huge.as_str(), SdpError::TooLarge),
        ] {
            assert_eq!(parse(text), Err(error));
        }
    }
}
