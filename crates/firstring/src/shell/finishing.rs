//! Recordings after their call: made into something to listen to, brought where they belong, told to the record.
//!
//! The files themselves are the list of what is still to be done, so that a desk that went down goes on where it was.
//! One recording at a time: nobody waits for it, and callers want the processor.
//!
//! Invariant: a recording leaves this disk only when its bucket has it whole.

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
use tokio::sync::Notify;

use crate::shell::inbox::Inbox;
use crate::shell::taping::{Health, codec_of, plain, tell};

/// What could not be done is tried again so much later.
const AGAIN: Duration = Duration::from_secs(10);

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
                    self.health.finished.fetch_add(1, Ordering::Relaxed);
                    tell(&self.inbox, call, started, recording);
                }
                Err(error) => self.health.written(Err(&error)),
            }
        }
    }

    async fn bring_all(&self) {
        let directory = self.directory.clone();
        let waiting = apart(move || recording::waiting(&directory)).await.unwrap_or_default();
        let mut left = waiting.len();
        self.health.waiting.store(left, Ordering::Relaxed);
        for (day, call, path) in waiting {
            let brought = match &self.bucket {
                Some(bucket) => bring(bucket, day, &call, path).await,
                None => self.keep(day, &call, path).await,
            };
            match brought {
                Ok(place) => {
                    left -= 1;
                    self.health.waiting.store(left, Ordering::Relaxed);
                    self.health.brought(Ok(()));
                    let started = day.to_zoned(jiff::tz::TimeZone::UTC).map(|day| day.timestamp());
                    let place = Some(place);
                    tell(
                        &self.inbox,
                        call,
                        started.unwrap_or(Timestamp::UNIX_EPOCH),
                        Recording { place, ..Recording::default() },
                    );
                }
                // The next would meet the same; all are tried again together.
                Err(why) => return self.health.brought(Err(why)),
            }
        }
    }

    /// One that waited for a bucket that is not configured any more.
    async fn keep(&self, day: Date, call: &CallId, path: PathBuf) -> Result<String, String> {
        let (directory, name) = (self.directory.clone(), call.clone());
        let kept = apart(move || recording::keep_here(&directory, day, &name, &path)).await;
        kept.map(|_| format!("recordings/{day}/{call}.wav")).map_err(|error| error.to_string())
    }
}

async fn bring(bucket: &Bucket, day: Date, call: &CallId, path: PathBuf) -> Result<String, String> {
    let url = bucket.bring(&format!("{day}/{call}.wav"), &path).await.map_err(|error| error.to_string())?;
    apart(move || std::fs::remove_file(path)).await.map_err(|error| error.to_string())?;
    Ok(url)
}

/// On a thread that may wait for the disk.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(io::Error::other("finishing a recording failed")))
}

/// Makes a recording of a call's tracks; gives when the call started, and what is on it.
fn finish(directory: &std::path::Path, call: &CallId, waits: bool) -> io::Result<(Timestamp, Recording)> {
    let tracks = match Tracks::open(directory, call) {
        // Cut off before anything was on it, or no work of ours: there is nothing to listen to.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            recording::discard(directory, call)?;
            let troubles = vec!["nothing was recorded: the desk went down as it began".to_string()];
            return Ok((Timestamp::now(), Recording { troubles, ..Recording::default() }));
        }
        opened => opened?,
    };
    let (started, parts) = (tracks.started(), tracks.parts());
    let troubles = troubles(&tracks);
    if parts.is_empty() {
        tracks.remove()?;
        return Ok((started, Recording { parts, place: None, troubles }));
    }
    let mut wave = WaveWriter::create(directory, started, call, waits)?;
    lay_out(&tracks, &mut wave)?;
    let frames = frames(tracks.length());
    wave.close(frames)?;
    tracks.remove()?;
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
