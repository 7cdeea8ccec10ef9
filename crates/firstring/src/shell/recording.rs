//! Messages on their way to disk: the caller's sound, written as it is spoken, without the silence around it.
//!
//! One blocking task per message. A disk that is slow or full costs the message, never the call.
//! Invariant: each recording is answered by exactly one `MessageEnded`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use desk::record::CallId;
use line::Event;
use media::Trim;
use rtrb::Consumer;
use store::sound::{MessageWriter, SoundError};
use tokio::runtime::Handle;

use crate::shell::inbox::Inbox;

/// How often the sound is written.
const EVERY: Duration = Duration::from_millis(100);

/// The recordings that are open.
pub struct Recordings {
    directory: PathBuf,
    runtime: Handle,
    inbox: Inbox,
    open: BTreeMap<CallId, Arc<AtomicBool>>,
    /// The disk took no message the last time; the log is told when that begins and when it is over.
    failing: Arc<AtomicBool>,
}

impl Recordings {
    /// None is open yet; sound lies below `directory`.
    pub fn new(directory: &Path, runtime: Handle, inbox: Inbox) -> Self {
        let (open, failing) = Default::default();
        Recordings { directory: directory.to_path_buf(), runtime, inbox, open, failing }
    }

    /// Begins to write what comes through `tap`.
    pub fn begin(&mut self, call: CallId, id: String, tap: Consumer<i16>) {
        let ended = Arc::new(AtomicBool::new(false));
        self.open.insert(call.clone(), Arc::clone(&ended));
        let (directory, inbox) = (self.directory.clone(), self.inbox.clone());
        let failing = Arc::clone(&self.failing);
        self.runtime.spawn_blocking(move || {
            let recorded = record(&directory, &id, tap, &ended);
            tell_change(recorded.as_ref().err(), &failing);
            inbox.send(Event::MessageEnded { call, seconds: recorded.unwrap_or(0.0) });
        });
    }

    /// Closes a recording.
    pub fn end(&mut self, call: &CallId) {
        match self.open.remove(call) {
            Some(ended) => ended.store(true, Ordering::Release),
            None => self.inbox.send(Event::MessageEnded { call: call.clone(), seconds: 0.0 }),
        }
    }
}

fn tell_change(error: Option<&SoundError>, failing: &AtomicBool) {
    let before = failing.swap(error.is_some(), Ordering::Relaxed);
    match error {
        Some(error) if !before => tracing::warn!(%error, "Messages cannot be written, callers leave none"),
        None if before => tracing::info!("Messages are written again"),
        Some(_) | None => {}
    }
}

fn record(directory: &Path, id: &str, mut tap: Consumer<i16>, ended: &AtomicBool) -> Result<f64, SoundError> {
    let mut writer = MessageWriter::create(directory, id)?;
    let (mut trim, mut kept) = (Trim::default(), Vec::new());
    loop {
        // Read before the sound is taken, so that nothing spoken before the end is left behind.
        let last = ended.load(Ordering::Acquire) || tap.is_abandoned();
        if let Ok(chunk) = tap.read_chunk(tap.slots()) {
            let (first, second) = chunk.as_slices();
            trim.push(first, &mut kept);
            trim.push(second, &mut kept);
            chunk.commit_all();
        }
        if last {
            trim.finish(&mut kept);
            writer.append(&kept)?;
            return writer.close();
        }
        writer.append(&kept)?;
        kept.clear();
        std::thread::sleep(EVERY);
    }
}
