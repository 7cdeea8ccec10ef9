//! SIP over connections: which there are, who may open one, and what happens to bytes on their way in and out.
//!
//! The control thread accepts and sends; each connection is a task that reads, cuts messages and writes
//! ([`wire`]), and reports by [`Letter::Wire`](super::inbox::Letter::Wire). What a lost connection means
//! is the user agent's to decide.
//!
//! Bounds: 32 connections from one address, 512 in all, and as many that we open. Drop rule: a connection whose far end
//! does not take what it is sent is closed once its queue is full. Invariant: nothing here waits; a connection from somebody
//! who may not call is closed before a byte of SIP is read. Who has to prove by a certificate to be somebody shakes hands first:
//! 32 at once, 4 of one address.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use sip::{Path, Transport};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::config::Listen;
use crate::marking::{self, Class};
use crate::shell::inbox::Inbox;
use crate::shell::tls::Tls;
use crate::shell::wire::{self, Report, Wire};

/// Connections that one address may have open to us. A telephone system needs one, or a few.
const FROM_ONE: usize = 32;
/// Connections that all may have open to us together.
const FROM_ALL: usize = 512;
/// Connections from unknown addresses, together, whose far end has yet to prove who it is; a handshake takes at most 5 s.
const UNPROVED: usize = 32;
/// The same from one address.
const UNPROVED_FROM_ONE: usize = 4;
/// Connections that we open.
const TO_ALL: usize = 512;
/// Messages that wait to be written on one connection.
const QUEUE: usize = 256;
/// Connections that may wait to be accepted; a burst of 20,000 a second fills this in 6 ms, and the rest tries again.
const BACKLOG: i32 = 128;
/// That there is still no trust is told so often.
const TOLD_AGAIN: Duration = Duration::from_secs(3_600);
/// Connections looked at before the calls are looked after.
const BATCH: usize = 16;

/// Where connections come in, and those that are up or being made.
#[derive(Debug)]
pub struct Connections {
    listeners: Vec<Listener>,
    open: BTreeMap<(Transport, SocketAddr), Open>,
    opened: u64,
    marked: bool,
    tls: Arc<Tls>,
    /// Whose addresses are connected to by TLS.
    trunks: BTreeMap<IpAddr, Arc<str>>,
    /// Where there is no trust, why, and when that was told.
    mistrusted: BTreeMap<IpAddr, (String, Instant)>,
    runtime: Handle,
    inbox: Inbox,
}

#[derive(Debug)]
struct Listener {
    transport: Transport,
    socket: TcpListener,
    local: SocketAddr,
}

#[derive(Debug)]
struct Open {
    /// Reports of a connection that was replaced are told apart by this.
    number: u64,
    path: Path,
    /// The far end opened it.
    from_outside: bool,
    /// It comes from an unknown address, and nobody knows yet who is there.
    unproved: bool,
    queue: mpsc::Sender<Vec<u8>>,
}

/// Who may open a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Welcome {
    /// Whoever is at this address.
    Known,
    /// Whoever proves by TLS to be somebody.
    WithProof,
    /// Nobody.
    No,
}

/// What became of somebody who knocked.
#[derive(Debug, PartialEq, Eq)]
pub enum Knock {
    /// Nobody is waiting.
    Nobody,
    /// Let in, or closed because there are too many.
    Seen,
    /// Closed unread: this one may not call.
    Stranger(SocketAddr),
}

impl Connections {
    /// Listens wherever connections are to come in. Tokens count from `first`.
    pub fn bind(
        listen: &[Listen],
        first: usize,
        registry: &Registry,
        tls: Arc<Tls>,
        runtime: Handle,
        inbox: Inbox,
    ) -> io::Result<Connections> {
        let mut listeners = Vec::new();
        for Listen { transport, address } in listen.iter().filter(|one| one.transport.is_reliable()) {
            let socket = listen_on(*address).map_err(|why| {
                let says = format!("SIP cannot listen on {transport}:{address}; change [sip] listen, or end what listens there: {why}");
                io::Error::new(why.kind(), says)
            })?;
            let token = Token(first + listeners.len());
            registry.register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
            let local = socket.local_addr()?;
            listeners.push(Listener { transport: *transport, socket, local });
        }
        let (open, trunks, mistrusted) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (opened, marked) = (0, false);
        Ok(Connections { listeners, open, opened, marked, tls, trunks, mistrusted, runtime, inbox })
    }

    /// What leaves on connections, made or taken, is marked for the routers on its way.
    pub fn mark(&mut self) {
        self.marked = true;
        for Listener { socket, local, .. } in &self.listeners {
            marking::mark(socket, *local, Class::Signalling); // those that are taken begin as their door is
        }
    }

    /// Whose this address is: its certificate is asked for there.
    pub fn leads_to(&mut self, remote: IpAddr, trunk: &str) {
        self.trunks.insert(remote, trunk.into());
    }

    /// Where each listens, with the port the system chose.
    pub fn listening(&self) -> impl Iterator<Item = Listen> {
        self.listeners.iter().map(|one| Listen { transport: one.transport, address: one.local })
    }

    /// Lets some of those in who knock, by what `welcome` says of their address. True if more may be waiting.
    pub fn accept(&mut self, welcome: impl Fn(IpAddr) -> Welcome, mut shut: impl FnMut(SocketAddr)) -> bool {
        let mut more = false;
        for index in 0..self.listeners.len() {
            for _ in 0..BATCH {
                match self.accept_one(index, &welcome) {
                    Ok(Knock::Nobody) => break,
                    Ok(Knock::Seen) | Err(_) => {}
                    Ok(Knock::Stranger(source)) => shut(source),
                }
                more = true;
            }
        }
        more
    }

    /// Errors are those of one connection that came to nothing; the listener is well.
    fn accept_one(&mut self, index: usize, welcome: impl Fn(IpAddr) -> Welcome) -> io::Result<Knock> {
        let listener = &self.listeners[index];
        let (stream, remote) = match listener.socket.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Knock::Nobody),
            // Without a descriptor to spare the next one fails just so: it waits for the next readiness.
            Err(error) if is_exhaustion(&error) => return Ok(Knock::Nobody),
            Err(error) => return Err(error),
        };
        let unproved = match welcome(remote.ip()) {
            Welcome::Known => false,
            Welcome::WithProof if listener.transport == Transport::Tls => true,
            Welcome::WithProof | Welcome::No => return Ok(Knock::Stranger(remote)),
        };
        let path = Path::over(listener.transport, stream.local_addr()?, remote);
        if self.is_full_for(path) || (unproved && self.is_crowded_at(remote.ip())) {
            tracing::debug!(from = %remote.ip(), "Too many SIP connections, one more is closed");
            return Ok(Knock::Seen);
        }
        stream.set_nonblocking(true)?;
        let _runtime = self.runtime.enter();
        let stream = TcpStream::from_std(stream)?;
        let secret = match path.transport {
            Transport::Tls => self.tls.door(),
            Transport::Udp | Transport::Tcp => None,
        };
        let (wire, queue) = self.wire(path);
        self.runtime.spawn(wire::answer(stream, wire, secret));
        self.enter(path, true, queue).unproved = unproved;
        Ok(Knock::Seen)
    }

    fn is_crowded_at(&self, address: IpAddr) -> bool {
        let waiting = || self.open.values().filter(|one| one.unproved);
        let same = waiting().filter(|one| one.path.remote.ip() == address).count();
        waiting().count() >= UNPROVED || same >= UNPROVED_FROM_ONE
    }

    /// The far end of a connection has proved who it is, or need not.
    pub fn admit(&mut self, number: u64, path: Path) {
        let open = self.open.get_mut(&(path.transport, path.remote));
        if let Some(open) = open.filter(|open| open.number == number) {
            open.unproved = false;
        }
    }

    fn is_full_for(&self, path: Path) -> bool {
        let outside = self.open.values().filter(|one| one.from_outside);
        let (mut all, mut same) = (0, 0);
        for one in outside {
            all += 1;
            same += usize::from(one.path.remote.ip() == path.remote.ip());
        }
        all >= FROM_ALL || same >= FROM_ONE || self.open.contains_key(&(path.transport, path.remote))
    }

    /// Sends one message over the connection that leads there, or over a new one. What is wrong is reported like what goes
    /// wrong later.
    pub fn send(&mut self, path: Path, bytes: Vec<u8>) {
        let key = (path.transport, path.remote);
        if !self.open.contains_key(&key) && !self.connect(path) {
            return self.inbox.post_wire(0, Report::Unreached(path));
        }
        let Some(open) = self.open.get(&key) else { return };
        if open.queue.try_send(bytes).is_err() {
            // Its report that it has ended is on the way, or it takes nothing any more: both times it has ended.
            let number = open.number;
            tracing::debug!(to = %path.remote, "A SIP connection takes nothing any more, it is closed");
            self.inbox.post_wire(number, Report::Ended(path));
        }
    }

    /// False if there is no room for one more, or nobody knows whose certificate to ask for.
    fn connect(&mut self, path: Path) -> bool {
        let secret = match path.transport {
            Transport::Tls => {
                let trunk = self.trunks.get(&path.remote.ip()).map(|trunk| &**trunk);
                let Some(secret) = self.tls.toward(trunk) else { return false };
                Some(secret)
            }
            Transport::Udp | Transport::Tcp => None,
        };
        if self.open.values().filter(|one| !one.from_outside).count() >= TO_ALL {
            return false;
        }
        let (wire, queue) = self.wire(path);
        self.runtime.spawn(wire::connect(wire, secret, self.marked));
        self.enter(path, false, queue);
        true
    }

    fn wire(&mut self, path: Path) -> (Wire, mpsc::Sender<Vec<u8>>) {
        self.opened += 1;
        let (queue, waiting) = mpsc::channel(QUEUE);
        let wire = Wire::new(self.opened, path, waiting, queue.clone().downgrade(), self.inbox.clone());
        (wire, queue)
    }

    fn enter(&mut self, path: Path, from_outside: bool, queue: mpsc::Sender<Vec<u8>>) -> &mut Open {
        let open = Open { number: self.opened, path, from_outside, unproved: false, queue };
        self.open.entry((path.transport, path.remote)).insert_entry(open).into_mut()
    }

    /// There is no trust between us and this address: told when it begins, when it changes, and now and then.
    pub fn mistrusts(&mut self, remote: IpAddr, why: &str) {
        let known = self.mistrusted.get(&remote);
        if known.is_none_or(|(told, at)| told != why || at.elapsed() >= TOLD_AGAIN) {
            tracing::warn!(to = %remote, why, "No connection by TLS");
            self.mistrusted.insert(remote, (why.to_owned(), Instant::now()));
        }
    }

    /// Something was heard from this address over a connection.
    pub fn trusts(&mut self, remote: IpAddr) {
        self.mistrusted.remove(&remote);
    }

    /// Takes out a connection that reported its end. False if it is not the one that is known now.
    pub fn has_ended(&mut self, number: u64, path: Path) -> bool {
        let key = (path.transport, path.remote);
        let known = self.open.get(&key).is_some_and(|open| open.number == number);
        if known {
            self.open.remove(&key);
        }
        known
    }
}

/// The port is ours alone when it is bound. Afterwards it is opened to our own connections, so that they come from where
/// we listen: who is to call back along them finds them by the address in our Contact.
fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM.nonblocking(),
        None,
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_reuse_port(true)?;
    Ok(socket.into())
}

fn is_exhaustion(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    code.is_some_and(|code| [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].contains(&code))
}
