//! INVITE to 200 while others talk: sound both ways on many legs of the desk, beside calls that come and go.
//!
//! The floor and baresip answer on the same machine in the same minute, with nobody of their own to talk to: what they take
//! longer than before is the machine's share.

use crate::budgets;
use crate::callers::Callers;
use crate::clean::BOUND_MS;
use crate::endpoint::Endpoint;
use crate::load::{Plan, Tally};
use crate::report::{Report, Row};

/// Calls a second that come and go meanwhile: many more than a busy office has.
const RATE: u32 = 50;
const FOR_MS: u64 = 4_000;

pub fn while_others_talk(desk: &Endpoint, beside: &[&Endpoint], legs: u32, report: &mut Report) {
    let all: Vec<&Endpoint> = [desk].into_iter().chain(beside.iter().copied()).collect();
    report.begins("Calls at a quiet rate, one endpoint after the other");
    let alone = all.iter().map(|endpoint| quietly(endpoint)).collect::<Vec<Tally>>();
    report.begins(&format!("The same while {legs} callers hold the line with sound both ways"));
    let callers = Callers::ring(desk.address, legs);
    let (up, before) = (callers.up, desk.used());
    let mut share = 0.0;
    let mut amid = Vec::new();
    for endpoint in &all {
        amid.push(quietly(endpoint));
        if endpoint.name == desk.name {
            share = desk.used().since(&before).whole as f64 / FOR_MS as f64 * 100.0;
        }
    }
    let heard = callers.hang_up();
    report.heads(&format!(
        "INVITE to 200 at {RATE} calls/s, alone and while {up} callers have sound both ways"
    ));
    for (what, tallies) in [("alone", &alone), ("while others talk", &amid)] {
        let floor = tallies[1].answers.p50;
        for (endpoint, tally) in all.iter().zip(tallies) {
            let floors = Some(tally.answers.p50 / floor);
            report.row(&Row {
                what,
                endpoint: endpoint.name,
                tally,
                waits: tally.answers,
                cpu: None,
                floors,
            });
        }
    }
    report.notes(&format!(
        "  {up} callers up of {legs}, {} at the end, {} sent away; {} packets sent, {} received; the desk used {share:.0} % of a core",
        heard.up, heard.gone, heard.sent, heard.received
    ));
    report.judge(&budgets::ANSWER_P50, Some(amid[0].answers.p50));
    report.judge(&budgets::ANSWER_P99, Some(amid[0].answers.p99));
}

fn quietly(endpoint: &Endpoint) -> Tally {
    Plan::steady(endpoint.address, RATE, FOR_MS, BOUND_MS).play().remove(0)
}
