//! Recordings of calls on their way to disk: packets as they come and go, written by a thread of their own.
//!
//! When a recording begins, pauses and ends is decided in `desk`; how it becomes something to listen to is
//! [`finishing`](super::finishing)'s work. Sound comes through a bounded queue for each call: a disk that is slower than
//! that for longer than seven seconds costs packets of the recording, which are counted, never the call.
//!
//! Invariant: whatever becomes of a recording, nobody waits for it. Where there can be none, the call's record says why.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use desk::record::{CallId, Recording};
use jiff::Timestamp;
use media::{Codec, Recorded, Recorder, Track};
use rtrb::{Consumer, Producer, RingBuffer};
use store::recording::{Begun, Entry, Kind, MOST_ENTRY, TracksWriter};
use tokio::sync::Notify;

use crate::shell::inbox::{Inbox, Letter};
use crate::web::RecordingHealth;

/// How often the sound is written.
const EVERY: Duration = Duration::from_millis(200);
/// Bytes of one call that wait to be written: seven seconds of both ways in packets of 20 ms.
const WAITING: usize = 128 << 10;
/// Orders that wait; a call has a handful.
const ORDERS: usize = 16_384;
/// So much is left free for what callers are promised: bookings, messages, callbacks.
const RESERVE: u64 = 100 << 20;
/// Pauses of which late packets may still come.
const PAUSES: usize = 8;

/// How recording goes, for the console.
#[derive(Debug, Default)]
pub struct Health {
    failing: Mutex<Option<String>>,
    not_brought: Mutex<Option<String>>,
    /// Recordings that wait to be brought to their bucket.
    pub waiting: AtomicUsize,
    /// Recordings that were finished, since the start.
    pub finished: AtomicU64,
    /// Recordings of which nothing or not everything could be kept, since the start.
    pub failed: AtomicU64,
}

impl Health {
    /// Writing a recording went well, or did not; the log is told when that changes.
    pub fn written(&self, result: Result<(), &io::Error>) {
        let failing = result.err().map(plain);
        if failing.is_some() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        let before = replaced(&self.failing, failing.clone());
        match (before, failing) {
            (None, Some(why)) => {
                tracing::warn!(%why, "Calls cannot be recorded, they are answered all the same")
            }
            (Some(_), None) => tracing::info!("Calls are recorded again"),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// Bringing a recording to its bucket went well, or did not.
    pub fn brought(&self, result: Result<(), String>) {
        let failing = result.err();
        let before = replaced(&self.not_brought, failing.clone());
        match (before, failing) {
            (None, Some(why)) => {
                tracing::warn!(%why, "Recordings cannot be brought to their bucket, they are kept here and tried again");
            }
            (Some(_), None) => tracing::info!("Recordings are brought to their bucket again"),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// What an owner should look at today.
    pub fn troubles(&self) -> Vec<String> {
        let told =
            |place: &Mutex<Option<String>>| place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let failing = told(&self.failing).map(|why| format!("calls are not recorded: {why}"));
        let waiting = self.waiting.load(Ordering::Relaxed);
        let brought = told(&self.not_brought)
            .map(|why| format!("{waiting} recordings wait here for their bucket: {why}"));
        failing.into_iter().chain(brought).collect()
    }

    /// In numbers.
    pub fn standing(&self) -> RecordingHealth {
        RecordingHealth {
            failing: self.failing.lock().unwrap_or_else(PoisonError::into_inner).is_some(),
            waiting: self.waiting.load(Ordering::Relaxed),
            finished: self.finished.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

fn replaced(place: &Mutex<Option<String>>, with: Option<String>) -> Option<String> {
    std::mem::replace(&mut *place.lock().unwrap_or_else(PoisonError::into_inner), with)
}

/// What keeps a recording from being written, and what would help.
pub fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("the disk has less than {} MiB left; free some space", RESERVE >> 20)
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "the data directory is read-only; let the desk write to it".to_string()
        }
        _ => error.to_string(),
    }
}

/// The recordings that are open, as the control thread uses them. Dropping it ends them all.
pub struct Tapes {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Begin { call: CallId, begun: Begun, sound: Consumer<u8>, missed: Arc<AtomicU64> },
    Pause { call: CallId, since: Duration },
    Resume { call: CallId, at: Duration },
    End { call: CallId, at: Duration },
    Destroy { call: CallId },
}

impl Tapes {
    /// Starts the thread that writes. `ended` is told of each recording that can be finished.
    pub fn start(
        directory: &Path,
        inbox: Inbox,
        ended: Arc<Notify>,
        health: Arc<Health>,
    ) -> io::Result<Tapes> {
        let (orders, waiting) = sync_channel(ORDERS);
        let writer = Writer {
            directory: directory.to_path_buf(),
            inbox,
            ended,
            health,
            open: BTreeMap::new(),
            buffer: Vec::new(),
            kept: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("taping".to_string());
        let thread = thread.spawn(move || writer.run(&waiting))?;
        Ok(Tapes { orders: Some(orders), thread: Some(thread) })
    }

    /// Begins a recording; gives what the leg is to hand its packets to. `None`: it cannot begin.
    pub fn begin(&self, call: CallId, begun: Begun) -> Option<Box<dyn Recorder>> {
        let (producer, sound) = RingBuffer::new(WAITING);
        let missed = Arc::<AtomicU64>::default();
        let recorder = RingRecorder { queue: producer, missed: Arc::clone(&missed) };
        self.order(Order::Begin { call, begun, sound, missed })
            .then(|| Box::new(recorder) as Box<dyn Recorder>)
    }

    /// Leaves out what comes, and cuts out everything since. False if the order cannot be given: then it must end.
    pub fn pause(&self, call: CallId, since: Duration) -> bool {
        self.order(Order::Pause { call, since })
    }

    /// Goes on.
    pub fn resume(&self, call: CallId, at: Duration) -> bool {
        self.order(Order::Resume { call, at })
    }

    /// Comes to an end.
    pub fn end(&self, call: CallId, at: Duration) -> bool {
        self.order(Order::End { call, at })
    }

    /// Comes to an end, and nothing is kept.
    pub fn destroy(&self, call: CallId) -> bool {
        self.order(Order::Destroy { call })
    }

    fn order(&self, order: Order) -> bool {
        let taken = self.orders.as_ref().is_some_and(|orders| orders.try_send(order).is_ok());
        if !taken {
            tracing::error!("The thread that writes recordings takes no more orders");
        }
        taken
    }
}

impl Drop for Tapes {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("The thread that writes recordings had panicked");
        }
    }
}

/// Where a leg's packets go: a bounded queue without locks.
///
/// Drop rule: a packet that does not fit as a whole is left out, and counted.
struct RingRecorder {
    queue: Producer<u8>,
    missed: Arc<AtomicU64>,
}

impl Recorder for RingRecorder {
    fn take(&mut self, packet: &Recorded<'_>) {
        let kind = match packet.track {
            Track::Came => Kind::Came,
            Track::Went => Kind::Went,
        };
        let stamp = (packet.stamp.ssrc, packet.stamp.sequence, packet.stamp.timestamp);
        let codec = packet.codec.payload_type();
        let entry = Entry { kind, at: packet.at, codec, stamp, payload: packet.payload };
        let mut bytes = [0; MOST_ENTRY];
        let fits = entry
            .write(&mut bytes)
            .is_some_and(|length| self.queue.push_entire_slice(&bytes[..length]).is_ok());
        if !fits {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The codec that an entry names.
pub fn codec_of(entry: &Entry<'_>) -> Option<Codec> {
    [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus]
        .into_iter()
        .find(|codec| codec.payload_type() == entry.codec)
}

/// The thread's own side.
struct Writer {
    directory: PathBuf,
    inbox: Inbox,
    ended: Arc<Notify>,
    health: Arc<Health>,
    open: BTreeMap<CallId, Open>,
    buffer: Vec<u8>,
    kept: Vec<u8>,
}

/// One recording.
struct Open {
    writer: TracksWriter,
    sound: Consumer<u8>,
    missed: Arc<AtomicU64>,
    /// From when to when packets do not count; the last may still go on.
    pauses: Vec<(Duration, Option<Duration>)>,
    last: Duration,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut next = Instant::now() + EVERY;
        loop {
            match orders.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {
                    self.write_all();
                    next = Instant::now() + EVERY;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        for call in self.open.keys().cloned().collect::<Vec<_>>() {
            self.write(&call, None);
            self.close(&call);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Begin { call, begun, sound, missed } => self.begin(call, begun, sound, missed),
            Order::Pause { call, since } => self.pause(&call, since),
            Order::Resume { call, at } => {
                if let Some((_, until)) = self.open.get_mut(&call).and_then(|open| open.pauses.last_mut()) {
                    *until = Some(at);
                }
                self.write(&call, Some(Entry::mark(Kind::Resumed, at)));
            }
            Order::End { call, at } => {
                self.write(&call, Some(Entry::mark(Kind::Ended, at)));
                self.close(&call);
            }
            Order::Destroy { call } => {
                if let Some(open) = self.open.remove(&call)
                    && let Err(error) = open.writer.destroy()
                {
                    self.health.written(Err(&error));
                }
            }
        }
    }

    fn begin(&mut self, call: CallId, begun: Begun, sound: Consumer<u8>, missed: Arc<AtomicU64>) {
        let created =
            has_room(&self.directory).and_then(|()| TracksWriter::create(&self.directory, &call, &begun));
        self.health.written(created.as_ref().map(drop));
        match created {
            Ok(writer) => {
                let open = Open { writer, sound, missed, pauses: Vec::new(), last: begun.at };
                self.open.insert(call, open);
            }
            Err(error) => {
                let troubles = vec![format!("nothing was recorded: {}", plain(&error))];
                tell(&self.inbox, call, begun.started, Recording { troubles, ..Recording::default() });
            }
        }
    }

    fn pause(&mut self, call: &CallId, since: Duration) {
        self.write(call, None);
        let Some(open) = self.open.get_mut(call) else { return };
        open.pauses.push((since, None));
        let surplus = open.pauses.len().saturating_sub(PAUSES);
        open.pauses.drain(..surplus);
        match open.writer.cut(since) {
            Ok(()) => self.write(call, Some(Entry::mark(Kind::Paused, since))),
            // What cannot be cut out is not kept.
            Err(error) => {
                self.health.written(Err(&error));
                self.obey(Order::Destroy { call: call.clone() });
            }
        }
    }

    fn write_all(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let room = has_room(&self.directory);
        for call in self.open.keys().cloned().collect::<Vec<_>>() {
            match &room {
                Ok(()) => self.write(&call, None),
                Err(error) => self.break_off(&call, error),
            }
        }
    }

    /// Writes what has come, and then a mark.
    fn write(&mut self, call: &CallId, mark: Option<Entry<'static>>) {
        let Self { open, buffer, kept, .. } = self;
        let Some(open) = open.get_mut(call) else { return };
        kept.clear();
        let first = open.last;
        open.take_sound(buffer, kept);
        let missed = open.missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            push(kept, &Entry { payload: &missed.to_le_bytes(), ..Entry::mark(Kind::Missed, first) });
        }
        if let Some(mark) = mark {
            push(kept, &mark);
        }
        if !kept.is_empty()
            && let Err(error) = open.writer.append(first, kept)
        {
            self.break_off(call, &error);
        }
    }

    /// The call goes on; of its recording there is what was written until now.
    fn break_off(&mut self, call: &CallId, error: &io::Error) {
        self.health.written(Err(error));
        self.close(call);
    }

    fn close(&mut self, call: &CallId) {
        let Some(open) = self.open.remove(call) else { return };
        if let Err(error) = open.writer.close() {
            self.health.written(Err(&error));
        }
        self.ended.notify_one();
    }
}

impl Open {
    /// Takes what waits in the queue, without what belongs into a pause.
    fn take_sound(&mut self, buffer: &mut Vec<u8>, kept: &mut Vec<u8>) {
        buffer.clear();
        if let Ok(chunk) = self.sound.read_chunk(self.sound.slots()) {
            let (first, second) = chunk.as_slices();
            buffer.extend_from_slice(first);
            buffer.extend_from_slice(second);
            chunk.commit_all();
        }
        let mut rest = buffer.as_slice();
        while let Some((entry, length)) = Entry::read(rest) {
            let paused = |(from, until): &(Duration, Option<Duration>)| {
                *from <= entry.at && until.is_none_or(|until| entry.at < until)
            };
            if !self.pauses.iter().any(paused) {
                kept.extend_from_slice(&rest[..length]);
            }
            self.last = self.last.max(entry.at);
            rest = &rest[length..];
        }
    }
}

fn push(bytes: &mut Vec<u8>, entry: &Entry<'_>) {
    let mut out = [0; MOST_ENTRY];
    if let Some(length) = entry.write(&mut out) {
        bytes.extend_from_slice(&out[..length]);
    }
}

/// Whether the disk has room for more than what callers are promised.
fn has_room(directory: &Path) -> io::Result<()> {
    let space = rustix::fs::statvfs(directory)?;
    match space.f_bavail.saturating_mul(space.f_frsize) >= RESERVE {
        true => Ok(()),
        false => Err(io::ErrorKind::StorageFull.into()),
    }
}

/// The record of a call learns what became of its recording.
pub fn tell(inbox: &Inbox, call: CallId, started: Timestamp, recording: Recording) {
    inbox.post(Letter::Recorded { call, started, recording, kept: None });
}
