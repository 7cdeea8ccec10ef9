//! One SIP connection: made or taken, read, cut into messages, written, and closed when it goes on too long.
//!
//! A connection is a task beside the control thread. Invariants: a message that has begun is whole within 5 s, and the first
//! thing on a connection that was opened to us is said within 10 s, or the connection is closed; at most 64 messages of one
//! connection wait for the control thread, and meanwhile nothing more is read from it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sip::Path;
use sip::stream::{Piece, READ_AT_ONCE, Stream};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::marking::{self, Class};
use crate::shell::inbox::Inbox;
use crate::shell::tls::{Tls, Toward};
use crate::shell::trusting::Trusting;

/// A far end that takes longer than this is not there: callers wait. One SYN may be lost within it.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// TLS is agreed upon so long after the connection was made.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// A message is whole so long after its first byte.
const MESSAGE_WITHIN: Duration = Duration::from_secs(5);
/// Whoever opens a connection has something to say.
const FIRST_WITHIN: Duration = Duration::from_secs(10);
/// A connection on which nothing was said for so long is of no use. Calls say something every half hour.
const IDLE: Duration = Duration::from_secs(3_600);
/// A message that cannot be written for so long never will be.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// A far machine that acknowledges nothing for so long is gone: keep-alives are sent every 25 s.
const GONE: Duration = Duration::from_secs(20);
/// Messages of one connection that wait for the control thread.
const AHEAD: usize = 64;

/// What a connection reports.
#[derive(Debug)]
pub enum Report {
    /// One message arrived.
    Heard(Path, Vec<u8>, OwnedSemaphorePermit),
    /// It was opened to us by TLS, and this is what its far end has proved; it is closed unless it is admitted.
    Shown(Path, sip::Proof, oneshot::Sender<Admitted>),
    /// It was up and is no more.
    Ended(Path),
    /// It could not be made.
    Unreached(Path),
    /// The same, because the two sides do not trust each other; why, and what helps.
    Mistrusted(Path, String),
}

/// The far end of a connection may say something.
#[derive(Debug)]
pub struct Admitted;

/// How connections that are opened to us by TLS are answered.
pub struct Door {
    /// With which certificate of ours.
    pub acceptor: TlsAcceptor,
    /// Looks at theirs, if they are asked for any.
    pub asks: Option<Arc<Tls>>,
}

/// The task's side of a connection.
#[derive(Debug)]
pub struct Wire {
    number: u64,
    path: Path,
    waiting: mpsc::Receiver<Vec<u8>>,
    /// For what the connection itself has to say. Weak: when the control thread lets go of it, it ends.
    own: mpsc::WeakSender<Vec<u8>>,
    inbox: Inbox,
}

impl Wire {
    /// The side of a connection that leads along `path`; `waiting` is what is to be written.
    pub fn new(
        number: u64,
        path: Path,
        waiting: mpsc::Receiver<Vec<u8>>,
        own: mpsc::WeakSender<Vec<u8>>,
        inbox: Inbox,
    ) -> Wire {
        Wire { number, path, waiting, own, inbox }
    }
}

/// Serves a connection that was opened to us, until it ends; encrypted if `secret` is given.
pub async fn answer(stream: TcpStream, wire: Wire, secret: Option<Door>) {
    look_alive(&stream);
    let Some(secret) = secret else { return serve(stream, wire, Some(FIRST_WITHIN), None).await };
    match timeout(HANDSHAKE_WITHIN, secret.acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let proof = secret.asks.map(|tls| tls.proof(shown));
            match admitted(&wire, proof).await {
                true => serve(stream, wire, Some(FIRST_WITHIN), None).await,
                false => wire.inbox.post_wire(wire.number, Report::Ended(wire.path)),
            }
        }
        failed => {
            let why = failed.map_or_else(
                |_| "it takes too long".to_string(),
                |failed| failed.err().map(|error| error.to_string()).unwrap_or_default(),
            );
            tracing::debug!(from = %wire.path.remote, why, "A connection by TLS came to nothing");
            wire.inbox.post_wire(wire.number, Report::Ended(wire.path));
        }
    }
}

/// Whether a far end that was asked what it can prove may say something.
async fn admitted(wire: &Wire, proof: Option<sip::Proof>) -> bool {
    let Some(proof) = proof else { return true };
    let (answer, admitted) = oneshot::channel();
    wire.inbox.post_wire(wire.number, Report::Shown(wire.path, proof, answer));
    admitted.await.is_ok()
}

/// Makes a connection and serves it until it ends; encrypted if `secret` is given, and `marked` for routers or not.
pub async fn connect(wire: Wire, secret: Option<Toward>, marked: bool) {
    let stream = match timeout(CONNECT_WITHIN, reach(wire.path)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return unreached(wire, &error),
        Err(_) => return unreached(wire, &io::ErrorKind::TimedOut.into()),
    };
    look_alive(&stream);
    if marked {
        marking::mark(&stream, wire.path.remote, Class::Signalling);
    }
    let Some((connector, host)) = secret else { return serve(stream, wire, None, None).await };
    let trusting = Trusting::of(&connector, &host);
    match timeout(HANDSHAKE_WITHIN, connector.connect(host, stream)).await {
        Ok(Ok(stream)) => serve(stream, wire, None, Some(trusting)).await,
        Ok(Err(error)) => match trusting.mistrust(&error) {
            Some(why) => wire.inbox.post_wire(wire.number, Report::Mistrusted(wire.path, why)),
            None => unreached(wire, &error),
        },
        Err(_) => unreached(wire, &slow("TLS")),
    }
}

fn unreached(wire: Wire, error: &io::Error) {
    tracing::debug!(to = %wire.path.remote, transport = %wire.path.transport, %error, "No SIP connection can be made");
    wire.inbox.post_wire(wire.number, Report::Unreached(wire.path));
}

/// Connects from where we listen, so that the far end knows the connection by our Contact; where the system has that way
/// taken still, from any port.
async fn reach(path: Path) -> io::Result<TcpStream> {
    let from_home = async {
        let socket = socket_toward(path)?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(path.local)?;
        socket.connect(path.remote).await
    };
    match from_home.await {
        Err(error) if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable) => {
            socket_toward(path)?.connect(path.remote).await
        }
        other => other,
    }
}

fn socket_toward(path: Path) -> io::Result<TcpSocket> {
    if path.remote.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

/// Small messages leave at once, and a far machine that is gone is noticed. A system that cannot do either still talks.
fn look_alive(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    let tuned = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_user_timeout(Some(GONE)))
        .and_then(|()| socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(GONE)));
    if let Err(error) = tuned {
        tracing::debug!(%error, "A SIP connection cannot be watched");
    }
}

/// Reads and writes until one of the two ends. Whoever does not accept our certificate may say so only afterwards (RFC 8446
/// section 4.4.2.4), and closes with what we have written unread: so what it says is read first.
async fn serve(
    stream: impl AsyncRead + AsyncWrite,
    wire: Wire,
    first_within: Option<Duration>,
    trusting: Option<Trusting>,
) {
    let Wire { number, path, waiting, own, inbox } = wire;
    let (reader, writer) = tokio::io::split(stream);
    let reading = Reading { number, path, own, inbox: inbox.clone(), ahead: Arc::new(Semaphore::new(AHEAD)) };
    let ended = tokio::select! {
        biased;
        ended = reading.read(reader, first_within) => ended,
        ended = write(writer, waiting) => ended,
    };
    let error = ended.err();
    let why = error.as_ref().map(ToString::to_string);
    tracing::debug!(with = %path.remote, transport = %path.transport, why, "A SIP connection has ended");
    let mistrust = error.and_then(|error| trusting?.mistrust(&error));
    let report = mistrust.map_or(Report::Ended(path), |why| Report::Mistrusted(path, why));
    inbox.post_wire(number, report);
}

/// Writes what is waiting, until the control thread lets go of the connection.
async fn write(mut writer: impl AsyncWrite + Unpin, mut waiting: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(bytes) = waiting.recv().await {
        timeout(WRITE_WITHIN, writer.write_all(&bytes)).await.map_err(|_| slow("writing"))??;
        timeout(WRITE_WITHIN, writer.flush()).await.map_err(|_| slow("writing"))??;
    }
    timeout(WRITE_WITHIN, writer.shutdown()).await.map_err(|_| slow("closing"))?
}

fn slow(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} takes too long"))
}

/// The reading half.
struct Reading {
    number: u64,
    path: Path,
    own: mpsc::WeakSender<Vec<u8>>,
    inbox: Inbox,
    ahead: Arc<Semaphore>,
}

impl Reading {
    async fn read(
        &self,
        mut reader: impl AsyncRead + Unpin,
        first_within: Option<Duration>,
    ) -> io::Result<()> {
        let mut stream = Stream::new();
        let mut buffer = vec![0; READ_AT_ONCE];
        let mut until = Instant::now() + first_within.unwrap_or(IDLE);
        let mut began: Option<Instant> = None;
        loop {
            let length =
                timeout_at(until, reader.read(&mut buffer)).await.map_err(|_| slow("a message"))??;
            if length == 0 {
                return Ok(());
            }
            stream.put(&buffer[..length]);
            let said = self.cut(&mut stream).await?;
            // Whoever sends byte by byte gets no more time than who sends at once.
            began = if !stream.is_amid_message() {
                None
            } else if said {
                Some(Instant::now())
            } else {
                began.or(Some(Instant::now()))
            };
            match began {
                Some(began) => until = began + MESSAGE_WITHIN,
                None if said => until = Instant::now() + IDLE,
                None => {}
            }
        }
    }

    /// Reports every message that is whole. True if anything was said.
    async fn cut(&self, stream: &mut Stream) -> io::Result<bool> {
        let mut said = false;
        while let Some(piece) = stream.poll().map_err(io::Error::other)? {
            said = true;
            match piece {
                Piece::Message(bytes) => {
                    let permit = Arc::clone(&self.ahead).acquire_owned().await.map_err(io::Error::other)?;
                    self.inbox.post_wire(self.number, Report::Heard(self.path, bytes, permit));
                }
                Piece::Ping => self.pong()?,
                Piece::Pong => {}
            }
        }
        Ok(said)
    }

    /// The answer to a question whether the way is open. RFC 5626 section 3.5.1.
    fn pong(&self) -> io::Result<()> {
        let Some(own) = self.own.upgrade() else { return Ok(()) };
        own.try_send(b"\r\n".to_vec()).map_err(|_| slow("writing"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;
    use crate::shell::inbox::Letter;

    const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n";

    /// A connection that is served, seen from its far end: what it may be sent by, and what it reports.
    struct Stage {
        far: DuplexStream,
        queue: mpsc::Sender<Vec<u8>>,
        letters: std::sync::mpsc::Receiver<Letter>,
        _poll: mio::Poll,
    }

    fn opened() -> Stage {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (inbox, letters) = Inbox::new(waker);
        let (near, far) = duplex(1 << 20);
        let (queue, waiting) = mpsc::channel(4);
        let path = Path::over(
            sip::Transport::Tcp,
            "192.0.2.1:5060".parse().unwrap(),
            "192.0.2.2:40000".parse().unwrap(),
        );
        let wire = Wire::new(7, path, waiting, queue.downgrade(), inbox);
        tokio::spawn(serve(near, wire, Some(FIRST_WITHIN), None));
        Stage { far, queue, letters, _poll: poll }
    }

    impl Stage {
        /// What was reported so far.
        fn reports(&self) -> Vec<&'static str> {
            let name = |letter| match letter {
                Letter::Wire { number: 7, report: Report::Heard(..) } => "heard",
                Letter::Wire { number: 7, report: Report::Ended(_) } => "ended",
                other => panic!("{other:?}"),
            };
            self.letters.try_iter().map(name).collect()
        }

        async fn after(&self, time: Duration) -> Vec<&'static str> {
            tokio::time::sleep(time).await;
            self.reports()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_opens_a_connection_and_says_nothing_is_not_waited_for() {
        let stage = opened();
        assert_eq!(stage.after(FIRST_WITHIN - Duration::from_millis(1)).await, [""; 0]);
        assert_eq!(stage.after(Duration::from_millis(2)).await, ["ended"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_comes_byte_by_byte_has_five_seconds() {
        for (pause_ms, reports) in [(100, vec!["heard"]), (200, vec!["ended"])] {
            let mut stage = opened();
            for byte in OPTIONS {
                let _ = stage.far.write_all(&[*byte]).await;
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
            assert_eq!(stage.reports(), reports, "{pause_ms} ms between bytes");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_of_use_may_be_idle_for_an_hour() {
        let mut stage = opened();
        stage.far.write_all(OPTIONS).await.unwrap();
        assert_eq!(stage.after(IDLE - Duration::from_secs(1)).await, ["heard"]);
        assert_eq!(stage.after(Duration::from_secs(2)).await, ["ended"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_whether_the_way_is_open_is_answered() {
        let mut stage = opened();
        stage.far.write_all(b"\r\n\r\n").await.unwrap();
        let mut answer = [0; 2];
        stage.far.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"\r\n");
        assert_eq!(stage.reports(), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_sip_closes_the_connection() {
        let mut stage = opened();
        stage.far.write_all(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").await.unwrap();
        assert_eq!(stage.after(Duration::from_millis(1)).await, ["ended"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_more_is_read_while_the_control_thread_is_behind() {
        let mut stage = opened();
        stage.far.write_all(&OPTIONS.repeat(AHEAD + 10)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let first: Vec<Letter> = stage.letters.try_iter().collect();
        assert_eq!(first.len(), AHEAD);
        drop(first);
        assert_eq!(stage.after(Duration::from_millis(1)).await, ["heard"; 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_far_end_that_takes_nothing_is_given_up() {
        let stage = opened();
        let whole = vec![b'a'; 1 << 20];
        for _ in 0..2 {
            stage.queue.send(whole.clone()).await.unwrap();
        }
        assert_eq!(stage.after(WRITE_WITHIN + Duration::from_millis(1)).await, ["ended"]);
    }
}
