//! One worker process and its socket.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::worker::Kind;
use crate::worker::wire::{self, Message, VERSION, WireError};

/// A worker that has not greeted by then is given up.
const GREETING_DEADLINE: Duration = Duration::from_secs(5);

/// How to start a worker: the kind (`hear`, `speak`, `check`) is added as the last argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,
    /// What comes before the kind.
    pub args: Vec<OsString>,
}

impl WorkerCommand {
    /// The running program itself, as `firstring worker KIND`.
    ///
    /// Started through `/proc` where there is one: a worker stays the same version as the desk even when the file on
    /// disk was replaced meanwhile.
    pub fn this_program() -> std::io::Result<WorkerCommand> {
        let own = Path::new("/proc/self/exe");
        let program = if own.exists() { own.to_owned() } else { std::env::current_exe()? };
        Ok(WorkerCommand { program, args: vec![OsString::from("worker")] })
    }
}

/// Why a worker did not start or did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkerError {
    #[error("the worker could not be started: {0}")]
    Start(#[from] std::io::Error),
    #[error("the worker ended or spoke nonsense: {0}")]
    Wire(#[from] WireError),
    #[error("the worker refused: {0}")]
    Refused(String),
    #[error("the worker was silent for {0:?}")]
    Silent(Duration),
}

/// A running worker that has greeted. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) child: Child,
    pub(super) from: FromWorker,
    pub(super) to: ToWorker,
}

#[derive(Debug)]
pub(super) struct FromWorker(BufReader<OwnedReadHalf>);

#[derive(Debug)]
pub(super) struct ToWorker(OwnedWriteHalf);

impl Worker {
    /// Starts a worker with nothing but its end of a socket pair, and greets it.
    pub(super) async fn start(command: &WorkerCommand, kind: Kind) -> Result<Worker, WorkerError> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let own_name = std::env::args_os().next().unwrap_or_else(|| command.program.clone().into());
        let child = Command::new(&command.program)
            // Otherwise a process list would show the path under /proc.
            .arg0(own_name)
            .args(&command.args)
            .arg(kind.word())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            // A group of its own: Ctrl-C in a terminal ends the desk in good order, not the voices of its calls.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (from, to) = UnixStream::from_std(ours)?.into_split();
        let mut worker = Worker { child, from: FromWorker(BufReader::new(from)), to: ToWorker(to) };
        match worker.ask(&Message::Hello { version: VERSION }, GREETING_DEADLINE).await? {
            Message::Hello { version } if version == VERSION => Ok(worker),
            Message::Hello { version } => Err(WireError::OtherVersion(version).into()),
            _ => Err(WireError::OutOfOrder.into()),
        }
    }

    /// Sends one message and waits for one. `Refused` comes back as an error.
    pub(super) async fn ask(
        &mut self,
        message: &Message,
        deadline: Duration,
    ) -> Result<Message, WorkerError> {
        let exchange = async {
            self.to.tell(message).await?;
            self.from.next().await
        };
        match timeout(deadline, exchange).await {
            Err(_) => Err(WorkerError::Silent(deadline)),
            Ok(Ok(Message::Refused { problem })) => Err(WorkerError::Refused(problem)),
            Ok(answer) => Ok(answer?),
        }
    }

    /// Like [`Worker::ask`], for what is answered by `Ready`.
    pub(super) async fn order(&mut self, message: &Message, deadline: Duration) -> Result<(), WorkerError> {
        match self.ask(message, deadline).await? {
            Message::Ready => Ok(()),
            _ => Err(WireError::OutOfOrder.into()),
        }
    }

    /// Still running, as far as the system knows?
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl FromWorker {
    /// The next message. Not to be dropped in the middle and called again.
    pub(super) async fn next(&mut self) -> Result<Message, WireError> {
        let mut prefix = [0; 4];
        match self.0.read_exact(&mut prefix).await {
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Err(WireError::Closed),
            Err(e) => return Err(e.into()),
        }
        let mut content = vec![0; wire::checked_length(prefix)?];
        self.0.read_exact(&mut content).await?;
        wire::decode(&content)
    }
}

impl ToWorker {
    pub(super) async fn tell(&mut self, message: &Message) -> Result<(), WireError> {
        self.0.write_all(&wire::encode(message)).await?;
        Ok(())
    }
}
