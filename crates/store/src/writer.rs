//! The one thread that writes, and the handle that never waits for it.
//!
//! Everything that is queued goes into one transaction and one `fsync` (group commit), each write in a savepoint
//! of its own, so that a refused one takes no other down. If the group cannot be committed, each is tried alone.
//! Answers come after the commit, from this thread, in the order of asking.
//!
//! Invariant: one `Written` for each accepted ask, and `Ok` only after the commit was on the disk
//! (WAL with `synchronous=FULL`).

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use crate::crash::{self, Interrupted};
use crate::rows::{self, Failed};
use crate::schema::{self, Unfit};
use crate::sound;
use crate::write::{NotStored, PATIENCE, Stored, Write, Written};

/// Writes that may wait. When it is full, [`Store::try_write`] gives the write back.
pub const QUEUE: usize = 4_096;

/// Writes in one transaction, at most.
const GROUP: usize = 256;

/// Writes that could not be stored and are tried again. When it is full, a call record makes room for a callback
/// or a message; otherwise the new one is lost, and counted.
const KEPT: usize = 1_000;

/// How often what could not be stored is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How the store is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why the last write that reached the disk failed; `None` while writing works.
    pub failing: Option<NotStored>,
    /// Writes that could not be stored and are tried again.
    pub kept: usize,
    /// Writes that could not be stored and were given up, since the start.
    pub lost: u64,
    /// Writes that were stored since the start.
    pub stored: u64,
}

/// What opening found.
#[derive(Debug)]
pub struct Opened {
    /// Calls that were under way when the desk went down; each has its record and its callback now.
    pub interrupted: Vec<Interrupted>,
    /// Recordings that had never been closed and can be played now, by id.
    pub recovered: Vec<String>,
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory cannot be made or used.
    #[error("{} cannot be used to store calls: {why}; name another directory under [data]", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// In the system's words.
        why: io::Error,
    },
    /// Another desk writes here.
    #[error("{}: another firstring is running with this data directory", path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// Written by a newer program.
    #[error("{}: the database has schema {found} and this program knows up to {known}; use the newer program", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// The number in the file.
        found: u32,
        /// The newest number known here.
        known: u32,
    },
    /// It is no database of ours.
    #[error("{}: not a database of firstring; name another directory under [data]", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// The database cannot be opened or brought up to date.
    #[error("{}: {why}", path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        why: NotStored,
    },
}

/// The queue is full; here is the write back.
#[derive(Debug)]
pub struct QueueFull<A> {
    /// What was asked.
    pub ask: A,
    /// Not taken.
    pub write: Write,
}

/// The handle of the writing thread. `A` is whatever the asker names its asks by.
///
/// Dropping it stores what is queued and ends the thread.
pub struct Store<A: Send + 'static> {
    queue: Option<SyncSender<Asked<A>>>,
    health: Arc<Mutex<Health>>,
    thread: Option<JoinHandle<()>>,
}

struct Asked<A> {
    ask: A,
    write: Write,
}

impl OpenError {
    /// Whether it may go away by itself or by somebody making room: [`Store::open_when_possible`] waits for that.
    /// A path that leads to no directory stays wrong until the configuration is changed.
    pub fn may_pass(&self) -> bool {
        match self {
            OpenError::Directory { why, .. } => !leads_nowhere(why),
            OpenError::Database { .. } => true,
            OpenError::InUse { .. } | OpenError::Newer { .. } | OpenError::Foreign { .. } => false,
        }
    }

    /// What a write is answered with meanwhile.
    fn answer(&self) -> NotStored {
        match self {
            OpenError::Database { why, .. } => why.clone(),
            OpenError::Directory { why, .. } => match why.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => NotStored::DiskFull,
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => NotStored::ReadOnly,
                _ => NotStored::Broken { why: self.to_string() },
            },
            OpenError::InUse { .. } | OpenError::Newer { .. } | OpenError::Foreign { .. } => {
                NotStored::Broken { why: self.to_string() }
            }
        }
    }
}

impl<A: Send + 'static> Store<A> {
    /// Opens the database of `directory`, making both if there are none; ends what was under way at `now`.
    ///
    /// `written` is called on the writing thread for each answer, in the order of asking; it must not wait.
    pub fn open(
        directory: &Path,
        now: Timestamp,
        written: impl FnMut(Written<A>) + Send + 'static,
    ) -> Result<(Store<A>, Opened), OpenError> {
        let (open, opened) = open(directory, now)?;
        let store = Store::start(directory, Home::Open(open), written, move || now, |_| {})?;
        Ok((store, opened))
    }

    /// For a desk that has to answer calls although [`Store::open`] failed: every write is answered with the
    /// reason, records and callbacks are kept in memory, and opening is tried once a second. When it worked,
    /// `opened` is told what was found, on the writing thread. `clock` gives the wall time.
    pub fn open_when_possible(
        directory: &Path,
        failed: &OpenError,
        clock: impl Fn() -> Timestamp + Send + 'static,
        opened: impl FnMut(Opened) + Send + 'static,
        written: impl FnMut(Written<A>) + Send + 'static,
    ) -> Result<Store<A>, OpenError> {
        let why = failed.answer();
        tracing::error!(%why, "The database cannot be opened; calls are answered and nothing is promised");
        Store::start(directory, Home::Closed(why), written, clock, opened)
    }

    fn start(
        directory: &Path,
        home: Home,
        written: impl FnMut(Written<A>) + Send + 'static,
        clock: impl Fn() -> Timestamp + Send + 'static,
        opened: impl FnMut(Opened) + Send + 'static,
    ) -> Result<Store<A>, OpenError> {
        let (queue, asked) = sync_channel(QUEUE);
        let failing = match &home {
            Home::Open(_) => None,
            Home::Closed(why) => Some(why.clone()),
        };
        let health = Arc::new(Mutex::new(Health { failing, ..Health::default() }));
        let writer = Writer {
            home,
            directory: directory.to_path_buf(),
            clock,
            opened,
            asked,
            written,
            kept: VecDeque::new(),
            tried: Instant::now(),
            health: Arc::clone(&health),
        };
        let thread = std::thread::Builder::new().name("store".to_string()).spawn(move || writer.run());
        let thread = thread.map_err(|why| at(directory, why))?;
        Ok(Store { queue: Some(queue), health, thread: Some(thread) })
    }

    /// Asks for one write. Never waits; [`Written`] answers, or the write comes back because [`QUEUE`] are waiting.
    pub fn try_write(&self, ask: A, write: Write) -> Result<(), QueueFull<A>> {
        let asked = Asked { ask, write };
        let Some(queue) = &self.queue else { return Err(QueueFull { ask: asked.ask, write: asked.write }) };
        queue.try_send(asked).map_err(|error| {
            let (TrySendError::Full(Asked { ask, write }) | TrySendError::Disconnected(Asked { ask, write })) = error;
            QueueFull { ask, write }
        })
    }

    /// How the store is doing, for the console and the alarm.
    pub fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<A: Send + 'static> Drop for Store<A> {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("The store's thread had failed");
        }
    }
}

/// Where the database of a data directory lies.
pub(crate) fn database(directory: &Path) -> PathBuf {
    directory.join("firstring.db")
}

/// A database that can be written, and the lock that keeps other desks out.
struct Open {
    db: Connection,
    _lock: File,
}

/// Makes what is missing, takes the lock, brings the tables up to date and ends what was under way.
fn open(directory: &Path, now: Timestamp) -> Result<(Open, Opened), OpenError> {
    make(directory)?;
    let lock = lock(directory)?;
    let path = database(directory);
    let mut db = connect(&path).map_err(|error| unfit_at(&path, Unfit::Database(error)))?;
    schema::migrate(&mut db).map_err(|unfit| unfit_at(&path, unfit))?;
    let broken = |why| OpenError::Database { path: path.clone(), why };
    let interrupted = crash::end_what_was_under_way(&mut db, now).map_err(broken)?;
    let recovered = sound::recover(directory).map_err(|why| at(directory, why))?;
    Ok((Open { db, _lock: lock }, Opened { interrupted, recovered }))
}

/// What callers said is nobody else's: only the desk's own user may enter.
fn make(directory: &Path) -> Result<(), OpenError> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory).map_err(|why| at(directory, why))
}

/// Held for as long as the desk runs: a second one would take the first one's calls for interrupted.
fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(|why| at(&path, why))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: directory.to_path_buf() }),
        Err(TryLockError::Error(why)) => Err(at(&path, why)),
    }
}

/// Something else stands where the directory or its lock should be, or no such name can exist.
fn leads_nowhere(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotFound
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::InvalidFilename
    )
}

fn at(path: &Path, why: io::Error) -> OpenError {
    OpenError::Directory { path: path.to_path_buf(), why }
}

fn unfit_at(path: &Path, unfit: Unfit) -> OpenError {
    let path = path.to_path_buf();
    match unfit {
        Unfit::Newer { found } => OpenError::Newer { path, found, known: schema::NEWEST },
        Unfit::Foreign => OpenError::Foreign { path },
        Unfit::Database(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            OpenError::Foreign { path }
        }
        Unfit::Database(error) => OpenError::Database { path, why: error.into() },
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(PATIENCE)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // What was deleted is overwritten: a kept promise of `keep`.
    db.pragma_update(None, "secure_delete", true)?;
    Ok(db)
}

/// The database, or why there is none yet.
enum Home {
    Open(Open),
    Closed(NotStored),
}

/// The thread's own side.
struct Writer<A, W, C, O> {
    home: Home,
    directory: PathBuf,
    clock: C,
    opened: O,
    asked: Receiver<Asked<A>>,
    written: W,
    kept: VecDeque<Write>,
    /// When what failed was last tried again.
    tried: Instant,
    health: Arc<Mutex<Health>>,
}

impl<A: Send, W: FnMut(Written<A>), C: Fn() -> Timestamp, O: FnMut(Opened)> Writer<A, W, C, O> {
    fn run(mut self) {
        loop {
            let waits = !self.kept.is_empty() || matches!(self.home, Home::Closed(_));
            let first = match waits {
                false => self.asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
                true => self.asked.recv_timeout(TRY_AGAIN.saturating_sub(self.tried.elapsed())),
            };
            match first {
                Ok(first) => self.store(first),
                Err(RecvTimeoutError::Timeout) => self.try_again(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.try_again();
        if !self.kept.is_empty() {
            tracing::error!(lost = self.kept.len(), "The desk ends with calls that could not be stored");
        }
    }

    /// Stores `first` and everything that is queued behind it, and answers.
    fn store(&mut self, first: Asked<A>) {
        let mut asks = vec![first.ask];
        let mut writes = vec![first.write];
        while writes.len() < GROUP
            && let Ok(Asked { ask, write }) = self.asked.try_recv()
        {
            asks.push(ask);
            writes.push(write);
        }
        let results = self.commit(&writes);
        self.note_health(&results);
        for (write, result) in writes.into_iter().zip(&results) {
            if result.is_err() && write.is_kept() {
                self.keep(write);
            }
        }
        let well = results.iter().any(Result::is_ok);
        self.tell_kept(well && results.iter().all(is_well));
        for (ask, result) in asks.into_iter().zip(results) {
            (self.written)(Written { ask, result });
        }
        if (well && !self.kept.is_empty()) || self.tried.elapsed() >= TRY_AGAIN {
            self.try_again();
        }
    }

    fn commit(&mut self, writes: &[Write]) -> Vec<Result<Stored, NotStored>> {
        let Open { db, .. } = match &mut self.home {
            Home::Open(open) => open,
            Home::Closed(why) => return vec![Err(why.clone()); writes.len()],
        };
        let error = match together(db, writes) {
            Ok(results) => return results,
            Err(error) => NotStored::from(error),
        };
        if matches!(error, NotStored::Broken { .. }) {
            reconnect(db, &database(&self.directory));
        }
        // Waiting for a locked database has used up the patience of every caller in this group.
        if writes.len() == 1 || error == NotStored::Busy {
            return vec![Err(error); writes.len()];
        }
        writes.iter().map(|write| alone(db, write)).collect()
    }

    /// Opens what could not be opened, and stores what could not be stored.
    fn try_again(&mut self) {
        self.tried = Instant::now();
        if let Home::Closed(why) = &mut self.home {
            match open(&self.directory, (self.clock)()) {
                Ok((open, found)) => {
                    self.home = Home::Open(open);
                    self.health.lock().unwrap_or_else(PoisonError::into_inner).failing = None;
                    tracing::info!("The database is open now");
                    (self.opened)(found);
                }
                Err(error) => *why = error.answer(),
            }
        }
        self.try_kept_again();
    }

    fn keep(&mut self, write: Write) {
        if self.kept.len() >= KEPT {
            let record =
                self.kept.iter().position(|kept| matches!(kept, Write::Record(_) | Write::CallStarted(_)));
            let makes_room = matches!(write, Write::Callback(_) | Write::Message(_));
            self.health.lock().unwrap_or_else(PoisonError::into_inner).lost += 1;
            match record {
                Some(place) if makes_room => drop(self.kept.remove(place)),
                Some(_) | None => return,
            }
        }
        self.kept.push_back(write);
    }

    fn try_kept_again(&mut self) {
        let tried = !self.kept.is_empty();
        while !self.kept.is_empty() {
            let count = self.kept.len().min(GROUP);
            let some: Vec<Write> = self.kept.drain(..count).collect();
            let results = self.commit(&some);
            self.note_health(&results);
            let mut failed: Vec<Write> = Vec::new();
            for (write, result) in some.into_iter().zip(results) {
                if result.is_err() {
                    failed.push(write);
                }
            }
            let stuck = !failed.is_empty();
            for write in failed.into_iter().rev() {
                self.kept.push_front(write);
            }
            if stuck {
                break;
            }
        }
        self.tell_kept(tried);
    }

    /// Why storing fails is told once; that it works again is known when nothing is left of what failed.
    fn note_health(&self, results: &[Result<Stored, NotStored>]) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        for result in results {
            match result {
                Ok(_) => health.stored += 1,
                Err(NotStored::SlotTaken { .. }) => {}
                Err(why) => {
                    if health.failing.is_none() {
                        tracing::error!(%why, "What calls leave behind cannot be stored; nothing is promised on it");
                    }
                    health.failing = Some(why.clone());
                }
            }
        }
    }

    /// `well`: the disk has taken what it was last asked to take.
    fn tell_kept(&self, well: bool) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.kept = self.kept.len();
        if well && self.kept.is_empty() && health.failing.take().is_some() {
            tracing::info!("Storing works again");
        }
    }
}

/// Stored, or refused by a rule of ours: the disk has no part in it.
fn is_well(result: &Result<Stored, NotStored>) -> bool {
    matches!(result, Ok(_) | Err(NotStored::SlotTaken { .. }))
}

/// A connection that met a failing disk may stay failed; a new one need not.
fn reconnect(db: &mut Connection, path: &Path) {
    match connect(path) {
        Ok(new) => *db = new,
        // Why nothing is stored is told by whoever tried to.
        Err(error) => tracing::debug!(%error, "The database cannot be opened again"),
    }
}

/// All writes in one transaction; an error means that none is stored.
fn together(db: &mut Connection, writes: &[Write]) -> rusqlite::Result<Vec<Result<Stored, NotStored>>> {
    let mut change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut results = Vec::with_capacity(writes.len());
    for write in writes {
        let mut part = change.savepoint()?;
        match rows::apply(&part, write) {
            Ok(stored) => {
                part.commit()?;
                results.push(Ok(stored));
            }
            Err(Failed::Refused(why)) => {
                part.rollback()?;
                results.push(Err(why));
            }
            Err(Failed::Database(error)) => return Err(error),
        }
    }
    change.commit()?;
    Ok(results)
}

fn alone(db: &mut Connection, write: &Write) -> Result<Stored, NotStored> {
    together(db, std::slice::from_ref(write))?.pop().unwrap_or(Ok(Stored::Done))
}
