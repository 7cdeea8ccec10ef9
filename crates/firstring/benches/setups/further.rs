//! A further generator, named by `SIPLOAD`, against the same endpoints.
//!
//! `SIPLOAD` is a program with its words; of these, `{to}`, `{user}`, `{rate}`, `{calls}` and `{pid}` are filled in. A program
//! without words is given `uac --to ADDRESS --user NUMBER --calls N --cps RATE --hold 0 --no-media --pid PID`. What it prints is
//! shown as it is: it counts in its own way.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::calls::LINE;
use crate::endpoint::Endpoint;
use crate::report::Report;

const WORDS: &str =
    "uac --to {to} --user {user} --calls {calls} --cps {rate} --hold 0 --no-media --pid {pid}";
/// A rate that each of the endpoints answers.
const RATE: u32 = 100;
const CALLS: u32 = 300;
/// It is given up after this.
const LIMIT: Duration = Duration::from_secs(20);

pub fn generator<'a>(endpoints: impl Iterator<Item = &'a Endpoint>, report: &mut Report) {
    let Some(named) = std::env::var("SIPLOAD").ok().filter(|named| !named.trim().is_empty()) else { return };
    for endpoint in endpoints {
        report.begins(&format!("{named} calls {}", endpoint.name));
        let told = run(&named, endpoint).unwrap_or_else(|why| format!("{named} cannot be run: {why}"));
        report.quotes(endpoint.name, &told);
    }
}

fn run(named: &str, endpoint: &Endpoint) -> std::io::Result<String> {
    let mut words = named.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    let rest: Vec<&str> = words.collect();
    let rest = if rest.is_empty() { WORDS.split(' ').collect() } else { rest };
    command.args(rest.iter().map(|word| filled_in(word, endpoint)));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let began = Instant::now();
    while child.try_wait()?.is_none() && began.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(50));
    }
    // One that has ended by itself is not harmed.
    let _ = child.kill();
    let output = child.wait_with_output()?;
    let told = [output.stdout, output.stderr].concat();
    Ok(format!("{}({})", String::from_utf8_lossy(&told), output.status))
}

fn filled_in(word: &str, endpoint: &Endpoint) -> String {
    word.replace("{to}", &endpoint.address.to_string())
        .replace("{user}", LINE)
        .replace("{rate}", &RATE.to_string())
        .replace("{calls}", &CALLS.to_string())
        .replace("{pid}", &endpoint.pid().to_string())
}
