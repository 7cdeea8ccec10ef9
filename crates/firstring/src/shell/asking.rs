//! One question to name servers, and what they answer. RFC 1035, RFC 2782, RFC 3403, RFC 6891.
//!
//! Which questions are asked, and what the answers mean, is decided in `sip`; which servers are asked, by
//! [`resolving`](super::resolving).
//!
//! Invariants: an answer counts only if it comes from the server that was asked, with the number and the question it was
//! asked with; whatever else arrives is waited past. Every question ends within [`LONGEST`] of its time.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::base::iana::{Class, Rcode};
use domain::base::{Message, MessageBuilder, Name, Record as Wire, Rtype};
use domain::rdata::{A, Aaaa, Cname, Naptr, Soa, Srv};
use sip::{Answer, Question, Record, RecordKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long one server is given, first and when everybody is asked again.
const PATIENCE: [Duration; 2] = [Duration::from_millis(1_500), Duration::from_secs(3)];
/// Servers that are asked; RFC 1035 resolvers commonly know three.
pub const MOST_SERVERS: usize = 3;
/// The longest that one question takes: every server twice.
pub const LONGEST: Duration = Duration::from_millis(3 * (1_500 + 3_000));
/// What fits into one datagram everywhere. DNS Flag Day 2020.
const DATAGRAM: u16 = 1_232;
/// Records taken from one answer.
const MOST_RECORDS: usize = 64;

/// Asks the servers in turn, twice, until one knows. `None`: none could say.
pub async fn ask(servers: &[SocketAddr], question: &Question) -> Option<Answer> {
    for patience in PATIENCE {
        for server in servers.iter().take(MOST_SERVERS) {
            // One that failed, said that it cannot say, or said nothing: the next may know.
            if let Ok(Ok(Some(answer))) = timeout(patience, ask_one(*server, question)).await {
                return Some(answer);
            }
        }
    }
    None
}

/// One try at one server: as a datagram, and over a connection if the answer does not fit into one.
async fn ask_one(server: SocketAddr, question: &Question) -> io::Result<Option<Answer>> {
    let number = number();
    let Some(asked) = written(question, number) else { return Ok(None) };
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(&asked).await?;
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        match read(&buffer[..length], question, number) {
            Reply::Answer(answer) => return Ok(Some(answer)),
            Reply::Unable => return Ok(None),
            Reply::CutShort => return over_connection(server, &asked, question, number).await,
            Reply::Foreign => {}
        }
    }
}

/// RFC 1035 section 4.2.2: each message after its length.
async fn over_connection(
    server: SocketAddr,
    asked: &[u8],
    question: &Question,
    number: u16,
) -> io::Result<Option<Answer>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(asked.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), asked].concat()).await?;
    let mut buffer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut buffer).await?;
    match read(&buffer, question, number) {
        Reply::Answer(answer) => Ok(Some(answer)),
        Reply::Unable | Reply::CutShort | Reply::Foreign => Ok(None),
    }
}

/// Nobody who does not see the question can guess its number; the port it comes from is the system's to choose.
fn number() -> u16 {
    (RandomState::new().hash_one(0) & u64::from(u16::MAX)) as u16
}

fn written(question: &Question, number: u16) -> Option<Vec<u8>> {
    let name: Name<Vec<u8>> = question.name.parse().ok()?;
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_id(number);
    message.header_mut().set_rd(true);
    let mut message = message.question();
    message.push((name, wire_type(question.kind))).ok()?;
    let mut message = message.additional();
    message
        .opt(|opt| {
            opt.set_udp_payload_size(DATAGRAM);
            Ok(())
        })
        .ok()?;
    Some(message.finish())
}

fn wire_type(kind: RecordKind) -> Rtype {
    match kind {
        RecordKind::Naptr => Rtype::NAPTR,
        RecordKind::Srv => Rtype::SRV,
        RecordKind::A => Rtype::A,
        RecordKind::Aaaa => Rtype::AAAA,
    }
}

/// What a message turns out to be.
#[derive(Debug, PartialEq)]
enum Reply {
    /// It knows, even if that is that there is nothing.
    Answer(Answer),
    /// It cannot say.
    Unable,
    /// It did not fit.
    CutShort,
    /// It is no answer to this question.
    Foreign,
}

fn read(bytes: &[u8], question: &Question, number: u16) -> Reply {
    let Ok(message) = Message::from_octets(bytes) else { return Reply::Foreign };
    let header = message.header();
    let Ok(name) = question.name.parse::<Name<Vec<u8>>>() else { return Reply::Foreign };
    let same = message.sole_question().is_ok_and(|asked| {
        *asked.qname() == name && asked.qtype() == wire_type(question.kind) && asked.qclass() == Class::IN
    });
    if !header.qr() || header.id() != number || !same {
        return Reply::Foreign;
    }
    if header.tc() {
        return Reply::CutShort;
    }
    match header.rcode() {
        Rcode::NOERROR => records(&message, question.kind).map_or(Reply::Unable, Reply::Answer),
        Rcode::NXDOMAIN => Reply::Answer(Answer { records: Vec::new(), lasts: absence(&message) }),
        _ => Reply::Unable,
    }
}

type Read<'m> = Message<&'m [u8]>;

/// The records asked for, at the end of whatever aliases lead there.
fn records(message: &Read<'_>, kind: RecordKind) -> Option<Answer> {
    let end = message.canonical_name()?;
    let mut lasts = None;
    let aliases = message.answer().ok()?.limit_to_in::<Cname<_>>();
    for alias in aliases.take(MOST_RECORDS).filter_map(Result::ok) {
        shorten(&mut lasts, &alias);
    }
    let mut records = Vec::new();
    macro_rules! each {
        ($data:ty, $record:expr) => {
            for record in message.answer().ok()?.limit_to_in::<$data>().take(MOST_RECORDS) {
                let Ok(record) = record else { continue };
                if *record.owner() == end {
                    shorten(&mut lasts, &record);
                    records.push($record(record.data()));
                }
            }
        };
    }
    match kind {
        RecordKind::A => each!(A, |data: &A| Record::Address(IpAddr::V4(data.addr()))),
        RecordKind::Aaaa => each!(Aaaa, |data: &Aaaa| Record::Address(IpAddr::V6(data.addr()))),
        RecordKind::Srv => each!(Srv<_>, |data: &Srv<_>| Record::Srv {
            priority: data.priority(),
            weight: data.weight(),
            port: data.port(),
            target: shown(data.target()),
        }),
        RecordKind::Naptr => each!(Naptr<_, _>, |data: &Naptr<&[u8], _>| Record::Naptr {
            order: data.order(),
            preference: data.preference(),
            flags: String::from_utf8_lossy(data.flags().as_slice()).into_owned(),
            service: String::from_utf8_lossy(data.services().as_slice()).into_owned(),
            replacement: shown(data.replacement()),
        }),
    }
    let lasts = if records.is_empty() { absence(message) } else { lasts.unwrap_or_default() };
    Some(Answer { records, lasts })
}

/// A name without the dot at its end; the root, which stands for nothing at all, is empty.
fn shown(name: &impl ToString) -> String {
    name.to_string().trim_end_matches('.').to_owned()
}

fn shorten<N, D>(lasts: &mut Option<Duration>, record: &Wire<N, D>) {
    let its = Duration::from_secs(u64::from(record.ttl().as_secs()));
    *lasts = Some(lasts.map_or(its, |lasts| lasts.min(its)));
}

/// For how long it holds that there is nothing: as the zone says (RFC 2308 section 5), else a minute.
fn absence(message: &Read<'_>) -> Duration {
    let zone = message.authority().ok().and_then(|records| records.limit_to_in::<Soa<_>>().next());
    let said =
        zone.and_then(Result::ok).map(|zone| zone.ttl().as_secs().min(zone.data().minimum().as_secs()));
    Duration::from_secs(said.map_or(60, u64::from))
}

#[cfg(test)]
mod tests {
    use domain::base::message_builder::AnswerBuilder;
    use domain::base::{CharStr, ToName as _, Ttl};

    use super::*;

    const NUMBER: u16 = 4_711;

    fn question(name: &str, kind: RecordKind) -> Question {
        Question { name: name.to_owned(), kind }
    }

    fn name(text: &str) -> Name<Vec<u8>> {
        text.parse().unwrap()
    }

    /// An answer to a question, as a server writes it.
    fn answer(asked: &Question, rcode: Rcode, fill: impl FnOnce(&mut AnswerBuilder<Vec<u8>>)) -> Vec<u8> {
        let query = written(asked, NUMBER).unwrap();
        let query = Message::from_octets(query).unwrap();
        let mut answer = MessageBuilder::new_vec().start_answer(&query, rcode).unwrap();
        fill(&mut answer);
        answer.finish()
    }

    fn ttl(seconds: u32) -> Ttl {
        Ttl::from_secs(seconds)
    }

    fn srv() -> (Question, Vec<u8>) {
        let asked = question("_sip._udp.carrier.example", RecordKind::Srv);
        let bytes = answer(&asked, Rcode::NOERROR, |answer| {
            let end = name("_sip._udp.end.example");
            answer.push((name(&asked.name), ttl(20), Cname::new(end.clone()))).unwrap();
            answer.push((&end, ttl(300), Srv::new(10, 60, 5062, name("a.example")))).unwrap();
            answer.push((&end, ttl(300), Srv::new(20, 0, 0, Name::root_vec()))).unwrap();
            // What was not asked for does not count.
            answer.push((name("x.example"), ttl(1), Srv::new(0, 0, 1, name("x.example")))).unwrap();
            answer.push((name("a.example"), ttl(2), A::from_octets(192, 0, 2, 1))).unwrap();
        });
        (asked, bytes)
    }

    #[test]
    fn an_answer_is_read_to_the_end_of_its_aliases() {
        let (asked, bytes) = srv();
        let Reply::Answer(found) = read(&bytes, &asked, NUMBER) else { panic!("an answer") };
        let record = |priority, weight, port, target: &str| Record::Srv {
            priority,
            weight,
            port,
            target: target.to_owned(),
        };
        assert_eq!(found.records, [record(10, 60, 5062, "a.example"), record(20, 0, 0, "")]);
        assert_eq!(found.lasts, Duration::from_secs(20), "an alias that ends takes all with it");
    }

    #[test]
    fn services_and_addresses_are_read() {
        let asked = question("carrier.example", RecordKind::Naptr);
        let word = |text: &str| CharStr::from_octets(text.as_bytes().to_vec()).unwrap();
        let target = name("_sip._udp.carrier.example");
        let bytes = answer(&asked, Rcode::NOERROR, |answer| {
            let data = Naptr::new(10, 5, word("s"), word("SIP+D2U"), word(""), target.to_vec());
            answer.push((name("Carrier.Example"), ttl(60), data)).unwrap();
        });
        let Reply::Answer(found) = read(&bytes, &asked, NUMBER) else { panic!("an answer") };
        let expected = Record::Naptr {
            order: 10,
            preference: 5,
            flags: "s".to_owned(),
            service: "SIP+D2U".to_owned(),
            replacement: "_sip._udp.carrier.example".to_owned(),
        };
        assert_eq!(found.records, [expected]);
        for (kind, address) in [(RecordKind::A, "192.0.2.1"), (RecordKind::Aaaa, "2001:db8::1")] {
            let asked = question("pbx.example", kind);
            let bytes = answer(&asked, Rcode::NOERROR, |answer| match address.parse().unwrap() {
                IpAddr::V4(ip) => answer.push((name("pbx.example"), ttl(9), A::new(ip))).unwrap(),
                IpAddr::V6(ip) => answer.push((name("pbx.example"), ttl(9), Aaaa::new(ip))).unwrap(),
            });
            let Reply::Answer(found) = read(&bytes, &asked, NUMBER) else { panic!("an answer") };
            assert_eq!(found.records, [Record::Address(address.parse().unwrap())]);
        }
    }

    #[test]
    fn that_there_is_nothing_is_an_answer_and_that_nobody_knows_is_none() {
        let asked = question("nowhere.example", RecordKind::A);
        let nothing = Reply::Answer(Answer { records: Vec::new(), lasts: Duration::from_secs(60) });
        assert_eq!(read(&answer(&asked, Rcode::NXDOMAIN, |_| {}), &asked, NUMBER), nothing);
        assert_eq!(read(&answer(&asked, Rcode::NOERROR, |_| {}), &asked, NUMBER), nothing);
        for rcode in [Rcode::SERVFAIL, Rcode::REFUSED, Rcode::FORMERR] {
            assert_eq!(read(&answer(&asked, rcode, |_| {}), &asked, NUMBER), Reply::Unable);
        }
    }

    #[test]
    fn an_answer_to_something_else_is_waited_past() {
        let (asked, bytes) = srv();
        assert_eq!(read(&bytes, &asked, NUMBER + 1), Reply::Foreign, "another number");
        let other = question("_sip._udp.other.example", RecordKind::Srv);
        assert_eq!(read(&bytes, &other, NUMBER), Reply::Foreign, "another name");
        let other = question(&asked.name, RecordKind::A);
        assert_eq!(read(&bytes, &other, NUMBER), Reply::Foreign, "another kind");
        assert_eq!(read(&written(&asked, NUMBER).unwrap(), &asked, NUMBER), Reply::Foreign, "a question");
        let mut cut = bytes;
        cut[2] |= 0b10;
        assert_eq!(read(&cut, &asked, NUMBER), Reply::CutShort);
    }

    #[test]
    fn no_bytes_are_fatal() {
        let (asked, bytes) = srv();
        let mut seed = 1_u64;
        for round in 0..20_000 {
            let mut broken = bytes.clone();
            for _ in 0..=round % 4 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (seed >> 33) as usize % broken.len();
                broken[at] = (seed >> 24) as u8;
            }
            broken.truncate(bytes.len() - round % 32);
            if let Reply::Answer(answer) = read(&broken, &asked, NUMBER) {
                assert!(answer.records.len() <= MOST_RECORDS);
            }
        }
    }
}
