//! Recordings of calls on this disk: tracks while the call goes on, a file that can be played afterwards.
//!
//! `recordings/CALL.making` grows while a call goes on: packets as they came and went, each with its moment. It is
//! `CALL.tracks` once the call is over, and becomes `recordings/YYYY-MM-DD/CALL.wav`: 8,000 samples a second in G.711
//! mu-law, the caller on the left, what they heard on the right. One that is to be brought to a bucket lies in
//! `recordings/waiting/YYYY-MM-DD/` until it is there. The day is that on which the call started, in UTC, as with
//! journals; by it a recording is found, and deleted.
//!
//! What is recorded is decided in `desk`, what packets sound like is known by `media`: here they are bytes.
//!
//! Invariants: a crash leaves what was written usable; what was cut out is gone from the file.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use desk::record::{CallId, Part};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::sound::{RATE_HZ, is_plain};

/// Bytes before the payload of an entry.
pub const ENTRY_HEADER: usize = 24;
/// The longest entry: 60 ms of sound, or a packet of a codec that needs less.
pub const MOST_ENTRY: usize = ENTRY_HEADER + 1_024;
/// Where a track cannot be put in order over a longer time, it stays as it came.
const WINDOW: u64 = 4 * RATE_HZ as u64;
/// A sample of no sound in mu-law.
const SILENCE: u8 = 0xff;
/// "RIFF" to "data" of a sound that is not linear, with its number of frames. Source: Multimedia Programming Interface and
/// Data Specifications 1.0 (1991), WAVE format 7.
const WAVE_HEADER: usize = 58;
/// Tells our tracks from other files; the number is the form's.
const MAGIC: [u8; 8] = *b"FSTRACK1";
const TRACKS_HEADER: usize = 32;

/// What an entry of the tracks is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A packet from the caller.
    Came = 0,
    /// A packet to the caller.
    Went = 1,
    /// From here on nothing counts, until it goes on. Its moment may lie before packets already there.
    Paused = 2,
    /// It goes on.
    Resumed = 3,
    /// It came to its end.
    Ended = 4,
    /// Packets did not fit in time; the payload says how many.
    Missed = 5,
    /// Was cut out.
    Cut = 6,
}

impl Kind {
    const ALL: [Kind; 7] =
        [Kind::Came, Kind::Went, Kind::Paused, Kind::Resumed, Kind::Ended, Kind::Missed, Kind::Cut];

    fn is_sound(self) -> bool {
        matches!(self, Kind::Came | Kind::Went)
    }
}

/// One entry of the tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What it is.
    pub kind: Kind,
    /// When, on the clock that the tracks were begun with.
    pub at: Duration,
    /// The codec, as whoever writes and reads names it.
    pub codec: u8,
    /// RTP: source, number, time stamp.
    pub stamp: (u32, u16, u32),
    /// The packet's sound.
    pub payload: &'a [u8],
}

impl<'a> Entry<'a> {
    /// A moment without sound.
    pub fn mark(kind: Kind, at: Duration) -> Entry<'static> {
        Entry { kind, at, codec: 0, stamp: (0, 0, 0), payload: &[] }
    }

    /// Writes the entry; gives its length, or nothing if it is longer than [`MOST_ENTRY`].
    pub fn write(&self, out: &mut [u8; MOST_ENTRY]) -> Option<usize> {
        let length = ENTRY_HEADER + self.payload.len();
        let (ssrc, sequence, timestamp) = self.stamp;
        out.get_mut(ENTRY_HEADER..length)?.copy_from_slice(self.payload);
        out[0] = self.kind as u8;
        out[1] = self.codec;
        out[2..4].copy_from_slice(&(self.payload.len() as u16).to_le_bytes());
        out[4..12].copy_from_slice(&micros(self.at).to_le_bytes());
        out[12..16].copy_from_slice(&ssrc.to_le_bytes());
        out[16..20].copy_from_slice(&timestamp.to_le_bytes());
        out[20..22].copy_from_slice(&sequence.to_le_bytes());
        out[22..24].fill(0);
        Some(length)
    }

    /// Reads one entry from the beginning of `bytes`; gives it and its length. Nothing when it is torn, or none of ours.
    pub fn read(bytes: &'a [u8]) -> Option<(Entry<'a>, usize)> {
        let header: &[u8; ENTRY_HEADER] = bytes.first_chunk()?;
        let kind = *Kind::ALL.get(usize::from(header[0]))?;
        let length = ENTRY_HEADER + usize::from(u16::from_le_bytes([header[2], header[3]]));
        let payload = bytes.get(ENTRY_HEADER..length.min(MOST_ENTRY + 1))?;
        let u32_at =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let at = u64::from(u32_at(4)) | u64::from(u32_at(8)) << 32;
        let stamp = (u32_at(12), u16::from_le_bytes([header[20], header[21]]), u32_at(16));
        (length <= MOST_ENTRY).then_some((
            Entry { kind, at: Duration::from_micros(at), codec: header[1], stamp, payload },
            length,
        ))
    }
}

fn micros(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}

/// What is known when a recording begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// When the call started, by the wall clock.
    pub started: Timestamp,
    /// How long it had lasted.
    pub since_start: Duration,
    /// When the recording began, on the clock of its entries.
    pub at: Duration,
}

/// Where recordings lie.
fn recordings(directory: &Path) -> PathBuf {
    directory.join("recordings")
}

/// Only the desk's own user may enter.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn plain(call: &CallId) -> io::Result<&str> {
    let name = &*call.0;
    is_plain(name).then_some(name).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidFilename))
}

/// The day under which a call's recording lies.
pub fn day(started: Timestamp) -> Date {
    started.to_zoned(TimeZone::UTC).date()
}

/// The place of a finished recording below the data directory, or below a bucket's prefix without `recordings/`.
pub fn place(started: Timestamp, call: &CallId) -> String {
    format!("{}/{call}.wav", day(started))
}

/// Where a finished recording lies on this disk, if it does: at its place, or waiting for its bucket.
pub fn find(directory: &Path, started: Timestamp, call: &CallId) -> Option<PathBuf> {
    plain(call).ok()?;
    let place = place(started, call);
    let home = recordings(directory);
    [home.join(&place), home.join("waiting").join(&place)].into_iter().find(|path| path.is_file())
}

/// The tracks of a call that goes on.
#[derive(Debug)]
pub struct TracksWriter {
    file: File,
    path: PathBuf,
    length: u64,
    /// Where in the file which moment is, once for each time it was written to.
    index: Vec<(Duration, u64)>,
}

impl TracksWriter {
    /// Begins the tracks of a call.
    pub fn create(directory: &Path, call: &CallId, begun: &Begun) -> io::Result<TracksWriter> {
        let name = plain(call)?;
        make(&recordings(directory))?;
        let path = recordings(directory).join(format!("{name}.making"));
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        let mut header = [0; TRACKS_HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..16].copy_from_slice(&begun.started.as_microsecond().to_le_bytes());
        header[16..24].copy_from_slice(&micros(begun.since_start).to_le_bytes());
        header[24..32].copy_from_slice(&micros(begun.at).to_le_bytes());
        file.write_all(&header)?;
        Ok(TracksWriter { file, path, length: TRACKS_HEADER as u64, index: Vec::new() })
    }

    /// Adds whole entries, the first of which is of this moment.
    pub fn append(&mut self, first: Duration, entries: &[u8]) -> io::Result<()> {
        self.index.push((first, self.length));
        if let Err(error) = self.file.write_all(entries) {
            // What went in of it would make everything after it unreadable.
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
            return Err(error);
        }
        self.length += entries.len() as u64;
        Ok(())
    }

    /// Overwrites the sound of every packet from `since` on.
    pub fn cut(&mut self, since: Duration) -> io::Result<()> {
        // Packets are written a little later than they come, and those of one turn are not in order.
        let begins = self.index.partition_point(|(first, _)| *first <= since).saturating_sub(2);
        let mut at = self.index.get(begins).map_or(TRACKS_HEADER as u64, |(_, at)| *at);
        let mut buffer = [0; MOST_ENTRY];
        while at < self.length {
            let room = (self.length - at).min(MOST_ENTRY as u64) as usize;
            self.file.read_exact_at(&mut buffer[..room], at)?;
            let Some((entry, length)) = Entry::read(&buffer[..room]) else { return Ok(()) };
            if entry.kind.is_sound() && entry.at >= since {
                let payload = entry.payload.len();
                self.file.write_all_at(&[Kind::Cut as u8], at)?;
                self.file.write_all_at(&[0; MOST_ENTRY][..payload], at + ENTRY_HEADER as u64)?;
            }
            at += length as u64;
        }
        Ok(())
    }

    /// The call is over: the tracks can be made into a recording.
    pub fn close(self) -> io::Result<()> {
        std::fs::rename(&self.path, self.path.with_extension("tracks"))
    }

    /// Nothing is kept.
    pub fn destroy(mut self) -> io::Result<()> {
        let removed = std::fs::remove_file(&self.path);
        self.cut(Duration::ZERO).and(removed)
    }
}

/// After a crash, tracks of calls that went on are those of calls that are over. For the start, before any call.
pub fn close_open_tracks(directory: &Path) -> io::Result<()> {
    for path in files(&recordings(directory), "making")? {
        std::fs::rename(&path, path.with_extension("tracks"))?;
    }
    Ok(())
}

/// Tracks that wait to be made into recordings, by call.
pub fn tracks(directory: &Path) -> io::Result<Vec<CallId>> {
    let names = files(&recordings(directory), "tracks")?;
    let mut calls: Vec<_> = names.iter().filter_map(|path| stem(path)).collect();
    calls.sort();
    Ok(calls)
}

/// Deletes tracks that nothing can be made of.
pub fn discard(directory: &Path, call: &CallId) -> io::Result<()> {
    std::fs::remove_file(recordings(directory).join(format!("{}.tracks", plain(call)?)))
}

fn stem(path: &Path) -> Option<CallId> {
    let name = path.file_stem()?.to_str().filter(|name| is_plain(name))?;
    Some(CallId(name.into()))
}

fn files(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in crate::retention::entries(folder)? {
        let path = entry.path();
        if path.extension().is_some_and(|found| found == extension) && path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

/// The tracks of a call that is over, read from their beginning.
#[derive(Debug)]
pub struct Tracks {
    path: PathBuf,
    begun: Begun,
    parts: Vec<(Duration, Duration)>,
    missed: u64,
    ended: bool,
}

impl Tracks {
    /// Opens the tracks of a call and looks through them: what counts, and what was missed.
    pub fn open(directory: &Path, call: &CallId) -> io::Result<Tracks> {
        let path = recordings(directory).join(format!("{}.tracks", plain(call)?));
        let mut header = [0; TRACKS_HEADER];
        File::open(&path)?.read_exact(&mut header)?;
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&header[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let started = Timestamp::from_microsecond(number(8).cast_signed());
        let (Ok(started), true) = (started, header[..8] == MAGIC) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no tracks of this program"));
        };
        let (since_start, at) = (Duration::from_micros(number(16)), Duration::from_micros(number(24)));
        let begun = Begun { started, since_start, at };
        let mut tracks = Tracks { path, begun, parts: Vec::new(), missed: 0, ended: false };
        let mut folded =
            Fold { from: Some(begun.at), latest: begun.at, parts: Vec::new(), missed: 0, ended: false };
        tracks.each(|entry| folded.fold(entry))?;
        (tracks.missed, tracks.ended) = (folded.missed, folded.ended);
        tracks.parts = folded.parts();
        Ok(tracks)
    }

    /// When the call started.
    pub fn started(&self) -> Timestamp {
        self.begun.started
    }

    /// Whether they came to the end they were to have.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Packets that did not fit in time.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// What counts, in the call's time.
    pub fn parts(&self) -> Vec<Part> {
        let ms = |at: Duration| {
            let since_start = self.begun.since_start + at.saturating_sub(self.begun.at);
            u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX)
        };
        self.parts.iter().map(|(from, to)| Part { from_ms: ms(*from), to_ms: ms(*to) }).collect()
    }

    /// Which part a moment belongs to, and how far into the recording it is.
    pub fn place_of(&self, at: Duration) -> Option<(usize, Duration)> {
        let index = self.parts.iter().position(|(from, to)| (*from..*to).contains(&at))?;
        let before: Duration = self.parts[..index].iter().map(|(from, to)| to.saturating_sub(*from)).sum();
        Some((index, before + at.saturating_sub(self.parts[index].0)))
    }

    /// The length of everything that counts.
    pub fn length(&self) -> Duration {
        self.parts.iter().map(|(from, to)| to.saturating_sub(*from)).sum()
    }

    /// Gives every entry, in the order they were written; a torn one at the end is left out.
    pub fn each(&self, mut take: impl FnMut(&Entry<'_>)) -> io::Result<()> {
        let mut file = BufReader::with_capacity(1 << 16, File::open(&self.path)?);
        file.seek_relative(TRACKS_HEADER as i64)?;
        let mut buffer = Vec::with_capacity(1 << 17);
        loop {
            let read = file.by_ref().take(1 << 16).read_to_end(&mut buffer)?;
            let mut at = 0;
            while let Some((entry, length)) = Entry::read(&buffer[at..]) {
                take(&entry);
                at += length;
            }
            if read == 0 {
                return Ok(());
            }
            buffer.drain(..at);
        }
    }

    /// They are a recording now.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// From marks to parts.
struct Fold {
    from: Option<Duration>,
    latest: Duration,
    parts: Vec<(Duration, Duration)>,
    missed: u64,
    ended: bool,
}

/// A packet is heard for as long as most are: 20 ms. RFC 3551 section 4.5.
const PACKET: Duration = Duration::from_millis(20);

impl Fold {
    fn fold(&mut self, entry: &Entry<'_>) {
        match entry.kind {
            Kind::Came | Kind::Went => self.latest = self.latest.max(entry.at + PACKET),
            Kind::Paused => {
                self.end(entry.at);
                self.parts.retain(|(from, _)| *from < entry.at);
                self.parts.iter_mut().for_each(|(_, to)| *to = (*to).min(entry.at));
            }
            Kind::Resumed => self.from = Some(entry.at),
            Kind::Ended => {
                self.ended = true;
                self.end(entry.at);
            }
            Kind::Missed => {
                let bytes = entry.payload.first_chunk().copied().unwrap_or_default();
                self.missed = self.missed.saturating_add(u64::from_le_bytes(bytes));
            }
            Kind::Cut => {}
        }
    }

    fn end(&mut self, at: Duration) {
        if let Some(from) = self.from.take().filter(|from| *from < at) {
            self.parts.push((from, at));
        }
    }

    /// Where no end was written, it is that of the last packet.
    fn parts(mut self) -> Vec<(Duration, Duration)> {
        self.end(self.latest);
        self.parts
    }
}

/// A recording being written: two tracks of mu-law beside each other.
#[derive(Debug)]
pub struct WaveWriter {
    file: BufWriter<File>,
    making: PathBuf,
    path: PathBuf,
    /// Frames before the window.
    written: u64,
    window: VecDeque<[u8; 2]>,
}

impl WaveWriter {
    /// Begins the recording of a call; `waiting`, if it will be brought somewhere else.
    pub fn create(
        directory: &Path,
        started: Timestamp,
        call: &CallId,
        waiting: bool,
    ) -> io::Result<WaveWriter> {
        let name = plain(call)?;
        let home = recordings(directory);
        let home = if waiting { home.join("waiting") } else { home };
        let folder = home.join(day(started).to_string());
        make(&folder)?;
        let (making, path) = (folder.join(format!("{name}.part")), folder.join(format!("{name}.wav")));
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&making)?;
        let mut file = BufWriter::with_capacity(1 << 16, file);
        file.write_all(&wave_header(0))?;
        Ok(WaveWriter { file, making, path, written: 0, window: VecDeque::new() })
    }

    /// Lays sound down on one of the two tracks, from its `frame` on. What lies too far back is left out.
    pub fn lay(&mut self, track: usize, frame: u64, sound: &[u8]) -> io::Result<()> {
        let end = frame + sound.len() as u64;
        while self.written + WINDOW < end {
            self.write_first()?;
        }
        let held = self.written + self.window.len() as u64;
        self.window.extend((held..end).map(|_| [SILENCE; 2]));
        for (at, sample) in (frame..).zip(sound) {
            let place = at.checked_sub(self.written).and_then(|at| usize::try_from(at).ok());
            if let Some(frame) = place.and_then(|at| self.window.get_mut(at)) {
                frame[track & 1] = *sample;
            }
        }
        Ok(())
    }

    fn write_first(&mut self) -> io::Result<()> {
        let frame = self.window.pop_front().unwrap_or([SILENCE; 2]);
        self.written += 1;
        self.file.write_all(&frame)
    }

    /// Makes it as long as it was, and puts it in its place once it is on the disk; gives the place.
    pub fn close(mut self, frames: u64) -> io::Result<PathBuf> {
        while self.written < frames {
            self.write_first()?;
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&wave_header(u32::try_from(frames).unwrap_or(u32::MAX / 2)))?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.making, &self.path)?;
        Ok(self.path)
    }
}

fn wave_header(frames: u32) -> [u8; WAVE_HEADER] {
    let bytes = frames.saturating_mul(2);
    let mut header = [0; WAVE_HEADER];
    header[0..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&bytes.saturating_add(WAVE_HEADER as u32 - 8).to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&18_u32.to_le_bytes());
    header[20..22].copy_from_slice(&7_u16.to_le_bytes());
    header[22..24].copy_from_slice(&2_u16.to_le_bytes());
    header[24..28].copy_from_slice(&RATE_HZ.to_le_bytes());
    header[28..32].copy_from_slice(&(RATE_HZ * 2).to_le_bytes());
    header[32..34].copy_from_slice(&2_u16.to_le_bytes());
    header[34..36].copy_from_slice(&8_u16.to_le_bytes());
    header[38..42].copy_from_slice(b"fact");
    header[42..46].copy_from_slice(&4_u32.to_le_bytes());
    header[46..50].copy_from_slice(&frames.to_le_bytes());
    header[50..54].copy_from_slice(b"data");
    header[54..58].copy_from_slice(&bytes.to_le_bytes());
    header
}

/// Recordings that wait to be brought to a bucket: the day and call of each, and where it lies.
pub fn waiting(directory: &Path) -> io::Result<Vec<(Date, CallId, PathBuf)>> {
    let mut found = Vec::new();
    for (day, folder) in days(&recordings(directory).join("waiting"))? {
        found.extend(files(&folder, "wav")?.into_iter().filter_map(|path| Some((day, stem(&path)?, path))));
    }
    found.sort();
    Ok(found)
}

/// One that waited stays on this disk after all; gives where it lies.
pub fn keep_here(directory: &Path, day: Date, call: &CallId, waited: &Path) -> io::Result<PathBuf> {
    let folder = recordings(directory).join(day.to_string());
    make(&folder)?;
    let path = folder.join(format!("{}.wav", plain(call)?));
    std::fs::rename(waited, &path)?;
    Ok(path)
}

fn days(home: &Path) -> io::Result<Vec<(Date, PathBuf)>> {
    let entries = crate::retention::entries(home)?;
    let day = |path: PathBuf| Some((path.file_name()?.to_str()?.parse::<Date>().ok()?, path));
    Ok(entries.into_iter().filter_map(|entry| day(entry.path())).collect())
}

/// Deletes recordings of days before `oldest`, finished or waiting, and tracks of such days that never became one; gives
/// how many files.
pub(crate) fn sweep(directory: &Path, oldest: Date) -> io::Result<usize> {
    let home = recordings(directory);
    let mut gone = 0;
    for (day, folder) in days(&home)?.into_iter().chain(days(&home.join("waiting"))?) {
        if day < oldest {
            gone += crate::retention::entries(&folder)?.len();
            std::fs::remove_dir_all(folder)?;
        }
    }
    for call in tracks(directory)? {
        let Ok(tracks) = Tracks::open(directory, &call) else { continue };
        if day(tracks.started()) < oldest {
            tracks.remove()?;
            gone += 1;
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn begun() -> Begun {
        let started = "2026-06-02T15:00:00Z".parse().unwrap();
        Begun { started, since_start: MS * 4_000, at: MS * 100_000 }
    }

    fn call() -> CallId {
        CallId("c-1".into())
    }

    fn packet(kind: Kind, ms: u32) -> Vec<u8> {
        bytes(&Entry { kind, at: MS * ms, codec: 0, stamp: (7, ms as u16, ms * 8), payload: &[0x33; 160] })
    }

    fn bytes(entry: &Entry<'_>) -> Vec<u8> {
        let mut out = [0; MOST_ENTRY];
        let length = entry.write(&mut out).unwrap();
        out[..length].to_vec()
    }

    fn mark(kind: Kind, ms: u32) -> Vec<u8> {
        bytes(&Entry::mark(kind, MS * ms))
    }

    fn written(entries: &[Vec<u8>]) -> (tempfile::TempDir, TracksWriter) {
        let home = tempfile::tempdir().unwrap();
        let mut writer = TracksWriter::create(home.path(), &call(), &begun()).unwrap();
        for entry in entries {
            let (first, _) = Entry::read(entry).unwrap();
            writer.append(first.at, entry).unwrap();
        }
        (home, writer)
    }

    fn parts(tracks: &Tracks) -> Vec<(u64, u64)> {
        tracks.parts().iter().map(|part| (part.from_ms, part.to_ms)).collect()
    }

    #[test]
    fn nobody_else_can_read_what_was_said() {
        let (home, writer) = written(&[packet(Kind::Came, 100_000)]);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&home.path().join("recordings")), 0o700);
        assert_eq!(mode(&writer.path), 0o600);
        let wave = WaveWriter::create(home.path(), begun().started, &call(), false).unwrap();
        let path = wave.close(8).unwrap();
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
    }

    #[test]
    fn pauses_are_left_out_and_said_in_the_time_of_the_call() {
        let (home, writer) = written(&[
            packet(Kind::Came, 100_000),
            mark(Kind::Paused, 101_000),
            packet(Kind::Came, 101_500),
            mark(Kind::Resumed, 105_000),
            packet(Kind::Went, 105_500),
            mark(Kind::Ended, 106_000),
        ]);
        writer.close().unwrap();
        let tracks = Tracks::open(home.path(), &call()).unwrap();
        assert_eq!(parts(&tracks), [(4_000, 5_000), (9_000, 10_000)]);
        assert_eq!(tracks.length(), MS * 2_000);
        assert_eq!(tracks.place_of(MS * 101_500), None);
        assert_eq!(tracks.place_of(MS * 105_500), Some((1, MS * 1_500)));
    }

    #[test]
    fn what_is_cut_out_is_gone_from_the_file() {
        let packets: Vec<_> = (0..100).map(|index| packet(Kind::Came, 100_000 + index * 20)).collect();
        let (home, mut writer) = written(&packets);
        writer.cut(MS * 101_000).unwrap();
        writer.append(MS * 101_000, &mark(Kind::Paused, 101_000)).unwrap();
        writer.append(MS * 103_000, &mark(Kind::Resumed, 103_000)).unwrap();
        writer.append(MS * 103_000, &packet(Kind::Came, 103_000)).unwrap();
        writer.close().unwrap();
        let tracks = Tracks::open(home.path(), &call()).unwrap();
        let (mut kept, mut cut) = (0, 0);
        tracks
            .each(|entry| match entry.kind {
                Kind::Came => kept += 1,
                Kind::Cut => {
                    assert!(entry.at >= MS * 101_000 && entry.payload.iter().all(|byte| *byte == 0));
                    cut += 1;
                }
                _ => {}
            })
            .unwrap();
        assert_eq!((kept, cut), (51, 50));
        assert_eq!(parts(&tracks), [(4_000, 5_000), (7_000, 7_020)]);
    }

    #[test]
    fn a_cut_that_reaches_back_over_a_pause_shortens_what_was_before_it() {
        let (home, writer) = written(&[
            packet(Kind::Came, 100_000),
            mark(Kind::Paused, 102_000),
            mark(Kind::Resumed, 103_000),
            mark(Kind::Paused, 101_000),
            mark(Kind::Ended, 106_000),
        ]);
        writer.close().unwrap();
        assert_eq!(parts(&Tracks::open(home.path(), &call()).unwrap()), [(4_000, 5_000)]);
    }

    #[test]
    fn tracks_cut_off_by_a_crash_are_read_as_far_as_they_go() {
        let mut torn = packet(Kind::Came, 100_040);
        torn.truncate(100);
        let (home, mut writer) = written(&[packet(Kind::Came, 100_000), packet(Kind::Went, 100_020)]);
        writer.append(MS * 100_040, &torn).unwrap();
        drop(writer);
        close_open_tracks(home.path()).unwrap();
        assert_eq!(tracks(home.path()).unwrap(), [call()]);
        let tracks = Tracks::open(home.path(), &call()).unwrap();
        let mut seen = 0;
        tracks.each(|_| seen += 1).unwrap();
        assert_eq!((seen, parts(&tracks)), (2, vec![(4_000, 4_040)]));
    }

    #[test]
    fn a_file_of_somebody_else_is_no_recording() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("recordings")).unwrap();
        for (name, text) in [("a", ""), ("b", "FSTRACK1"), ("c", &"x".repeat(500))] {
            let path = home.path().join("recordings").join(format!("{name}.tracks"));
            std::fs::write(path, text).unwrap();
            assert!(Tracks::open(home.path(), &CallId(name.into())).is_err(), "{name}");
        }
        assert!(TracksWriter::create(home.path(), &CallId("../x".into()), &begun()).is_err());
        assert_eq!(find(home.path(), begun().started, &CallId("../../x".into())), None);
    }

    #[test]
    fn both_tracks_lie_beside_each_other_and_silence_is_filled_in() {
        let home = tempfile::tempdir().unwrap();
        let mut wave = WaveWriter::create(home.path(), begun().started, &call(), false).unwrap();
        wave.lay(0, 0, &[1; 4]).unwrap();
        wave.lay(1, 2, &[2; 4]).unwrap();
        wave.lay(0, 60_000, &[3; 2]).unwrap();
        wave.lay(1, 10, &[4; 2]).unwrap(); // too far back by now
        let path = wave.close(60_004).unwrap();
        assert_eq!(Some(path.clone()), find(home.path(), begun().started, &call()));
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(bytes.len(), WAVE_HEADER + 120_008);
        assert_eq!(bytes[54..58], 120_008_u32.to_le_bytes());
        let frames = &bytes[WAVE_HEADER..];
        assert_eq!(frames[..14], [1, 255, 1, 255, 1, 2, 1, 2, 255, 2, 255, 2, 255, 255]);
        assert_eq!(frames[120_000..], [3, 255, 3, 255, 255, 255, 255, 255]);
        assert!(frames[14..120_000].iter().all(|byte| *byte == SILENCE));
    }

    #[test]
    fn old_recordings_go_wherever_they_are_and_others_stay() {
        let home = tempfile::tempdir().unwrap();
        let finished = |day: &str, waiting| {
            let started = format!("{day}T12:00:00Z").parse().unwrap();
            WaveWriter::create(home.path(), started, &call(), waiting).unwrap().close(8).unwrap()
        };
        let old = [finished("2026-05-30", false), finished("2026-05-31", true)];
        let young = [finished("2026-06-01", false), finished("2026-06-02", true)];
        let (_, writer) = written(&[]);
        drop(writer);
        TracksWriter::create(home.path(), &CallId("c-2".into()), &begun()).unwrap().close().unwrap();
        assert_eq!(sweep(home.path(), "2026-06-01".parse().unwrap()).unwrap(), 2);
        assert!(old.iter().all(|path| !path.exists()) && young.iter().all(|path| path.exists()));
        assert_eq!(tracks(home.path()).unwrap().len(), 1);
        assert_eq!(sweep(home.path(), "2026-06-03".parse().unwrap()).unwrap(), 3);
        assert_eq!(tracks(home.path()).unwrap(), []);
    }
}
