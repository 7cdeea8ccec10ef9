//! A desk in its own process, and phones to call it with: real SIP and RTP on loopback.
//!
//! An [`office`] says what a desk is told, a [`place`] keeps that, its ports and its data, and a [`desk`] is one process
//! in that place: a test may kill, starve or stop it and open the next. A [`caller`] of ours goes by a script; a bare
//! [`phone`] shows the desk from the wire; [`peers`] are programs of others, with [`sound`] of their own, and so are the [`carrier`], the
//! [`exchange`] between desks and telephones, where a desk has [`lines`], and each [`telephone`]. A [`forwarder`] is a rough path between a desk and a
//! [`headset`], which is a telephone's sound alone. A [`story`] is what `explain` tells of a call.
//!
//! Ports are free ones, data lie in a directory of their own, and every process that was started here ends with the
//! value that stands for it. Prompts that one desk has rendered are handed to the next: each test would wait for them.

pub mod caller;
pub mod carrier;
pub mod certificates;
pub mod desk;
#[path = "../../../../media/tests/imagined/e_model.rs"]
pub mod e_model;
pub mod exchange;
pub mod forwarder;
pub mod headset;
#[path = "../../../../media/tests/imagined/path.rs"]
pub mod imagined_path;
pub mod lines;
pub mod names;
pub mod office;
pub mod peers;
pub mod phone;
pub mod place;
pub mod sound;
pub mod stopped;
pub mod story;
pub mod telephone;
pub mod waiting;

/// The program, as built for this test.
pub const FIRSTRING: &str = env!("CARGO_BIN_EXE_firstring");
/// The line that is called.
pub const LINE: &str = "+13125550100";
/// Who calls.
pub const CALLER: &str = "+13125550143";
