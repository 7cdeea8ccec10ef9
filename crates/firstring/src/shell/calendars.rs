//! Slow things on a clock: the busy file of each calendar read anew, and what is old forgotten.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use connectors::{BusySource, LocalCalendar, Range};
use jiff::{SignedDuration, Timestamp};
use store::bucket::Bucket;
use store::retention::oldest_day;

use crate::config::{CalendarSettings, Config};
use crate::shell::clock::Clock;
use crate::shell::inbox::{Inbox, Letter};

/// How often a changed busy file is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How often what is old is forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// A day before now, so that what is under way counts.
const BEFORE: SignedDuration = SignedDuration::from_hours(24);
/// Further ahead than any calendar books.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 200);

/// The busy times of a calendar around `now`; none if it names no file.
pub fn read(calendar: &CalendarSettings, now: Timestamp) -> anyhow::Result<Vec<(Timestamp, Timestamp)>> {
    let Some(path) = &calendar.busy else { return Ok(Vec::new()) };
    let modified = fs::metadata(path).and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut source = LocalCalendar::new(path, calendar.rules.hours.zone().clone());
    source.refresh(modified)?;
    let from = now.checked_sub(BEFORE).unwrap_or(now);
    let to = now.checked_add(AHEAD).unwrap_or(now);
    let busy = source.busy(Range { from, to })?;
    Ok(busy.into_iter().map(|busy| (busy.start, busy.end)).collect())
}

type Read = (SystemTime, Vec<(Timestamp, Timestamp)>);

fn read_if_changed(calendar: &CalendarSettings, seen: Option<SystemTime>) -> anyhow::Result<Option<Read>> {
    let path = calendar.busy.clone().unwrap_or_default();
    let modified = fs::metadata(&path)?.modified()?;
    if Some(modified) == seen {
        return Ok(None);
    }
    Ok(Some((modified, read(calendar, Timestamp::now())?)))
}

/// Reads busy files again when they change. A file that cannot be read changes nothing, and is told.
pub fn watch(config: &Config, inbox: &Inbox) {
    for calendar in config.calendars.iter().filter(|calendar| calendar.busy.is_some()) {
        tokio::spawn(watch_one(calendar.clone(), inbox.clone()));
    }
}

async fn watch_one(calendar: CalendarSettings, inbox: Inbox) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut seen = None;
    loop {
        look.tick().await;
        let again = calendar.clone();
        match tokio::task::spawn_blocking(move || read_if_changed(&again, seen)).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some((modified, busy)))) => {
                seen = Some(modified);
                inbox.post(Letter::Busy { calendar: calendar.rules.calendar.clone(), busy });
            }
            Ok(Err(error)) => {
                tracing::warn!(calendar = %calendar.rules.calendar, %error, "The busy file cannot be read, the times read last still count");
            }
            Err(_) => return,
        }
    }
}

/// Forgets what was kept longer than the owner wants, at start and every hour.
pub fn forget_old(config: &Config, clock: Clock, inbox: &Inbox, bucket: Option<Arc<Bucket>>) {
    let (directory, keep, inbox) = (config.data_directory.clone(), config.keep, inbox.clone());
    tokio::spawn(async move {
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            sweep.tick().await;
            let now = clock.now().wall;
            let before = SignedDuration::try_from(keep).ok().and_then(|keep| now.checked_sub(keep).ok());
            let Some(before) = before else { return };
            inbox.post(Letter::Forget { before });
            let directory = directory.clone();
            let swept =
                tokio::task::spawn_blocking(move || store::retention::sweep(&directory, before)).await;
            if let Ok(Err(error)) = swept {
                tracing::warn!(%error, "Old journals and recordings could not be deleted");
            }
            if let Some(bucket) = &bucket
                && let Err(error) = bucket.sweep(oldest_day(before)).await
            {
                tracing::warn!(%error, "Old recordings could not be deleted in their bucket, it is tried again in an hour");
            }
        }
    });
}
