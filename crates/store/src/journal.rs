//! Journals: every event of every call, one JSON line each, in `journals/YYYY-MM-DD/CALL.jsonl`.
//!
//! A journal explains a call afterwards and replays it in a test; nothing is promised on it. So lines are
//! buffered and never synced, a thread of its own writes them, and when it cannot keep up, lines are dropped
//! and counted. What a line says is the shell's work.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use desk::record::CallId;
use jiff::civil::Date;

use crate::sound::is_plain;

/// Lines that may wait to be written.
pub const QUEUE: usize = 16_384;

/// Journals open at once; the one that was quiet longest is closed, and opened again by its next line.
const OPEN: usize = 1_024;

/// Lines reach the file at the latest after this time without new ones.
const QUIET: Duration = Duration::from_millis(200);

/// Lines that come within this time of each other are taken together: waking the thread for each would cost whoever
/// brings it more than the line.
const TOGETHER: Duration = Duration::from_millis(20);

/// The longest journal that is read back: lines beyond are left out.
const LONGEST_LINES: usize = 100_000;

/// The handle of the thread that writes journals. Dropping it writes what is queued and ends the thread.
pub struct Journals {
    queue: Option<SyncSender<Note>>,
    dropped: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

enum Note {
    Line { call: CallId, day: Date, line: String },
    Over { call: CallId },
}

impl Journals {
    /// Starts the thread; journals lie under `directory`.
    pub fn open(directory: &Path) -> io::Result<Journals> {
        let (queue, notes) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let desk = Scribe {
            home: journals(directory),
            notes,
            open: BTreeMap::new(),
            lines: 0,
            dropped: Arc::clone(&dropped),
            state: State::default(),
        };
        let thread = std::thread::Builder::new().name("journals".to_string()).spawn(move || desk.run())?;
        Ok(Journals { queue: Some(queue), dropped, thread: Some(thread) })
    }

    /// Adds a line to a call's journal. `day` is the day the call started, on the office's clock. Never waits:
    /// a line that finds the queue full is dropped and counted.
    pub fn try_note(&self, call: &CallId, day: Date, line: String) {
        self.send(Note::Line { call: call.clone(), day, line });
    }

    /// Closes a call's journal.
    pub fn try_finish(&self, call: &CallId) {
        self.send(Note::Over { call: call.clone() });
    }

    /// Lines that were dropped or could not be written, since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn send(&self, note: Note) {
        if self.queue.as_ref().is_none_or(|queue| queue.try_send(note).is_err()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Journals {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("The journals' thread had failed");
        }
    }
}

pub(crate) fn journals(directory: &Path) -> PathBuf {
    directory.join("journals")
}

/// The thread's own side.
struct Scribe {
    home: PathBuf,
    notes: Receiver<Note>,
    open: BTreeMap<CallId, Open>,
    /// Lines written so far: the age of an open journal.
    lines: u64,
    dropped: Arc<AtomicU64>,
    state: State,
}

struct Open {
    file: BufWriter<File>,
    /// None of it is on the disk yet.
    is_new: bool,
    last: u64,
}

impl Scribe {
    fn run(mut self) {
        loop {
            match self.notes.recv_timeout(QUIET) {
                Ok(note) => self.take_with_the_rest(note),
                Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.open.is_empty() {
                match self.notes.recv() {
                    Ok(note) => self.take_with_the_rest(note),
                    Err(_) => break,
                }
            }
        }
        self.flush();
    }

    fn take_with_the_rest(&mut self, note: Note) {
        self.take(note);
        while let Ok(note) = self.notes.try_recv() {
            self.take(note);
        }
        std::thread::sleep(TOGETHER);
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Line { call, day, line } => {
                if let Err(error) = self.write(&call, day, &line) {
                    self.failed(1, &error);
                }
            }
            Note::Over { call } => self.close(&call),
        }
    }

    /// A line that is written may only be buffered: whether the disk takes it shows when it is flushed.
    fn write(&mut self, call: &CallId, day: Date, line: &str) -> io::Result<()> {
        self.lines += 1;
        let last = self.lines;
        let journal = match self.open.get_mut(call) {
            Some(journal) => journal,
            None => {
                let file = self.append_to(call, day)?;
                let is_new = file.metadata()?.len() == 0;
                let file = BufWriter::with_capacity(4_096, file);
                self.open.entry(call.clone()).or_insert(Open { file, is_new, last })
            }
        };
        journal.last = last;
        let line = line.trim_end().replace(['\n', '\r'], " ") + "\n";
        journal.file.write_all(line.as_bytes())
    }

    fn append_to(&mut self, call: &CallId, day: Date) -> io::Result<File> {
        if !is_plain(&call.0) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a call's id that cannot be a file's name",
            ));
        }
        if self.open.len() >= OPEN
            && let Some(quiet) =
                self.open.iter().min_by_key(|(_, journal)| journal.last).map(|(call, _)| call.clone())
        {
            self.close(&quiet);
        }
        let folder = self.home.join(day.to_string());
        DirBuilder::new().recursive(true).create(&folder)?;
        File::options().create(true).append(true).open(folder.join(format!("{call}.jsonl")))
    }

    fn close(&mut self, call: &CallId) {
        let Some(mut journal) = self.open.remove(call) else { return };
        if let Err(error) = self.state.flush(&mut journal) {
            let lost = journal.file.buffer().iter().filter(|byte| **byte == b'\n').count();
            self.failed(lost as u64, &error);
        }
    }

    /// What the disk does not take stays in its buffer, and is tried again.
    fn flush(&mut self) {
        for journal in self.open.values_mut() {
            if let Err(error) = self.state.flush(journal) {
                self.state.failed(&error);
            }
        }
    }

    fn failed(&mut self, lost: u64, error: &io::Error) {
        self.dropped.fetch_add(lost, Ordering::Relaxed);
        self.state.failed(error);
    }
}

/// Whether the disk takes journals. The log is told when that changes, not for each line or each call.
#[derive(Default)]
struct State {
    failing: bool,
}

impl State {
    /// A full disk still takes what fits into the last block of a file; only a new file shows that there is room.
    fn flush(&mut self, journal: &mut Open) -> io::Result<()> {
        if journal.file.buffer().is_empty() {
            return Ok(());
        }
        journal.file.flush()?;
        if std::mem::take(&mut journal.is_new) && std::mem::take(&mut self.failing) {
            tracing::info!("Journals are written again");
        }
        Ok(())
    }

    fn failed(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(%error, "Journals cannot be written; calls cannot be explained afterwards");
        }
    }
}

/// The journal of a call, line by line, whichever day it lies under; `None` if there is none.
///
/// A line cut off by a crash is left out. What a damaged disk made no text is read with signs that stand for it.
pub fn read(directory: &Path, call: &CallId) -> io::Result<Option<Vec<String>>> {
    if !is_plain(&call.0) {
        return Ok(None);
    }
    let days = match std::fs::read_dir(journals(directory)) {
        Ok(days) => days,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for day in days {
        match File::open(day?.path().join(format!("{call}.jsonl"))) {
            Ok(file) => return lines(BufReader::new(file)).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn lines(mut file: impl BufRead) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    while lines.len() < LONGEST_LINES && file.read_until(b'\n', &mut line)? > 0 {
        if let Some(whole) = line.strip_suffix(b"\n") {
            lines.push(String::from_utf8_lossy(whole).into_owned());
        }
        line.clear();
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Date = jiff::civil::date(2026, 11, 20);

    fn call(id: &str) -> CallId {
        CallId(id.into())
    }

    #[test]
    fn a_journal_is_read_back_line_by_line() {
        let home = tempfile::tempdir().unwrap();
        let journals = Journals::open(home.path()).unwrap();
        journals.try_note(&call("c-1"), DAY, r#"{"event":"arrived"}"#.to_string());
        journals.try_note(&call("c-2"), DAY, r#"{"event":"arrived"}"#.to_string());
        journals.try_note(&call("c-1"), DAY, "{\"event\":\n\"gone\"}\n".to_string());
        journals.try_finish(&call("c-1"));
        journals.try_note(&call("c-1"), DAY, r#"{"event":"late"}"#.to_string());
        drop(journals);
        let lines = read(home.path(), &call("c-1")).unwrap().unwrap();
        assert_eq!(lines, [r#"{"event":"arrived"}"#, r#"{"event": "gone"}"#, r#"{"event":"late"}"#]);
        assert!(home.path().join("journals/2026-11-20/c-2.jsonl").exists());
        assert_eq!(read(home.path(), &call("c-3")).unwrap(), None);
    }

    #[test]
    fn a_journal_that_a_disk_has_damaged_is_read_all_the_same() {
        let home = tempfile::tempdir().unwrap();
        let day = home.path().join("journals/2026-11-20");
        std::fs::create_dir_all(&day).unwrap();
        std::fs::write(
            day.join("c-1.jsonl"),
            b"{\"event\":\"arrived\"}\n\xff\xfe\x00\n{\"event\":\"gone\"}\n{\"ev",
        )
        .unwrap();
        let lines = read(home.path(), &call("c-1")).unwrap().unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!((lines[0].as_str(), lines[2].as_str()), (r#"{"event":"arrived"}"#, r#"{"event":"gone"}"#));
    }

    #[test]
    fn more_calls_than_open_files_lose_no_line() {
        let home = tempfile::tempdir().unwrap();
        let journals = Journals::open(home.path()).unwrap();
        for round in 0..2 {
            for number in 0..=OPEN {
                journals.try_note(&call(&format!("c-{number}")), DAY, format!("{round}"));
            }
        }
        assert_eq!(journals.dropped(), 0);
        drop(journals);
        for number in [0, 1, OPEN] {
            let lines = read(home.path(), &call(&format!("c-{number}"))).unwrap();
            assert_eq!(lines, Some(vec!["0".to_string(), "1".to_string()]), "c-{number}");
        }
    }

    #[test]
    fn a_full_disk_is_noticed_once_until_a_new_journal_finds_room() {
        let mut state = State::default();
        let open = |path: &Path| {
            let file = File::options().create(true).append(true).open(path).unwrap();
            let mut file = BufWriter::with_capacity(4_096, file);
            file.write_all(b"{}\n").unwrap();
            Open { file, is_new: true, last: 0 }
        };
        let mut full = open(Path::new("/dev/full"));
        for _ in 0..2 {
            let error = state.flush(&mut full).unwrap_err();
            state.failed(&error);
            assert!(state.failing);
        }
        let home = tempfile::tempdir().unwrap();
        let mut old = Open { is_new: false, ..open(&home.path().join("old")) };
        state.flush(&mut old).unwrap();
        assert!(state.failing, "the last block of an old file may have had room");
        state.flush(&mut open(&home.path().join("new"))).unwrap();
        assert!(!state.failing);
    }

    #[test]
    fn a_line_cut_off_by_a_crash_is_left_out() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("journals/2026-11-20");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("c-1.jsonl"), "{\"whole\":1}\n{\"who").unwrap();
        assert_eq!(read(home.path(), &call("c-1")).unwrap(), Some(vec!["{\"whole\":1}".to_string()]));
    }

    #[test]
    fn an_id_from_outside_cannot_name_another_file() {
        let home = tempfile::tempdir().unwrap();
        let journals = Journals::open(home.path()).unwrap();
        let dropped = Arc::clone(&journals.dropped);
        journals.try_note(&call("../../escape"), DAY, "x".to_string());
        drop(journals);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        assert_eq!(read(home.path(), &call("../../escape")).unwrap(), None);
        assert!(!home.path().join("journals").exists());
    }
}
