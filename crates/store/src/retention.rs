//! What is older than the business keeps it is deleted: journals and recordings here, rows by
//! [`Write::Forget`](crate::Write::Forget).
//!
//! How long that is, and when a sweep is made, is decided by configuration and by the shell.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::journal;
use crate::{recording, sound};

/// What a sweep deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Days of journals.
    pub journal_days: usize,
    /// Recordings of messages.
    pub messages: usize,
    /// Recordings of calls, and what was to become one.
    pub calls: usize,
}

/// The oldest day that is kept: a day is the office's, so one that may still be younger somewhere on earth stays a day
/// longer.
pub fn oldest_day(before: Timestamp) -> Date {
    before.to_zoned(TimeZone::UTC).date().yesterday().unwrap_or(Date::MIN)
}

/// Deletes journals of days before `before` and recordings last written before it. Waits for the disk.
///
/// What is not ours in these folders stays.
pub fn sweep(directory: &Path, before: Timestamp) -> io::Result<Swept> {
    let oldest = oldest_day(before);
    let mut swept = Swept::default();
    for entry in entries(&journal::journals(directory))? {
        let day = entry.file_name().to_str().and_then(|name| name.parse::<Date>().ok());
        if day.is_some_and(|day| day < oldest) {
            std::fs::remove_dir_all(entry.path())?;
            swept.journal_days += 1;
        }
    }
    let before = SystemTime::from(before);
    for entry in entries(&sound::messages(directory))? {
        let is_sound = entry.path().extension().is_some_and(|extension| extension == "wav");
        if is_sound && entry.metadata()?.modified()? < before {
            std::fs::remove_file(entry.path())?;
            swept.messages += 1;
        }
    }
    swept.calls = recording::sweep(directory, oldest)?;
    Ok(swept)
}

pub(crate) fn entries(folder: &Path) -> io::Result<Vec<std::fs::DirEntry>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_goes_and_everything_else_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        for folder in [
            "journals/2026-08-01",
            "journals/2026-08-22",
            "journals/2026-08-23",
            "journals/notes",
            "messages",
        ] {
            std::fs::create_dir_all(path(folder)).unwrap();
        }
        for (name, written) in [
            ("old.wav", "2026-08-22T23:00:00Z"),
            ("new.wav", "2026-08-23T12:00:01Z"),
            ("a.txt", "2020-01-01T00:00:00Z"),
        ] {
            let file = std::fs::File::create(path("messages").join(name)).unwrap();
            file.set_modified(written.parse::<Timestamp>().unwrap().into()).unwrap();
        }
        let swept = sweep(home.path(), "2026-08-23T12:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(swept, Swept { journal_days: 1, messages: 1, calls: 0 });
        for stays in [
            "journals/2026-08-22",
            "journals/2026-08-23",
            "journals/notes",
            "messages/new.wav",
            "messages/a.txt",
        ] {
            assert!(path(stays).exists(), "{stays}");
        }
        assert!(!path("journals/2026-08-01").exists() && !path("messages/old.wav").exists());
    }

    #[test]
    fn a_desk_that_has_kept_nothing_yet_has_nothing_to_delete() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(sweep(home.path(), Timestamp::UNIX_EPOCH).unwrap(), Swept::default());
    }
}
