//! The worker processes: the C engines live here, apart from the calls.
//!
//! `firstring worker hear` and `firstring worker speak` end up in [`main`]. A worker talks to the desk over the Unix
//! socket it gets as standard input and ends when that closes, so it never outlives the desk. It opens no other file
//! than the model and its dictionary, and no network.

pub mod wire;

mod hear;
mod speak;

use std::io::{BufReader, BufWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use wire::{Message, VERSION, WireError};

/// Most grammars one question may name.
pub const MOST_GRAMMARS_ASKED: usize = 4;

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Listens to one call.
    Hear,
    /// Renders texts.
    Speak,
    /// Says how unknown words are pronounced and tries grammars: a hearing worker that also holds flite.
    Check,
}

impl Kind {
    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Hear => "hear",
            Kind::Speak => "speak",
            Kind::Check => "check",
        }
    }

    /// Reads the word on the command line.
    pub fn from_word(word: &str) -> Option<Kind> {
        [Kind::Hear, Kind::Speak, Kind::Check].into_iter().find(|kind| kind.word() == word)
    }
}

/// Serves as a worker until the desk closes the socket on standard input. Never returns before that.
///
/// Exit code 0: the desk closed it. 1: it sent something we do not understand. 2: standard input is no socket.
pub fn main(kind: Kind) -> ExitCode {
    let Some(socket) = standard_input_socket() else { return ExitCode::from(2) };
    match serve(kind, socket) {
        Ok(()) | Err(WireError::Closed) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn standard_input_socket() -> Option<UnixStream> {
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().ok()?);
    socket.peer_addr().is_ok().then_some(socket)
}

fn serve(kind: Kind, socket: UnixStream) -> Result<(), WireError> {
    let writing = socket.try_clone().map_err(WireError::from)?;
    let mut desk = Desk { from: BufReader::new(socket), to: BufWriter::new(writing) };
    desk.tell(&Message::Hello { version: VERSION })?;
    match desk.next()? {
        Message::Hello { version } if version == VERSION => {}
        Message::Hello { version } => return Err(WireError::OtherVersion(version)),
        _ => return Err(WireError::OutOfOrder),
    }
    match kind {
        Kind::Hear | Kind::Check => hear::serve(&mut desk),
        Kind::Speak => speak::serve(&mut desk),
    }
}

/// The other end of the socket, seen from a worker.
struct Desk<R, W: Write> {
    from: R,
    to: BufWriter<W>,
}

impl<R: Read, W: Write> Desk<R, W> {
    fn next(&mut self) -> Result<Message, WireError> {
        wire::read(&mut self.from)
    }

    fn tell(&mut self, message: &Message) -> Result<(), WireError> {
        self.to.write_all(&wire::encode(message))?;
        self.to.flush()?;
        Ok(())
    }
}
