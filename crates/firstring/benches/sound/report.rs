//! What is told: an aligned table with a verdict for each budget, or one JSON object a line. What goes on meanwhile is told on
//! stderr.

use std::time::Duration;

use serde_json::{Value, json};

use crate::phones::Seen;
use crate::returning::Peaks;
use crate::verdicts::{Budget, Verdicts};

/// One line of the table.
pub struct Row<'a> {
    pub what: &'a str,
    pub endpoint: &'a str,
    /// At once.
    pub legs: usize,
    pub seen: &'a Seen,
    /// Of one call, in percent of a core.
    pub cpu: f64,
    /// As a multiple of the floor's.
    pub floors: f64,
    /// Of one call, in KiB.
    pub memory: Option<f64>,
    /// KiB of all calls together, when they are over.
    pub left: Option<f64>,
}

/// Where all of it goes.
pub struct Report {
    json: bool,
    verdicts: Verdicts,
}

impl Report {
    pub fn to(json: bool) -> Report {
        Report { json, verdicts: Verdicts::default() }
    }

    /// Something that takes a while.
    pub fn begins(&self, what: &str) {
        eprintln!("... {what}");
    }

    /// What a reader of the table has to know.
    pub fn notes(&self, note: &str) {
        self.say(note, &json!({ "type": "note", "note": note }));
    }

    /// Begins a part of the table.
    pub fn heads(&self, title: &str) {
        if !self.json {
            println!("\n{title}");
            println!(
                "  {:<14} {:<10} {:>5} {:>8} {:>7} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8}",
                "",
                "",
                "legs",
                "CPU %",
                "floors",
                "KiB",
                "KiB left",
                "gap p50",
                "p99 ms",
                "max ms",
                "delay p50",
                "p99 ms",
                "missed"
            );
        }
    }

    pub fn row(&self, row: &Row<'_>) {
        let Row { what, endpoint, legs, seen, cpu, floors, memory, left } = row;
        let shown = |figure: Option<f64>, digits: usize| {
            figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
        };
        let missed = seen.sent.saturating_sub(seen.received);
        let text = format!(
            "  {what:<14} {endpoint:<10} {legs:>5} {cpu:>8.4} {floors:>7.2} {:>9} {:>9} {:>8.1} {:>8.1} {:>8.1} {:>9} {:>9} {missed:>8}",
            shown(*memory, 1),
            shown(*left, 0),
            seen.gap_p50,
            seen.gap_p99,
            seen.gap_max,
            shown(seen.delay_p50, 2),
            shown(seen.delay_p99, 2),
        );
        let line = json!({
            "type": "row", "what": what, "endpoint": endpoint, "legs": legs, "cpu_percent": cpu, "floors": floors,
            "kib": memory, "kib_left": left, "seen": seen,
        });
        self.say(&text, &line);
    }

    pub fn heads_peaks(&self, title: &str) {
        if !self.json {
            println!("\n{title}");
            let heads = ["legs", "before", "peak", "after", "peak", "after", "in use", "after"];
            println!("  {:<14}{}", "", heads.map(|head| format!(" {head:>8}")).concat());
        }
    }

    /// Memory before, at each peak and after it, and what of it is in use.
    pub fn peaks(&self, what: &str, seen: &Peaks) {
        let Peaks { legs, before, peaks, in_use } = seen;
        let shown: String = peaks.as_flattened().iter().map(|kib| format!(" {kib:>8}")).collect();
        let used =
            in_use.map(|kib| format!(" {:>8}", kib.map_or_else(|| "-".to_owned(), |kib| kib.to_string())));
        let text = format!("  {what:<14} {legs:>8} {before:>8}{shown}{}", used.concat());
        let line = json!({
            "type": "peaks", "what": what, "legs": legs, "kib_before": before, "kib_peak_after": peaks,
            "kib_in_use": in_use,
        });
        self.say(&text, &line);
    }

    pub fn heads_whole(&self, title: &str) {
        if !self.json {
            println!("\n{title}");
            println!(
                "  {:<14} {:>6} {:>8} {:>9} {:>9} {:>9}",
                "", "calls", "CPU %", "KiB", "sent", "received"
            );
        }
    }

    pub fn whole(&self, endpoint: &str, calls: u32, cpu: f64, memory: f64, (sent, received): (u64, u64)) {
        let text = format!("  {endpoint:<14} {calls:>6} {cpu:>8.4} {memory:>9.1} {sent:>9} {received:>9}");
        let line = json!({
            "type": "whole", "endpoint": endpoint, "calls": calls, "cpu_percent": cpu, "kib": memory, "sent": sent,
            "received": received,
        });
        self.say(&text, &line);
    }

    /// Holds a figure against its budget.
    pub fn judge(&mut self, budget: &Budget, figure: Option<f64>) {
        let line = self.verdicts.judge(budget, figure);
        if self.json {
            println!("{line}");
        }
    }

    pub fn ends(&self, took: Duration) {
        let (met, missed) = self.verdicts.count();
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let seconds = took.as_secs();
        if self.json {
            let line = json!({ "type": "result", "met": met, "missed": missed, "cores": cores, "load_average": load.trim(), "seconds": seconds });
            println!("{line}");
            return;
        }
        println!("\nBudgets");
        for sentence in self.verdicts.sentences() {
            println!("  {sentence}");
        }
        println!(
            "{met} met, {missed} missed; {cores} cores shared by all of it, load average {}, {seconds} s",
            load.trim()
        );
    }

    fn say(&self, text: &str, line: &Value) {
        if self.json { println!("{line}") } else { println!("{text}") }
    }
}
