//! A calendar in a file beside the configuration: times already taken, as any calendar program exports them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::tz::TimeZone;

use crate::ics::Calendar;
use crate::{Busy, BusyError, BusySource, Range};

/// The longest file that is read.
const MOST_BYTES: u64 = 8 << 20;

/// The file of one calendar, and what it said when it was last understood.
#[derive(Debug)]
pub struct LocalCalendar {
    path: PathBuf,
    zone: TimeZone,
    read: Option<(SystemTime, Calendar)>,
}

impl LocalCalendar {
    /// `zone` is the office's: an all-day entry is a day there. Nothing is read yet.
    pub fn new(path: &Path, zone: TimeZone) -> LocalCalendar {
        LocalCalendar { path: path.to_path_buf(), zone, read: None }
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file again if it was `modified` since; true if it was. A file that is not understood changes
    /// nothing: what it said before stays, and the next call tries again.
    pub fn refresh(&mut self, modified: SystemTime) -> Result<bool, BusyError> {
        if self.read.as_ref().is_some_and(|(at, _)| *at == modified) {
            return Ok(false);
        }
        let calendar = self.parse()?;
        self.read = Some((modified, calendar));
        Ok(true)
    }

    fn parse(&self) -> Result<Calendar, BusyError> {
        let failed = |why| BusyError::File { path: self.path.clone(), why };
        let mut bytes = Vec::new();
        let file = File::open(&self.path).map_err(failed)?;
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(BusyError::TooLong { path: self.path.clone(), most: MOST_BYTES });
        }
        // Names and places may be in any encoding; nothing but ASCII is looked at.
        let text = String::from_utf8_lossy(&bytes);
        Calendar::parse(&text, &self.zone)
            .map_err(|error| BusyError::Content { path: self.path.clone(), error })
    }
}

impl BusySource for LocalCalendar {
    /// Reads the file first if it was never read; later only [`LocalCalendar::refresh`] does.
    fn busy(&mut self, range: Range) -> Result<Vec<Busy>, BusyError> {
        let busy_in = |calendar: &Calendar| {
            let failed = |error| BusyError::Content { path: self.path.clone(), error };
            calendar.busy(range).map_err(failed)
        };
        match &self.read {
            Some((_, calendar)) => busy_in(calendar),
            None => busy_in(&self.parse()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event(day: &str) -> String {
        format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:{day}\nEND:VEVENT\nEND:VCALENDAR\n")
    }

    fn december() -> Range {
        Range { from: "2026-12-01T00:00:00Z".parse().unwrap(), to: "2027-01-01T00:00:00Z".parse().unwrap() }
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_changes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("busy.ics");
        let mut calendar = LocalCalendar::new(&path, TimeZone::UTC);
        let [first, second, third] =
            [1, 2, 3].map(|hour| SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3_600));
        std::fs::write(&path, event("20261203")).unwrap();
        assert!(calendar.refresh(first).unwrap());
        let before = calendar.busy(december()).unwrap();
        assert_eq!(before[0].start, "2026-12-03T00:00:00Z".parse().unwrap());

        std::fs::write(&path, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:tomorrow").unwrap();
        assert!(!calendar.refresh(first).unwrap(), "the same file is not read twice");
        let error = calendar.refresh(second).unwrap_err().to_string();
        assert!(error.contains("busy.ics, line 3: "), "{error}");
        assert_eq!(calendar.busy(december()).unwrap(), before);

        std::fs::write(&path, event("20261204")).unwrap();
        assert!(calendar.refresh(third).unwrap());
        assert_ne!(calendar.busy(december()).unwrap(), before);
    }

    #[test]
    fn a_missing_or_endless_file_is_told_in_a_sentence() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("busy.ics");
        let mut calendar = LocalCalendar::new(&path, TimeZone::UTC);
        assert!(calendar.busy(december()).unwrap_err().to_string().contains("No such file"));
        File::create(&path).unwrap().set_len(MOST_BYTES + 1).unwrap();
        let error = calendar.busy(december()).unwrap_err().to_string();
        assert!(error.ends_with("longer than 8388608 bytes; export only the months ahead"), "{error}");
    }
}
