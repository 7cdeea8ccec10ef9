//! The whole program on the wire: a desk in its own process, and telephones, carriers, callers and strangers who are real.
//!
//! One test program for all of it: calls wait more than they work, so a few run at once whichever file they stand in
//! ([`stage::waiting::Turn`]), and the machine idles less than with a program for each file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod stage;

mod addresses;
mod bad_input;
mod carriers_asked;
mod encrypted_calls;
mod encrypted_telephones;
mod faults;
mod finding_hosts;
mod floods;
mod ladders;
mod left_to_the_trunk;
mod logging_in;
mod mangled;
mod marks;
mod outage;
mod pages;
mod person_addresses;
mod phones;
mod plans;
mod plans_broken;
mod privacy;
mod quiet_callers;
mod recordings;
mod registrar_past_contact;
mod registration;
mod rehearse;
mod replay;
mod rough_lines;
mod short_of_a_core;
mod spoken_calls;
mod taken_over;
mod transfer_keys;
mod transfers;
mod transports;
mod trunks;
mod trust;
mod voices;
