//! What is counted, in the text form that Prometheus reads.
//!
//! Few series, all named here, counted from call records and from how the desk stands; so a registry of our own is
//! a page of code, where a general one would bring twenty crates.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use desk::record::{Outcome, Record};
use line::Refuses;

use super::Desk;
use super::now::Standing;

/// Every outcome there is, so that a series is there before its first call.
const OUTCOMES: [Outcome; 15] = [
    Outcome::Booked,
    Outcome::Transferred,
    Outcome::Answered,
    Outcome::Message,
    Outcome::Callback,
    Outcome::Informed,
    Outcome::Advised,
    Outcome::OptedOut,
    Outcome::WrongNumber,
    Outcome::Refused,
    Outcome::TurnedAway,
    Outcome::NoInput,
    Outcome::Abandoned,
    Outcome::Interrupted,
    Outcome::Lost,
];

/// Upper bounds in milliseconds.
const ANSWER: [u64; 8] = [1, 2, 5, 10, 50, 200, 1_000, 5_000];
const FIRST_WORD: [u64; 6] = [100, 250, 500, 1_000, 2_000, 4_000];
const SILENCE: [u64; 6] = [500, 1_200, 2_000, 3_000, 4_000, 8_000];

/// What is counted since the start.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    calls: BTreeMap<Outcome, u64>,
    answer: Histogram<8>,
    first_word: Histogram<6>,
    silence: Histogram<6>,
}

impl Default for Counts {
    fn default() -> Self {
        Counts {
            calls: OUTCOMES.into_iter().map(|outcome| (outcome, 0)).collect(),
            answer: Histogram::new(ANSWER),
            first_word: Histogram::new(FIRST_WORD),
            silence: Histogram::new(SILENCE),
        }
    }
}

#[derive(Debug)]
struct Histogram<const N: usize> {
    bounds_ms: [u64; N],
    /// How many were at most so long.
    within: [u64; N],
    count: u64,
    sum_ms: u64,
}

impl<const N: usize> Histogram<N> {
    fn new(bounds_ms: [u64; N]) -> Self {
        Histogram { bounds_ms, within: [0; N], count: 0, sum_ms: 0 }
    }

    fn observe(&mut self, ms: u64) {
        for (bound, within) in self.bounds_ms.iter().zip(&mut self.within) {
            *within += u64::from(ms <= *bound);
        }
        self.count += 1;
        self.sum_ms = self.sum_ms.saturating_add(ms);
    }

    fn write(&self, page: &mut Page, name: &str, help: &str) {
        page.family(name, "histogram", help);
        for (bound, within) in self.bounds_ms.iter().zip(&self.within) {
            page.line(&format!("{name}_bucket"), &[("le", &seconds(*bound))], within);
        }
        page.line(&format!("{name}_bucket"), &[("le", "+Inf")], self.count);
        page.line(&format!("{name}_sum"), &[], seconds(self.sum_ms));
        page.line(&format!("{name}_count"), &[], self.count);
    }
}

/// Prometheus counts in seconds.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

impl Metrics {
    /// Counts a finished call.
    pub fn count(&self, record: &Record) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.calls.entry(record.outcome).or_default() += 1;
        if let Some(ms) = record.answer_ms {
            counts.answer.observe(ms);
        }
        if let Some(ms) = record.first_word_ms {
            counts.first_word.observe(ms);
        }
        if record.answered.is_some() {
            counts.silence.observe(record.longest_silence_ms);
        }
    }

    fn page(&self, standing: &Standing, refused: u64) -> String {
        let mut page = Page::default();
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        page.family("firstring_calls_total", "counter", "Finished calls by where they ended.");
        for (outcome, count) in &counts.calls {
            page.line("firstring_calls_total", &[("outcome", outcome.name())], count);
        }
        counts.answer.write(&mut page, "firstring_answer_seconds", "Arrival of a call to our answer.");
        counts.first_word.write(
            &mut page,
            "firstring_first_word_seconds",
            "The caller's confirmation of our answer to our first audible word.",
        );
        counts.silence.write(
            &mut page,
            "firstring_longest_silence_seconds",
            "The longest time a caller heard nothing while it was our turn, by call.",
        );
        drop(counts);
        page.family("firstring_refusals_total", "counter", "Calls turned away before the desk.");
        page.line("firstring_refusals_total", &[], refused);
        standing_page(&mut page, standing);
        page.0
    }
}

fn standing_page(page: &mut Page, standing: &Standing) {
    page.family("firstring_calls_up", "gauge", "Calls at this moment.");
    page.line("firstring_calls_up", &[], standing.calls_up);
    let dropped = "firstring_packets_dropped_total";
    page.family(dropped, "counter", "SIP packets that got no answer: strangers', or no SIP.");
    page.line(dropped, &[("why", "stranger")], standing.strange_packets);
    page.line(dropped, &[("why", "unreadable")], standing.unreadable_packets);
    page.family("firstring_trunk_channels", "gauge", "Calls a trunk carries at once.");
    for trunk in &standing.trunks {
        page.line("firstring_trunk_channels", &[("trunk", &trunk.name)], trunk.channels);
    }
    page.family("firstring_trunk_channels_up", "gauge", "Channels of a trunk in use.");
    for trunk in &standing.trunks {
        page.line("firstring_trunk_channels_up", &[("trunk", &trunk.name)], trunk.channels_up);
    }
    let (store, recordings) = (&standing.store, standing.recordings);
    for (name, kind, help, value) in [
        (
            "firstring_store_failing",
            "gauge",
            "1 while nothing can be stored.",
            u64::from(store.failing.is_some()),
        ),
        (
            "firstring_hanging",
            "gauge",
            "1 while no call is looked after.",
            u64::from(standing.hangs.is_some()),
        ),
        (
            "firstring_voice_refused",
            "gauge",
            "1 while new callers go past the assistant: the machine is short of a core.",
            u64::from(standing.refuses >= Refuses::Voices),
        ),
        (
            "firstring_calls_refused",
            "gauge",
            "1 while new calls are refused: the machine is short of a core.",
            u64::from(standing.refuses >= Refuses::Calls),
        ),
        ("firstring_store_kept", "gauge", "What could not be stored and is tried again.", store.kept as u64),
        ("firstring_store_lost_total", "counter", "What could not be stored and was given up.", store.lost),
        ("firstring_store_stored_total", "counter", "What was stored.", store.stored),
        (
            "firstring_journal_lines_dropped_total",
            "counter",
            "Lines missing in journals.",
            standing.journal_lines_dropped,
        ),
        (
            "firstring_recordings_failing",
            "gauge",
            "1 while calls cannot be recorded.",
            u64::from(recordings.failing),
        ),
        (
            "firstring_recordings_waiting",
            "gauge",
            "Recordings that wait here for their bucket.",
            recordings.waiting as u64,
        ),
        ("firstring_recordings_total", "counter", "Recordings that were finished.", recordings.finished),
        (
            "firstring_recordings_failed_total",
            "counter",
            "Recordings of which nothing or not everything could be kept.",
            recordings.failed,
        ),
        (
            "firstring_troubles",
            "gauge",
            "Troubles an owner should look at today.",
            standing.troubles.len() as u64,
        ),
    ] {
        page.family(name, kind, help);
        page.line(name, &[], value);
    }
}

/// The text exposition format, version 0.0.4.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{escaped}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// What is counted, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    responses((status = 200, description = "Text exposition format 0.0.4", body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(State(desk): State<Desk>) -> impl IntoResponse {
    let standing = (desk.view.standing)();
    let page = desk.view.metrics.page(&standing, desk.view.refusals.count());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page)
}
