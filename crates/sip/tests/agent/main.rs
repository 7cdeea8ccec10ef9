//! One agent against a far end that says exactly what the test says, in virtual time.

mod absence;
mod answering;
mod conformance;
mod connections;
mod early;
mod guards;
mod holding;
mod joining;
mod login;
mod lossy;
mod moved;
mod numbers;
mod offers;
mod placing;
mod proofs;
mod referred;
mod referring;
mod reliable;
mod replacing;
mod sessions;
mod stage;
mod torture;
mod tracing;
