//! Whether the container's processor limit holds this process back: then sound leaves late however idle the machine is.
//!
//! Source: the kernel's `cpu.stat` of a control group, version 2 (Documentation/admin-guide/cgroup-v2.rst). A machine without
//! control groups, or of version 1, is never held back as far as is known here.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::shell::standing::Board;

/// Where control groups are found.
const GROUPS: &str = "/sys/fs/cgroup";
/// How often is looked.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Looks now and then, beside the control thread: however fast the kernel tells, it is a file. The console is told.
pub fn watch(board: Arc<Board>) {
    tokio::spawn(async move {
        let mut throttled = Throttled::of_ours();
        let mut look = tokio::time::interval(LOOKED_AT_EVERY);
        loop {
            look.tick().await;
            board.held_back(throttled.since_last());
        }
    });
}

/// What was seen last.
#[derive(Debug, Default)]
struct Throttled {
    figures: Option<PathBuf>,
    before: Option<Duration>,
}

impl Throttled {
    /// Of this very process.
    fn of_ours() -> Throttled {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let places = [own_group(&own), PathBuf::from(GROUPS)].map(|group| group.join("cpu.stat"));
        Throttled { figures: places.into_iter().find(|place| place.is_file()), before: None }
    }

    /// For how long the process was held back since the last look; nothing at the first.
    fn since_last(&mut self) -> Duration {
        let told = self.figures.as_ref().and_then(|figures| fs::read_to_string(figures).ok());
        let Some(now) = told.as_deref().and_then(held_back) else { return Duration::ZERO };
        now.saturating_sub(self.before.replace(now).unwrap_or(now))
    }
}

/// The line of version 2 begins with `0::`; inside a container it is often a single slash.
fn own_group(told: &str) -> PathBuf {
    let group = told.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
    PathBuf::from(GROUPS).join(group.trim_start_matches('/'))
}

/// All the time that its tasks were not let run although they could.
fn held_back(told: &str) -> Option<Duration> {
    let micros = told.lines().find_map(|line| line.strip_prefix("throttled_usec "))?;
    micros.trim().parse().ok().map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_at_its_limit_is_noticed_from_one_look_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let figures = folder.path().join("cpu.stat");
        let told =
            |micros: u64| format!("usage_usec 9\nnr_periods 4\nnr_throttled 2\nthrottled_usec {micros}\n");
        fs::write(&figures, told(700_000)).unwrap();
        let mut ours = Throttled { figures: Some(figures.clone()), before: None };
        assert_eq!(ours.since_last(), Duration::ZERO, "what was before is not of now");
        fs::write(&figures, told(1_000_000)).unwrap();
        assert_eq!(ours.since_last(), Duration::from_millis(300));
        assert_eq!(ours.since_last(), Duration::ZERO);
        fs::write(&figures, "usage_usec 9\n").unwrap();
        assert_eq!(ours.since_last(), Duration::ZERO, "a group without a limit says nothing of it");
        assert_eq!(Throttled::default().since_last(), Duration::ZERO);
    }

    #[test]
    fn the_group_of_a_process_is_found_inside_a_container_and_outside() {
        assert_eq!(own_group("0::/\n"), PathBuf::from("/sys/fs/cgroup"));
        assert_eq!(
            own_group("1:name=systemd:/x\n0::/system.slice/firstring.service\n"),
            PathBuf::from("/sys/fs/cgroup/system.slice/firstring.service")
        );
        assert_eq!(own_group("4:cpu:/docker/1\n"), PathBuf::from("/sys/fs/cgroup"));
    }
}
