//! The worker alone, for this crate's tests. A development tool: the product runs `firstring worker`.
//!
//! `speech-worker [ANYTHING...] hear|speak|check`; what stands before the kind only marks the process.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().next_back().as_deref().and_then(speech::worker::Kind::from_word) {
        Some(kind) => speech::worker::main(kind),
        None => ExitCode::from(2),
    }
}
