//! Recordings of messages: `messages/ID.wav`, 16-bit linear, 8000 samples per second, one channel.
//!
//! The file grows while the caller speaks; its header is made true when it is closed, or at the next start if
//! it never was. What is recorded, and whether, is decided in `desk`.
//!
//! A writer touches the disk, so it belongs on a thread that may wait.

use std::fs::{DirBuilder, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::write::NotStored;

/// Samples per second.
pub const RATE_HZ: u32 = 8_000;

/// The longest recording: whatever the desk asks for, a file stays below 10 MB.
pub const LONGEST_SECONDS: u32 = 600;

const HEADER: usize = 44;

/// Four seconds of sound, in bytes.
const ROOM: usize = 4 * RATE_HZ as usize * 2;

/// Why a recording did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoundError {
    /// A name that could leave the directory, or is too long.
    #[error("{id:?} cannot be the name of a file")]
    Name {
        /// The name.
        id: String,
    },
    /// There is one by this name.
    #[error("the recording {id} exists already")]
    Exists {
        /// The name.
        id: String,
    },
    /// It is as long as a recording can be; what was written stays.
    #[error("the recording is {LONGEST_SECONDS} seconds long, the most there can be")]
    TooLong,
    /// The disk said no.
    #[error("the recording cannot be written: {0}")]
    Disk(NotStored),
}

impl From<io::Error> for SoundError {
    fn from(error: io::Error) -> Self {
        SoundError::Disk(match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => NotStored::DiskFull,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => NotStored::ReadOnly,
            _ => NotStored::Broken { why: error.to_string() },
        })
    }
}

/// A name that is only a name: letters, digits, `-`, `_`, `.`; not hidden; at most 128 bytes.
pub(crate) fn is_plain(name: &str) -> bool {
    let signs = name.bytes().all(|sign| sign.is_ascii_alphanumeric() || b"-_.".contains(&sign));
    signs && !name.is_empty() && name.len() <= 128 && !name.starts_with('.')
}

/// Where the sound of a message lies.
pub fn path(directory: &Path, id: &str) -> Result<PathBuf, SoundError> {
    match is_plain(id) {
        true => Ok(messages(directory).join(format!("{id}.wav"))),
        false => Err(SoundError::Name { id: id.to_string() }),
    }
}

pub(crate) fn messages(directory: &Path) -> PathBuf {
    directory.join("messages")
}

/// One recording that is being made.
#[derive(Debug)]
pub struct MessageWriter {
    file: BufWriter<File>,
    samples: u32,
}

impl MessageWriter {
    /// Begins the recording `id` in a data directory. A disk without room for four seconds of sound says so
    /// here, before anybody has spoken.
    pub fn create(directory: &Path, id: &str) -> Result<MessageWriter, SoundError> {
        let path = path(directory, id)?;
        DirBuilder::new().recursive(true).create(messages(directory))?;
        let file = match File::create_new(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(SoundError::Exists { id: id.to_string() });
            }
            Err(error) => return Err(error.into()),
        };
        let mut file = BufWriter::new(file);
        file.write_all(&header(0))?;
        file.write_all(&[0; ROOM])?;
        file.flush()?;
        file.get_ref().set_len(HEADER as u64)?;
        file.seek(SeekFrom::Start(HEADER as u64))?;
        Ok(MessageWriter { file, samples: 0 })
    }

    /// Adds sound: linear samples, 8000 per second.
    pub fn append(&mut self, samples: &[i16]) -> Result<(), SoundError> {
        let room = (LONGEST_SECONDS * RATE_HZ - self.samples) as usize;
        for sample in &samples[..samples.len().min(room)] {
            self.file.write_all(&sample.to_le_bytes())?;
            self.samples += 1;
        }
        match samples.len() > room {
            true => Err(SoundError::TooLong),
            false => Ok(()),
        }
    }

    /// The length so far.
    pub fn seconds(&self) -> f64 {
        f64::from(self.samples) / f64::from(RATE_HZ)
    }

    /// Makes the header true and waits until the sound is on the disk; gives the length in seconds.
    pub fn close(mut self) -> Result<f64, SoundError> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header(self.samples * 2))?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok(self.seconds())
    }
}

/// RIFF, WAVE, `fmt ` with PCM, and `data` of so many bytes.
fn header(data_bytes: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[0..4].copy_from_slice(b"RIFF");
    header[4..8].copy_from_slice(&(data_bytes + 36).to_le_bytes());
    header[8..16].copy_from_slice(b"WAVEfmt ");
    header[16..20].copy_from_slice(&16_u32.to_le_bytes());
    header[20..22].copy_from_slice(&1_u16.to_le_bytes());
    header[22..24].copy_from_slice(&1_u16.to_le_bytes());
    header[24..28].copy_from_slice(&RATE_HZ.to_le_bytes());
    header[28..32].copy_from_slice(&(RATE_HZ * 2).to_le_bytes());
    header[32..34].copy_from_slice(&2_u16.to_le_bytes());
    header[34..36].copy_from_slice(&16_u16.to_le_bytes());
    header[36..40].copy_from_slice(b"data");
    header[40..44].copy_from_slice(&data_bytes.to_le_bytes());
    header
}

/// Makes recordings playable that were never closed; gives their ids in order.
pub(crate) fn recover(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(messages(directory)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut recovered = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let id = path.file_stem().and_then(|stem| stem.to_str()).filter(|id| is_plain(id));
        let is_sound = path.extension().is_some_and(|extension| extension == "wav");
        if let Some(id) = id.filter(|_| is_sound) {
            match make_true(&path) {
                Ok(true) => recovered.push(id.to_string()),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, message = id, "A recording could not be made playable"),
            }
        }
    }
    recovered.sort();
    Ok(recovered)
}

/// True if the header said less or more than there is, and now does not.
fn make_true(path: &Path) -> io::Result<bool> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let bytes = file.metadata()?.len();
    let most = u64::from(LONGEST_SECONDS * RATE_HZ * 2);
    let data = u32::try_from(bytes.saturating_sub(HEADER as u64).min(most) & !1).unwrap_or(0);
    let mut found = [0; HEADER];
    let whole = bytes >= HEADER as u64;
    if whole {
        file.read_exact(&mut found)?;
    }
    if found == header(data) {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&header(data))?;
    file.set_len(HEADER as u64 + u64::from(data))?;
    file.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_recording_says_how_long_it_is() {
        let home = tempfile::tempdir().unwrap();
        let mut message = MessageWriter::create(home.path(), "m-1").unwrap();
        message.append(&[0; 8_000]).unwrap();
        message.append(&[-2; 4_000]).unwrap();
        assert_eq!(message.close().unwrap(), 1.5);
        let bytes = std::fs::read(path(home.path(), "m-1").unwrap()).unwrap();
        assert_eq!(bytes.len(), 44 + 24_000);
        assert_eq!(bytes[40..44], 24_000_u32.to_le_bytes());
        assert_eq!(bytes[4..8], 24_036_u32.to_le_bytes());
        assert_eq!(bytes[bytes.len() - 2..], (-2_i16).to_le_bytes());
        assert_eq!(recover(home.path()).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_recording_cut_off_by_a_crash_can_be_played_after_the_next_start() {
        let home = tempfile::tempdir().unwrap();
        let mut message = MessageWriter::create(home.path(), "m-1").unwrap();
        message.append(&[7; 8_000]).unwrap();
        message.file.flush().unwrap();
        drop(message);
        std::fs::write(messages(home.path()).join("torn.wav"), b"RIF").unwrap();
        std::fs::write(messages(home.path()).join("notes.txt"), b"not ours").unwrap();
        assert_eq!(recover(home.path()).unwrap(), ["m-1", "torn"]);
        let bytes = std::fs::read(path(home.path(), "m-1").unwrap()).unwrap();
        assert_eq!(bytes[..44], header(16_000));
        assert_eq!(std::fs::read(path(home.path(), "torn").unwrap()).unwrap(), header(0));
        assert_eq!(std::fs::read(messages(home.path()).join("notes.txt")).unwrap(), b"not ours");
    }

    #[test]
    fn a_caller_who_never_stops_is_cut_at_ten_minutes_and_the_rest_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let mut message = MessageWriter::create(home.path(), "m-1").unwrap();
        let minute = vec![1; 60 * 8_000];
        for _ in 0..10 {
            message.append(&minute).unwrap();
        }
        assert!(matches!(message.append(&[1]), Err(SoundError::TooLong)));
        assert_eq!(message.close().unwrap(), 600.0);
    }

    #[test]
    fn a_name_cannot_leave_the_directory_or_replace_a_recording() {
        let home = tempfile::tempdir().unwrap();
        for id in ["", "../calls", "a/b", ".hidden", "a\0", &"x".repeat(129)] {
            assert!(matches!(MessageWriter::create(home.path(), id), Err(SoundError::Name { .. })), "{id:?}");
        }
        MessageWriter::create(home.path(), "m-1").unwrap();
        assert!(matches!(MessageWriter::create(home.path(), "m-1"), Err(SoundError::Exists { .. })));
    }
}
