//! The part of `check` that asks carriers whether they are there, by OPTIONS (RFC 3261 section 11).
//!
//! Asked are the hosts a desk of this configuration sends to: the outbound proxy of each trunk, its registrar where
//! no proxy stands before it, and people at SIP addresses of their own. It asks from the address and over the transport the desk would use, and from another port, because
//! the desk's own may be in use. Whether a password is right shows only when the desk runs.
//!
//! Invariant: nothing but OPTIONS is sent, and no account is known here, so no password can be.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use futures_util::stream::FuturesUnordered;
use sip::Transport;
use sip::stream::{Piece, READ_AT_ONCE, Stream};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::timeout;

use super::{Config, Finding, Listen, Target, TrunkSettings, values};
use crate::run::seed;
use crate::shell::resolving::Resolver;
use crate::shell::tls::{Tls, Toward};

/// Looking up a name and waiting for an answer take no longer than this together.
const PATIENCE: Duration = Duration::from_secs(4);
/// A name with more targets than this is asked at no further.
const MOST_ADDRESSES: usize = 8;
/// Longer than any datagram.
const LONGEST: usize = 65_535;

/// What became of one question. The later, the more it tells.
#[derive(Debug)]
enum Reply {
    /// This machine could not even send it.
    Unsendable(IpAddr, io::Error),
    /// The far machine says that no program has this port.
    Closed,
    /// Somebody is there whom we do not believe, or who does not believe us.
    Untrusted(io::Error),
    /// Not a word.
    Silent,
    /// A final status: somebody is there.
    Answered(u16, Duration),
}

impl Reply {
    fn rank(&self) -> u8 {
        match self {
            Reply::Unsendable(..) => 0,
            Reply::Closed => 1,
            Reply::Silent => 2,
            Reply::Untrusted(_) => 3,
            Reply::Answered(..) => 4,
        }
    }
}

/// The hosts that are to be asked, each with the trunk or person it is for.
pub fn hosts(config: &Config) -> Vec<(String, Target)> {
    let of_trunk = |trunk: &TrunkSettings| {
        let about = format!("trunk {}", trunk.name);
        hosts_of(trunk).map(|host| (about.clone(), host.clone())).collect::<Vec<_>>()
    };
    let trunks = config.trunks.iter().flat_map(of_trunk);
    let people = config.addresses().map(|(name, _, host)| (format!("person {name}"), host));
    trunks.chain(people).collect()
}

fn hosts_of(trunk: &TrunkSettings) -> impl Iterator<Item = &Target> {
    let registrar = trunk.joining.as_ref().map(super::Joining::next_hop);
    let proxy = trunk.target().filter(|target| registrar != Some(*target));
    registrar.into_iter().chain(proxy)
}

/// One finding for each host, in the order of the trunks. All are asked side by side, for at most 4 seconds.
pub async fn reach(config: &Config) -> Vec<Finding> {
    let resolver = Resolver::new(&config.sip.name_servers);
    let tls = Tls::load(config).ok();
    let toward = |host: &Target| {
        let trunk = config.trunks.iter().find(|trunk| hosts_of(trunk).any(|one| one == host));
        tls.as_ref().and_then(|tls| tls.toward(trunk.map(|trunk| trunk.name.as_str())))
    };
    let ask = |(about, host)| {
        let secret = toward(&host);
        ask(about, host, &config.sip.listen, secret, &resolver)
    };
    let asked = hosts(config).into_iter().map(ask);
    let callers = config.trunks.iter().flat_map(|trunk| {
        trunk.accept_names.iter().map(|host| let_in(format!("trunk {}", trunk.name), host, &resolver))
    });
    let (callers, mut found) = join(join_all(callers), join_all(asked)).await;
    found.extend(callers);
    found
}

/// What is found where nobody is to be asked; nothing if there is nobody to ask.
pub fn unasked(config: &Config) -> Option<Finding> {
    let hosts = hosts(config);
    let names: Vec<String> = hosts.iter().map(|(_, host)| host.to_string()).collect();
    (!names.is_empty()).then(|| {
        Finding::weak(
            "carriers",
            format!("not asked whether they answer, because of --offline: {}", names.join(", ")),
            "run check without --offline",
        )
    })
}

/// Whether the addresses of a host in `accept_from` are to be found.
async fn let_in(about: String, host: &str, resolver: &Resolver) -> Finding {
    let found = timeout(PATIENCE, resolver.addresses(host)).await;
    let addresses = found.map(|found| found.targets.iter().map(|place| place.ip().to_string()).collect());
    match addresses.unwrap_or_else(|_| Vec::new()).as_slice() {
        [] => Finding::weak(
            about,
            format!("{host} in accept_from is not found, so its calls get no answer now"),
            "check its name, or this machine's name server; or write its addresses",
        ),
        addresses => Finding::fine(about, format!("{host} in accept_from is {}", addresses.join(", "))),
    }
}

async fn ask(
    about: String,
    host: Target,
    listen: &[Listen],
    toward: Option<Toward>,
    resolver: &Resolver,
) -> Finding {
    let began = Instant::now();
    let Some(found) = look_up(&host, resolver).await else {
        // It may be found later: a desk goes on looking, and answers meanwhile.
        return Finding::weak(
            about,
            format!("{host} is not found, so no call goes there now"),
            "check its name, or this machine's name server",
        );
    };
    let paths: Vec<_> =
        found.into_iter().filter_map(|remote| Some((facing(listen, remote)?, remote))).collect();
    if paths.is_empty() {
        return Finding::broken(
            about,
            format!("no [sip] listen address reaches {host}"),
            "add an address of its kind (IPv4 or IPv6) to sip.listen",
        );
    }
    let left = PATIENCE.saturating_sub(began.elapsed());
    told(about, &host, best_of(&host, paths, toward, left).await)
}

async fn look_up(host: &Target, resolver: &Resolver) -> Option<Vec<SocketAddr>> {
    let found = timeout(PATIENCE, resolver.find(host, sip::Transport::Udp)).await.ok()?;
    let found: Vec<SocketAddr> = found.targets.iter().take(MOST_ADDRESSES).collect();
    (!found.is_empty()).then_some(found)
}

/// Our side of the way there, as the desk chooses it: the first listening address of the same family.
fn facing(listen: &[Listen], remote: SocketAddr) -> Option<IpAddr> {
    listen.iter().map(|ours| ours.address.ip()).find(|ours| ours.is_ipv4() == remote.is_ipv4())
}

/// Asks every address at once; the first answer counts, else what tells most.
async fn best_of(
    host: &Target,
    paths: Vec<(IpAddr, SocketAddr)>,
    toward: Option<Toward>,
    patience: Duration,
) -> Reply {
    let question = |(ours, remote)| {
        let asked = question(host, ours, remote, toward.clone());
        async move {
            match timeout(patience, asked).await {
                Ok(Ok(reply)) => reply,
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Reply::Closed,
                Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Reply::Untrusted(error),
                Ok(Err(error)) => Reply::Unsendable(ours, error),
                Err(_) => Reply::Silent,
            }
        }
    };
    let mut asked: FuturesUnordered<_> = paths.into_iter().map(question).collect();
    let mut best = Reply::Silent;
    let mut first = true;
    while let Some(reply) = asked.next().await {
        if first || reply.rank() > best.rank() {
            best = reply;
        }
        first = false;
        if matches!(best, Reply::Answered(..)) {
            break;
        }
    }
    best
}

/// Asks one address until it answers. Errors are those of the socket; a closed port is `ConnectionRefused`.
async fn question(
    host: &Target,
    ours: IpAddr,
    remote: SocketAddr,
    toward: Option<Toward>,
) -> io::Result<Reply> {
    let began = Instant::now();
    let (mut way, local) = Way::to(host.transport, ours, remote, toward).await?;
    let path = sip::Path::over(host.transport, local, remote);
    let target = sip::Uri::parse(&format!("sip:{host}")).map_err(io::Error::other)?;
    let product = concat!("Firstring/", env!("CARGO_PKG_VERSION")).to_string();
    let mut agent = sip::Agent::new(sip::Setup { product, ..sip::Setup::default() }, seed());
    let probe = sip::Order::Probe { name: "check".into(), target, path };
    agent.handle(sip::Event::Order(probe), Duration::ZERO);
    loop {
        if let Some(status) = carry_out(&mut agent, &mut way).await? {
            return Ok(status.map_or(Reply::Silent, |status| Reply::Answered(status, began.elapsed())));
        }
        let due = agent.poll_deadline().map_or(PATIENCE, |deadline| deadline.at);
        match timeout(due.saturating_sub(began.elapsed()), way.receive()).await {
            Ok(bytes) => {
                let bytes = bytes?;
                agent.handle(sip::Event::Received { path, bytes }, began.elapsed());
            }
            Err(_) => agent.handle_deadline(began.elapsed()),
        }
    }
}

/// Does what the agent wants; gives what it was told once that is known.
async fn carry_out(agent: &mut sip::Agent, way: &mut Way) -> io::Result<Option<Option<u16>>> {
    while let Some(action) = agent.poll_action() {
        match action {
            sip::Action::Send { path: _, bytes } => way.send(&bytes).await?,
            sip::Action::Tell(sip::Notice::Probed { name: _, status }) => return Ok(Some(status)),
            // Nobody is let in here, and nothing else was ordered.
            sip::Action::Tell(_) => {}
        }
    }
    Ok(None)
}

/// The way to one address and back.
enum Way {
    Datagrams(UdpSocket, Vec<u8>),
    Connection(Box<dyn Duplex>, Stream, Vec<u8>),
}

/// Both directions of a connection, encrypted or not.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

impl Way {
    /// Opens it, and says where it begins.
    async fn to(
        transport: Transport,
        ours: IpAddr,
        remote: SocketAddr,
        toward: Option<Toward>,
    ) -> io::Result<(Way, SocketAddr)> {
        if transport == Transport::Udp {
            let socket = UdpSocket::bind((ours, 0)).await?;
            socket.connect(remote).await?;
            let local = socket.local_addr()?;
            return Ok((Way::Datagrams(socket, vec![0; LONGEST]), local));
        }
        let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind((ours, 0).into())?;
        let stream = socket.connect(remote).await?;
        let local = stream.local_addr()?;
        let stream: Box<dyn Duplex> = match (transport, toward) {
            (Transport::Tls, Some((connector, name))) => Box::new(connector.connect(name, stream).await?),
            (Transport::Tls, None) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "no certificates"));
            }
            (Transport::Udp | Transport::Tcp, _) => Box::new(stream),
        };
        Ok((Way::Connection(stream, Stream::new(), vec![0; READ_AT_ONCE]), local))
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Way::Datagrams(socket, _) => socket.send(bytes).await.map(drop),
            Way::Connection(stream, ..) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// The next message. Waiting for it may be broken off.
    async fn receive(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Way::Datagrams(socket, buffer) => {
                let length = socket.recv(buffer).await?;
                Ok(buffer[..length].to_vec())
            }
            Way::Connection(stream, said, buffer) => loop {
                while let Some(piece) = said.poll().map_err(io::Error::other)? {
                    if let Piece::Message(bytes) = piece {
                        return Ok(bytes);
                    }
                }
                let length = stream.read(buffer).await?;
                if length == 0 {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                said.put(&buffer[..length]);
            },
        }
    }
}

fn told(about: String, host: &Target, reply: Reply) -> Finding {
    match reply {
        Reply::Answered(status, after) => {
            Finding::fine(about, format!("{host} answers, {status} after {} ms", after.as_millis()))
        }
        Reply::Silent => Finding::weak(
            about,
            format!(
                "{host} did not answer within {} s; some carriers do not answer OPTIONS from a port they do not know",
                PATIENCE.as_secs()
            ),
            match host.transport {
                Transport::Udp => {
                    "check its name and port, and that the firewall lets UDP out and its answers in"
                }
                Transport::Tcp | Transport::Tls => {
                    "check its name and port, and that the firewall lets connections out"
                }
            },
        ),
        // A far program that is down for now is no fault of this configuration.
        Reply::Untrusted(error) => Finding::broken(
            about,
            format!("{host} and this machine do not trust each other: {error}"),
            "check trust, the certificate's host, and client_certificate",
        ),
        Reply::Closed => Finding::weak(
            about,
            format!("the machine at {host} says that nothing listens there now"),
            format!(
                "check its name and port, and that it takes SIP over {}",
                host.transport.to_string().to_uppercase()
            ),
        ),
        Reply::Unsendable(ours, error) => Finding::broken(
            about,
            format!("nothing can be sent to {host} from {ours}: {}", values::plain(&error)),
            "check this machine's network, and sip.listen",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Target {
        values::target("sip.example.com").unwrap()
    }

    #[test]
    fn any_final_status_counts_as_there() {
        for status in [200, 404, 503] {
            let finding =
                told("trunk main".into(), &host(), Reply::Answered(status, Duration::from_micros(12_400)));
            let says = format!("sip.example.com answers, {status} after 12 ms");
            assert_eq!(finding, Finding::fine("trunk main", says));
        }
    }

    #[test]
    fn a_carrier_is_asked_from_an_address_of_its_own_family() {
        let listen: Vec<Listen> =
            ["udp:0.0.0.0:5060", "tcp:[::1]:5060"].map(|one| values::sip_listen(one).unwrap()).into();
        let far = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert_eq!(facing(&listen, far("192.0.2.10:5060")), Some(listen[0].address.ip()));
        assert_eq!(facing(&listen, far("[2001:db8::1]:5060")), Some(listen[1].address.ip()));
        assert_eq!(facing(&listen[..1], far("[2001:db8::1]:5060")), None);
    }
}
