//! What the program tells of itself, on its way to stderr: nobody who has something to tell waits for whoever reads it.
//!
//! A terminal that is stopped, a pipe whose reader hangs and a disk that is busy all make a write to stderr wait, and threads that
//! look after callers would wait along. So lines go through a bounded queue to a thread of their own. (`tracing-appender` drops
//! lines in the same way, but says nowhere that they are missing, and brings a library of dates along.)
//!
//! Drop rule: a line that does not fit is left out, and where it is missing the log says how many are. Invariant: nothing here
//! waits, except for the last lines when the program ends, and that not for long.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Lines that may wait: about a megabyte. A call brings one or two, or some hundred where everything is told.
const LINES: usize = 8_192;
/// The last lines are written for so long when the program ends.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How often it is tried meanwhile to find room.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// The way to stderr.
#[derive(Debug)]
pub struct Log {
    queue: SyncSender<Told>,
    /// Lines that did not fit, and of which the log says nothing yet.
    left_out: AtomicU64,
}

#[derive(Debug)]
enum Told {
    Line(Box<[u8]>),
    LeftOut(u64),
    /// Everything before this is written.
    Last(SyncSender<()>),
}

impl Log {
    /// Writes to `out`, on a thread of its own.
    pub fn to(out: impl Write + Send + 'static) -> io::Result<Log> {
        let (queue, waiting) = sync_channel(LINES);
        std::thread::Builder::new().name("log".to_string()).spawn(move || write(&waiting, out))?;
        Ok(Log { queue, left_out: AtomicU64::new(0) })
    }

    /// Waits a moment until everything that was told before is written.
    pub fn finish(&self) {
        self.finish_within(LAST_LINES);
    }

    /// Whoever does not read is not waited for any longer.
    fn finish_within(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let (written, all) = sync_channel(1);
        while !self.tell_left_out() || self.queue.try_send(Told::Last(written.clone())).is_err() {
            if Instant::now() >= until {
                return;
            }
            std::thread::sleep(TRY_AGAIN);
        }
        let _ = all.recv_timeout(until.saturating_duration_since(Instant::now()));
    }

    fn put(&self, line: &[u8]) {
        if !self.tell_left_out() || self.queue.try_send(Told::Line(line.into())).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says before the next line how many are missing there. False if there is no room even for that.
    fn tell_left_out(&self) -> bool {
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        let told = left_out == 0 || self.queue.try_send(Told::LeftOut(left_out)).is_ok();
        if !told {
            self.left_out.fetch_add(left_out, Ordering::Relaxed);
        }
        told
    }
}

/// A line comes as one piece: that is how `tracing-subscriber` writes.
impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread's own side. What cannot be written is nowhere to be told.
fn write(waiting: &Receiver<Told>, mut out: impl Write) {
    while let Ok(told) = waiting.recv() {
        match told {
            Told::Line(line) => drop(out.write_all(&line)),
            Told::LeftOut(lines) => {
                let now = jiff::Timestamp::now();
                let _ = writeln!(
                    out,
                    "{now:.6}  WARN firstring::log: Lines are missing here, nobody took them in time lines={lines}"
                );
            }
            Told::Last(written) => drop(written.try_send(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// However busy the machine is.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Somebody who reads nothing while their gate is locked.
    #[derive(Clone, Default)]
    struct Reader {
        gate: Arc<Mutex<()>>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _open = self.gate.lock().unwrap();
            self.read.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Reader {
        fn lines(&self) -> Vec<String> {
            let read = self.read.lock().unwrap();
            String::from_utf8_lossy(&read).lines().map(str::to_owned).collect()
        }
    }

    #[test]
    fn lines_come_in_their_order_and_the_last_before_the_program_ends() {
        let reader = Reader::default();
        let log = Log::to(reader.clone()).unwrap();
        let told: Vec<String> = (0..100).map(|line| line.to_string()).collect();
        told.iter().for_each(|line| writeln!(&log, "{line}").unwrap());
        log.finish_within(PATIENCE);
        assert_eq!(reader.lines(), told);
    }

    #[test]
    fn whoever_tells_something_does_not_wait_for_a_reader_who_reads_nothing() {
        let reader = Reader::default();
        let log = Log::to(reader.clone()).unwrap();
        let hangs = reader.gate.lock().unwrap();
        for line in 0..LINES + 100 {
            (&log).write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        drop(hangs);
        log.finish_within(PATIENCE);
        let lines = reader.lines();
        let (missing, told): (Vec<&String>, Vec<&String>) =
            lines.iter().partition(|line| line.contains("missing"));
        // The thread itself may have held one.
        let left_out = LINES + 100 - told.len();
        assert!((99..=100).contains(&left_out), "{left_out}");
        let figure = |line: &&String| line.rsplit('=').next().unwrap().parse::<usize>().unwrap();
        let count: usize = missing.iter().map(figure).sum();
        assert_eq!(left_out, count, "{missing:?}");
        assert!(
            told.iter().enumerate().all(|(place, line)| **line == place.to_string()),
            "in order, and none lost before"
        );
    }
}
