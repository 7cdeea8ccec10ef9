//! Recordings after their call: made into something to listen to, brought where they belong, told to the record.
//!
//! The files themselves are the list of what is still to be done, so that a desk that went down goes on where it was.
//! One recording at a time: nobody waits for it, and callers want the processor.
//!
//! Invariants: a recording leaves this disk only when its bucket has it whole; what it was made of, or brought from, is there
//! until the record of its call says where it lies.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use desk::record::{CallId, Recording};
use jiff::Timestamp;
use jiff::civil::Date;
use media::latch::Stamp;
use media::{Law, Timeline};
use store::bucket::Bucket;
use store::recording::{self, Entry, Kind, Tracks, WaveWriter};
use tokio::sync::{Notify, oneshot};

use crate::shell::inbox::{Inbox, Letter};
use crate::shell::taping::{Health, codec_of, plain};

/// What could not be done is tried again so much later.
const AGAIN: Duration = Duration::from_secs(10);
/// The store answers within so long, or does not.
const KEPT_WITHIN: Duration = Duration::from_secs(10);

/// Finishes recordings for as long as the desk runs.
pub struct Finishing {
    /// The data directory.
    pub directory: PathBuf,
    /// Where they are brought, if they do not stay here.
    pub bucket: Option<Arc<Bucket>>,
    /// Told whenever one has ended.
    pub ended: Arc<Notify>,
    /// How it goes.
    pub health: Arc<Health>,
    /// The way to the records.
    pub inbox: Inbox,
}

impl Finishing {
    /// Works until the runtime ends.
    pub async fn run(self) {
        loop {
            self.finish_all().await;
            self.bring_all().await;
            let _again = tokio::time::timeout(AGAIN, self.ended.notified()).await;
        }
    }

    async fn finish_all(&self) {
        let directory = self.directory.clone();
        let waits = self.bucket.is_some();
        let found = apart(move || recording::tracks(&directory)).await;
        for call in found.unwrap_or_default() {
            let (directory, name) = (self.directory.clone(), call.clone());
            match apart(move || finish(&directory, &name, waits)).await {
                Ok((started, recording)) => {
                    if self.is_kept(call.clone(), started, recording).await {
                        self.health.finished.fetch_add(1, Ordering::Relaxed);
                        self.forget_tracks(call).await;
                    }
                }
                Err(error) => self.health.written(Err(&error)),
            }
        }
    }

    /// Tells the record of a call. False if it does not know yet: then it is told anew later, or by the next start.
    async fn is_kept(&self, call: CallId, started: Timestamp, recording: Recording) -> bool {
        let (kept, answer) = oneshot::channel();
        self.inbox.post(Letter::Recorded { call, started, recording, kept: Some(kept) });
        tokio::time::timeout(KEPT_WITHIN, answer).await.is_ok_and(|answer| answer.is_ok())
    }

    async fn forget_tracks(&self, call: CallId) {
        let directory = self.directory.clone();
        if let Err(error) = apart(move || recording::discard(&directory, &call)).await {
            self.health.written(Err(&error));
        }
    }

    async fn bring_all(&self) {
        let directory = self.directory.clone();
        let waiting = apart(move || recording::waiting(&directory)).await.unwrap_or_default();
        let mut left = waiting.len();
        self.health.waiting.store(left, Ordering::Relaxed);
        for (day, call, path) in waiting {
            let brought = match &self.bucket {
                Some(bucket) => self.bring(bucket, day, call, path).await,
                None => self.keep(day, call, path).await,
            };
            match brought {
                Ok(()) => {
                    left -= 1;
                    self.health.waiting.store(left, Ordering::Relaxed);
                    self.health.brought(Ok(()));
                }
                // The next would meet the same; all are tried again together.
                Err(why) => return self.health.brought(Err(why)),
            }
        }
    }

    async fn bring(&self, bucket: &Bucket, day: Date, call: CallId, path: PathBuf) -> Result<(), String> {
        let url =
            bucket.bring(&format!("{day}/{call}.wav"), &path).await.map_err(|error| error.to_string())?;
        self.lies_at(day, call, url).await?;
        apart(move || std::fs::remove_file(path)).await.map_err(|error| error.to_string())
    }

    /// One that waited for a bucket that is not configured any more.
    async fn keep(&self, day: Date, call: CallId, path: PathBuf) -> Result<(), String> {
        self.lies_at(day, call.clone(), format!("recordings/{day}/{call}.wav")).await?;
        let directory = self.directory.clone();
        let kept = apart(move || recording::keep_here(&directory, day, &call, &path)).await;
        kept.map(drop).map_err(|error| error.to_string())
    }

    async fn lies_at(&self, day: Date, call: CallId, place: String) -> Result<(), String> {
        let started = day.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp());
        let recording = Recording { place: Some(place), ..Recording::default() };
        match self.is_kept(call, started.unwrap_or(Timestamp::UNIX_EPOCH), recording).await {
            true => Ok(()),
            false => Err("the store does not take where they lie".to_string()),
        }
    }
}

/// On a thread that may wait for the disk.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(io::Error::other("finishing a recording failed")))
}

/// Makes a recording of a call's tracks, once more if it was made before; gives when the call started, and what is on it.
fn finish(directory: &std::path::Path, call: &CallId, waits: bool) -> io::Result<(Timestamp, Recording)> {
    let tracks = match Tracks::open(directory, call) {
        // Cut off before anything was on it, or no work of ours: there is nothing to listen to.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            let troubles = vec!["nothing was recorded: the desk went down as it began".to_string()];
            return Ok((Timestamp::now(), Recording { troubles, ..Recording::default() }));
        }
        opened => opened?,
    };
    let (started, parts) = (tracks.started(), tracks.parts());
    let troubles = troubles(&tracks);
    if parts.is_empty() {
        return Ok((started, Recording { parts, place: None, troubles }));
    }
    let mut wave = WaveWriter::create(directory, started, call, waits)?;
    lay_out(&tracks, &mut wave)?;
    let frames = frames(tracks.length());
    wave.close(frames)?;
    let waiting = if waits { "waiting/" } else { "" };
    let place = Some(format!("recordings/{waiting}{}", recording::place(started, call)));
    Ok((started, Recording { parts, place, troubles }))
}

fn troubles(tracks: &Tracks) -> Vec<String> {
    let mut troubles = Vec::new();
    if !tracks.has_ended() {
        troubles.push(
            "the recording breaks off: there was no room on the disk any more, or the desk went down"
                .to_string(),
        );
    }
    if tracks.missed() > 0 {
        troubles.push(format!(
            "{} packets are missing from the recording: the disk was too slow",
            tracks.missed()
        ));
    }
    troubles
}

/// Each track decoded and put in its place; pauses are left out.
fn lay_out(tracks: &Tracks, wave: &mut WaveWriter) -> io::Result<()> {
    let mut lines = [Line::default(), Line::default()];
    let mut result = Ok(());
    tracks.each(|entry| {
        let track = match entry.kind {
            Kind::Came => 0,
            Kind::Went => 1,
            Kind::Paused | Kind::Resumed | Kind::Ended | Kind::Missed | Kind::Cut => return,
        };
        if let (Some((part, at)), Ok(())) = (tracks.place_of(entry.at), &result) {
            result = lines[track].take(track, (part, at), entry, wave);
        }
    })?;
    result?;
    for (track, line) in lines.iter_mut().enumerate() {
        line.finish(track, wave)?;
    }
    Ok(())
}

/// One track on its way to the recording.
#[derive(Default)]
struct Line {
    timeline: Timeline,
    part: usize,
}

impl Line {
    fn take(
        &mut self,
        track: usize,
        (part, at): (usize, Duration),
        entry: &Entry<'_>,
        wave: &mut WaveWriter,
    ) -> io::Result<()> {
        if std::mem::replace(&mut self.part, part) != part {
            self.finish(track, wave)?;
        }
        let Some(codec) = codec_of(entry) else { return Ok(()) };
        let (ssrc, sequence, timestamp) = entry.stamp;
        let stamp = Stamp { ssrc, sequence, timestamp, clock_hz: codec.clock_hz() };
        let mut result = Ok(());
        self.timeline.take(at, stamp, codec, entry.payload, &mut |frame, samples| {
            result = lay(wave, track, frame, samples);
        });
        result
    }

    fn finish(&mut self, track: usize, wave: &mut WaveWriter) -> io::Result<()> {
        let mut result = Ok(());
        self.timeline.finish(&mut |frame, samples| {
            if result.is_ok() {
                result = lay(wave, track, frame, samples);
            }
        });
        result
    }
}

fn lay(wave: &mut WaveWriter, track: usize, frame: u64, samples: &[i16]) -> io::Result<()> {
    let mut sound = [0; media::MAX_PACKET_SAMPLES];
    let sound = &mut sound[..samples.len().min(media::MAX_PACKET_SAMPLES)];
    Law::Pcmu.encode(samples, sound);
    wave.lay(track, frame, sound)
}

fn frames(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX) * u64::from(media::RATE_HZ) / 1_000_000
}

/// At the start, before any call: recordings that a crash left open are over. A disk that cannot be read is told.
pub fn go_on(directory: &std::path::Path, health: &Health) {
    if let Err(error) = recording::close_open_tracks(directory) {
        health.written(Err(&error));
        tracing::warn!(why = %plain(&error), "Recordings that were cut off cannot be finished");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mio::{Poll, Token, Waker};
    use store::recording::{Begun, MOST_ENTRY, TracksWriter};

    use super::*;

    const LENGTH: Duration = Duration::from_secs(2);

    /// The tracks of a call of which two seconds were recorded.
    fn recorded(directory: &Path, call: &CallId) {
        let begun = Begun { started: Timestamp::UNIX_EPOCH, since_start: Duration::ZERO, at: Duration::ZERO };
        let mut writer =
            TracksWriter::create(directory, call, &begun).expect("a directory that can be written");
        let sound = Entry {
            kind: Kind::Came,
            at: Duration::from_millis(20),
            codec: 0,
            stamp: (1, 1, 160),
            payload: &[0x7f; 160],
        };
        let mut bytes = Vec::new();
        for entry in [sound, Entry::mark(Kind::Ended, LENGTH)] {
            let mut out = [0; MOST_ENTRY];
            let length = entry.write(&mut out).expect("an entry fits");
            bytes.extend_from_slice(&out[..length]);
        }
        writer.append(Duration::ZERO, &bytes).expect("a disk with room");
        writer.close().expect("a disk with room");
    }

    #[test]
    fn what_a_recording_is_made_of_is_there_until_the_record_says_where_it_lies() {
        let folder = tempfile::tempdir().expect("a place for files");
        let call = CallId("20260602-150000-00000001".into());
        recorded(folder.path(), &call);
        let poll = Poll::new().expect("a poll");
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).expect("a waker"));
        let (inbox, letters) = Inbox::new(waker);
        let finishing = Finishing {
            directory: folder.path().to_path_buf(),
            bucket: None,
            ended: Arc::default(),
            health: Arc::default(),
            inbox,
        };
        let tracks = || recording::tracks(folder.path()).expect("a directory that can be read").len();
        // The desk ends before the store has it, and the next one starts.
        for (stored, left) in [(false, 1), (true, 0)] {
            std::thread::scope(|scope| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
                scope.spawn(|| runtime.expect("a runtime").block_on(finishing.finish_all()));
                let Ok(Letter::Recorded { kept: Some(kept), recording, .. }) = letters.recv() else {
                    panic!("the record is to be told");
                };
                assert!(
                    folder.path().join(recording.place.expect("a place")).exists(),
                    "it can be listened to"
                );
                if stored {
                    kept.send(()).expect("somebody waits for it");
                }
            });
            assert_eq!(tracks(), left, "stored: {stored}");
        }
        assert_eq!(finishing.health.finished.load(Ordering::Relaxed), 1);
    }
}
