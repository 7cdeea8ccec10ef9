//! A call as told to a person: why nobody answered and what to change, and what was measured.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use sip::Unanswered;

use super::Plan;
use super::report::{Barge, Nobody, Report, TurnReport, Uttered};

const STRONG: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
/// A gap that callers take for a normal answer, in milliseconds.
const GOOD_GAP_MS: u64 = 800;
/// Silence that callers take for a dead line, in milliseconds.
const DEAD_LINE_MS: u64 = 4_000;

/// The machine is there, the port is not.
pub fn closed_port(plan: &Plan) -> Nobody {
    let (remote, port) = (plan.remote, plan.remote.port());
    nobody(
        "closed",
        format!(
            "Nothing listens on {remote}: the machine said so at once (ICMP port unreachable). Nothing was heard. \
             Start the desk there with `firstring run`, or call the port of [sip] listen instead of {port}."
        ),
    )
}

/// Not a single reply.
pub fn silent(plan: &Plan) -> Nobody {
    let remote = plan.remote;
    nobody(
        "silent",
        format!(
            "{remote} did not reply at all within 8 s, not even \"trying\". Nothing was heard. A desk ignores strangers: \
             put the address this call came from into a trunk's accept_from; or look for a firewall that drops UDP."
        ),
    )
}

fn nobody(why: &'static str, told: String) -> Nobody {
    Nobody { status: None, why, reason: String::new(), told, nobody_there: true }
}

/// It said no, or rang for too long.
pub fn refused(plan: &Plan, status: u16, reason: String, why: Unanswered) -> Nobody {
    let (word, remedy) = remedy(plan, status, why);
    let said = if reason.is_empty() { status.to_string() } else { format!("{status} {reason}") };
    let told = match why {
        Unanswered::RangOut => {
            format!("It rang for {} s and nobody took the call. {remedy}", plan.ring_for.as_secs())
        }
        Unanswered::Cancelled => format!("We gave up before it was answered. {remedy}"),
        Unanswered::Silent => format!("{} did not reply. {remedy}", plan.remote),
        Unanswered::Busy
        | Unanswered::Declined
        | Unanswered::NotFound
        | Unanswered::NotAcceptable
        | Unanswered::Absent
        | Unanswered::Unauthorized
        | Unanswered::Moved
        | Unanswered::Failed
        | Unanswered::Unusable
        | Unanswered::Other => format!("The call was not taken: {said}. Nothing was heard. {remedy}"),
    };
    let nobody_there = matches!(why, Unanswered::Silent | Unanswered::Unusable);
    Nobody { status: Some(status), why: word, reason, told, nobody_there }
}

fn remedy(plan: &Plan, status: u16, why: Unanswered) -> (&'static str, String) {
    let user = plan.target.user_text();
    let plain = |word, text: &str| (word, text.to_owned());
    match why {
        Unanswered::Busy => plain(
            "busy",
            "Every channel was taken, or the phone was in another call: call again, or raise the trunk's channels.",
        ),
        Unanswered::Declined if status == 403 => plain(
            "declined",
            "This address may call, but not this: look at the trunk's accept_from and the rules of the plan.",
        ),
        Unanswered::Declined => {
            plain("declined", "Somebody or some rule said no; `firstring calls` there tells which.")
        }
        Unanswered::NotFound => (
            "not_found",
            format!("There is no line {user:?} there: call a number of a [[line]], written as there."),
        ),
        Unanswered::NotAcceptable => {
            plain("not_acceptable", "There is no codec in common: try --codec pcma, or pcmu.")
        }
        Unanswered::Absent => plain("absent", "Nobody is there now: try again later."),
        Unanswered::Unauthorized => plain(
            "unauthorized",
            "It wants a password, which this caller has none of: call from an address in a trunk's accept_from.",
        ),
        Unanswered::Moved => plain("moved", "It wants us to call elsewhere: call that address yourself."),
        Unanswered::Failed if status == 503 => plain(
            "failed",
            "It takes no calls now (closing down, or overloaded): try again in a few seconds, and look at its log.",
        ),
        Unanswered::Failed => plain("failed", "The far system failed: look at its log for this moment."),
        Unanswered::RangOut => plain("rang_out", "Let the plan end in an assistant or a message."),
        Unanswered::Silent => plain("silent", "Is it still running?"),
        Unanswered::Cancelled => plain("cancelled", "Let it ring longer."),
        Unanswered::Unusable => plain("unusable", "No address of ours can be reached from there."),
        Unanswered::Other => plain("other", "Look at the far end's log for this moment."),
    }
}

/// What was measured, in aligned columns. With colours; print it through `anstream`.
pub fn summary(report: &Report) -> String {
    let mut text = String::new();
    if !report.turns.is_empty() {
        table(&mut text, &report.turns);
    }
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "  {FAINT}{name:<16}{FAINT:#}{value}");
    };
    row("answer", or_never(report.answer_ms.map(|ms| format!("{ms:.1} ms"))));
    row("first word", or_never(report.first_word_ms.map(|ms| format!("{ms:.0} ms after the ACK"))));
    if let Some(median) = median(&report.turns) {
        row("median gap", format!("{median} ms"));
    }
    let silence = report.longest_silence_ms;
    let style = if silence < DEAD_LINE_MS { GOOD } else { BAD };
    row("longest silence", format!("{style}{silence} ms{style:#} while it was the desk's turn"));
    let packets = report.packets;
    let (codec, expected, lost) = (report.codec.unwrap_or("no sound"), packets.expected, packets.lost);
    let (received, jitter) = (packets.received, report.jitter_ms);
    let mos = report.mos.map_or(String::new(), |mos| format!(", MOS {mos:.2}"));
    row(
        "sound",
        format!("{codec}, {received} of {expected} packets, {lost} lost, jitter {jitter:.1} ms{mos}"),
    );
    if report.far_end.reports > 0 {
        let far = report.far_end;
        let trip = far.round_trip_ms.map_or(String::new(), |ms| format!(", round trip {ms:.1} ms"));
        row(
            "the far end saw",
            format!(
                "{} of our {} packets lost, jitter {:.1} ms{trip}",
                far.lost, packets.sent, far.jitter_ms
            ),
        );
    }
    if let Some(by) = report.ended_by {
        row("ended", format!("{} after {:.1} s", by.told(), report.duration_ms as f64 / 1_000.0));
    }
    for note in &report.notes {
        let _ = writeln!(text, "  {BAD}!{BAD:#} {note}");
    }
    text
}

fn or_never(value: Option<String>) -> String {
    value.unwrap_or_else(|| format!("{BAD}never{BAD:#}"))
}

fn table(text: &mut String, turns: &[TurnReport]) {
    let _ = writeln!(text, "  {STRONG}{:>7}  {:<7} {:>8}  words{STRONG:#}", "at", "we", "gap");
    for turn in turns {
        let at = turn.start_ms as f64 / 1_000.0;
        let what = uttered(turn.what);
        let gap = match (turn.gap_ms, turn.what) {
            (Some(ms), _) => {
                let style = if ms < GOOD_GAP_MS { GOOD } else { BAD };
                format!("{style}{:>8}{style:#}", format!("{ms} ms"))
            }
            (None, Uttered::Silence) => format!("{:>8}", ""),
            (None, Uttered::Say | Uttered::Press | Uttered::Barge) => format!("{BAD}{:>8}{BAD:#}", "none"),
        };
        let barge =
            turn.barge.map_or(String::new(), |barge| format!("  {FAINT}{}{FAINT:#}", gave_way(barge)));
        let row = format!("  {at:>6.1}s  {what:<7} {gap}  {}{barge}", turn.text);
        let _ = writeln!(text, "{}", row.trim_end());
    }
}

/// The word for what we did.
pub fn uttered(what: Uttered) -> &'static str {
    match what {
        Uttered::Say => "say",
        Uttered::Press => "press",
        Uttered::Barge => "barge",
        Uttered::Silence => "wait",
    }
}

fn gave_way(barge: Barge) -> String {
    let ms = |time: Option<u64>| time.map_or("never".to_owned(), |ms| format!("after {ms} ms"));
    format!("(ducked {}, silent {})", ms(barge.ducked_ms), ms(barge.silent_ms))
}

/// The middle of all gaps.
pub fn median(turns: &[TurnReport]) -> Option<u64> {
    let mut gaps: Vec<u64> = turns.iter().filter_map(|turn| turn.gap_ms).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied()
}

/// Why nobody answered, as one sentence with its remedy; nothing if somebody did.
pub fn unanswered(report: &Report) -> Option<&str> {
    report.unanswered.as_ref().map(|nobody| nobody.told.as_str())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::{Lines, Script};
    use super::*;

    fn plan() -> Plan {
        let remote = "127.0.0.1:5060".parse().unwrap();
        Plan {
            target: sip::Uri::parse("sip:+13125550100@127.0.0.1").unwrap(),
            remote,
            from: String::new(),
            login: None,
            codec: sip::sdp::Codec::Pcmu,
            script: Script::default(),
            lines: Lines::default(),
            record: None,
            ring_for: Duration::from_secs(90),
            longest: Duration::from_secs(600),
            stop: Arc::default(),
        }
    }

    #[test]
    fn every_refusal_says_what_happened_what_was_heard_and_what_to_change() {
        for (status, why, word, sentences) in [
            (
                404,
                Unanswered::NotFound,
                "not_found",
                "The call was not taken: 404 Said. Nothing was heard. There is no line \"+13125550100\" there: call a \
                 number of a [[line]], written as there.",
            ),
            (
                486,
                Unanswered::Busy,
                "busy",
                "The call was not taken: 486 Said. Nothing was heard. Every channel was taken, or the phone was in \
                 another call: call again, or raise the trunk's channels.",
            ),
            (
                488,
                Unanswered::NotAcceptable,
                "not_acceptable",
                "The call was not taken: 488 Said. Nothing was heard. There is no codec in common: try --codec pcma, \
                 or pcmu.",
            ),
            (
                503,
                Unanswered::Failed,
                "failed",
                "The call was not taken: 503 Said. Nothing was heard. It takes no calls now (closing down, or \
                 overloaded): try again in a few seconds, and look at its log.",
            ),
            (
                401,
                Unanswered::Unauthorized,
                "unauthorized",
                "The call was not taken: 401 Said. Nothing was heard. It wants a password, which this caller has none \
                 of: call from an address in a trunk's accept_from.",
            ),
            (
                487,
                Unanswered::RangOut,
                "rang_out",
                "It rang for 90 s and nobody took the call. Let the plan end in an assistant or a message.",
            ),
        ] {
            let nobody = refused(&plan(), status, "Said".into(), why);
            assert_eq!((nobody.why, nobody.told.as_str()), (word, sentences));
            assert!(!nobody.nobody_there, "there was somebody: exit code 1");
        }
        assert!(silent(&plan()).nobody_there && closed_port(&plan()).nobody_there, "exit code 3");
    }

    #[test]
    fn the_summary_stands_in_columns() {
        let turn = |what, text: &str, gap_ms, barge| TurnReport {
            what,
            text: text.into(),
            start_ms: 8_012,
            end_ms: 9_800,
            gap_ms,
            barge,
        };
        let barge = Barge { ducked_ms: Some(160), silent_ms: None };
        let report = Report {
            unanswered: None,
            answer_ms: Some(0.54),
            first_word_ms: Some(138.2),
            turns: vec![
                turn(Uttered::Say, "My drain is clogged.", Some(737), None),
                turn(Uttered::Barge, "no", None, Some(barge)),
                turn(Uttered::Silence, "", None, None),
            ],
            longest_silence_ms: 4_100,
            codec: Some("PCMU"),
            packets: super::super::report::Packets { sent: 10, expected: 12, received: 10, lost: 2 },
            jitter_ms: 0.48,
            mos: Some(4.39),
            far_end: super::super::report::FarEnd::default(),
            ended_by: Some(super::super::report::CallEnd::FarEnd),
            duration_ms: 48_500,
            notes: vec!["The desk said nothing for 15 s.".into()],
        };
        assert_eq!(
            anstream::adapter::strip_str(&summary(&report)).to_string().lines().collect::<Vec<_>>(),
            [
                "       at  we           gap  words",
                "     8.0s  say       737 ms  My drain is clogged.",
                "     8.0s  barge       none  no  (ducked after 160 ms, silent never)",
                "     8.0s  wait",
                "  answer          0.5 ms",
                "  first word      138 ms after the ACK",
                "  median gap      737 ms",
                "  longest silence 4100 ms while it was the desk's turn",
                "  sound           PCMU, 10 of 12 packets, 2 lost, jitter 0.5 ms, MOS 4.39",
                "  ended           the far end hung up after 48.5 s",
                "  ! The desk said nothing for 15 s.",
            ]
        );
    }
}
