//! What is told: an aligned table with a verdict for each budget, or one JSON object a line. What goes on meanwhile is told on stderr.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cpu::Used;
use crate::load::{Tally, Waits};
use crate::verdicts::{Budget, Verdicts};

/// One line of the table.
pub struct Row<'a> {
    pub what: &'a str,
    pub endpoint: &'a str,
    pub tally: &'a Tally,
    /// Of answers or of refusals.
    pub waits: Waits,
    /// Processor time of 1,000 calls, in milliseconds.
    pub cpu: Option<f64>,
    /// As a multiple of the same figure of the floor.
    pub floors: Option<f64>,
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
                "  {:<30} {:<10} {:>8} {:>8} {:>8} {:>7} {:>7} {:>8} {:>8} {:>8} {:>9} {:>7}",
                "",
                "",
                "calls/s",
                "answered",
                "refused",
                "silent",
                "again",
                "p50 ms",
                "p99 ms",
                "max ms",
                "CPU ms/k",
                "floors"
            );
        }
    }

    pub fn row(&self, row: &Row<'_>) {
        let Row { what, endpoint, tally, waits, cpu, floors } = row;
        let [cpu_shown, floors_shown] = [cpu, floors]
            .map(|figure| figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.1}")));
        let text = format!(
            "  {what:<30} {endpoint:<10} {:>8.0} {:>8} {:>8} {:>7} {:>7} {:>8.2} {:>8.2} {:>8.2} {cpu_shown:>9} {floors_shown:>7}{}",
            tally.rate,
            tally.answered,
            tally.refused(),
            tally.unanswered,
            tally.again,
            waits.p50,
            waits.p99,
            waits.max,
            statuses(tally)
        );
        let line = json!({
            "type": "row", "what": what, "endpoint": endpoint, "calls_per_s": tally.rate, "placed": tally.placed,
            "answered": tally.answered, "refused": tally.refused, "unanswered": tally.unanswered, "again": tally.again,
            "p50_ms": waits.p50, "p99_ms": waits.p99, "max_ms": waits.max, "cpu_ms_per_1000": cpu, "floors": floors,
        });
        self.say(&text, &line);
    }

    /// Where the processor time of so many calls went.
    pub fn threads(&self, endpoint: &str, used: &Used, calls: u32) {
        let share = |ms: u64| ms as f64 * 1_000.0 / f64::from(calls.max(1));
        let mut threads: Vec<(&String, f64)> =
            used.threads.iter().map(|(name, ms)| (name, share(*ms))).filter(|(_, ms)| *ms >= 0.05).collect();
        threads.sort_by(|one, two| two.1.total_cmp(&one.1));
        let told: Vec<String> = threads.iter().map(|(name, ms)| format!("{name} {ms:.1}")).collect();
        let by_name: serde_json::Map<String, Value> =
            threads.iter().map(|(name, ms)| ((*name).clone(), json!(ms))).collect();
        let text =
            format!("  where it goes in {endpoint}, CPU ms per 1,000 calls by thread: {}", told.join(", "));
        self.say(&text, &json!({ "type": "threads", "endpoint": endpoint, "cpu_ms_per_1000": by_name }));
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
        let seconds = took.as_secs();
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
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

    /// What another program said of an endpoint.
    pub fn quotes(&self, endpoint: &str, told: &str) {
        let indented: Vec<String> = told.lines().map(|line| format!("    {line}")).collect();
        let text = format!("\nThe further generator of {endpoint}\n{}", indented.join("\n"));
        self.say(&text, &json!({ "type": "further", "endpoint": endpoint, "output": told }));
    }

    fn say(&self, text: &str, line: &Value) {
        if self.json { println!("{line}") } else { println!("{text}") }
    }
}

fn statuses(tally: &Tally) -> String {
    let told: Vec<String> =
        tally.refused.iter().map(|(status, count)| format!("{count} x {status}")).collect();
    if told.is_empty() { String::new() } else { format!("  ({})", told.join(", ")) }
}
