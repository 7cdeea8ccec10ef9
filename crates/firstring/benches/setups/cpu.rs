//! What a process has used of the processor, whole and by thread.

use std::collections::BTreeMap;
use std::fs;

/// Milliseconds since its start.
#[derive(Clone, Default)]
pub struct Used {
    /// All threads, those that have ended as well.
    pub whole: u64,
    /// By name; what ends in a number is summed over all numbers.
    pub threads: BTreeMap<String, u64>,
}

impl Used {
    /// So far. Source: `proc(5)`, stat: fields 14 and 15, in hundredths of a second.
    pub fn by(pid: u32) -> Used {
        let whole = fs::read_to_string(format!("/proc/{pid}/stat")).map_or(0, |line| fields(&line).1);
        let mut threads = BTreeMap::new();
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for line in tasks.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok()) {
            let (name, ms) = fields(&line);
            *threads.entry(name).or_insert(0) += ms;
        }
        Used { whole, threads }
    }

    /// What was used after `earlier`.
    pub fn since(&self, earlier: &Used) -> Used {
        let beyond = |(name, ms): (&String, &u64)| {
            (name.clone(), ms.saturating_sub(earlier.threads.get(name).copied().unwrap_or(0)))
        };
        Used {
            whole: self.whole.saturating_sub(earlier.whole),
            threads: self.threads.iter().map(beyond).collect(),
        }
    }
}

fn fields(line: &str) -> (String, u64) {
    let (before, after) = line.rsplit_once(')').unwrap();
    let name = before.split_once('(').unwrap().1.trim_end_matches(|sign: char| sign.is_ascii_digit());
    let times: Vec<u64> =
        after.split_whitespace().skip(11).take(2).map(|field| field.parse().unwrap()).collect();
    (name.trim_end_matches('-').to_owned(), 10 * times.iter().sum::<u64>())
}
