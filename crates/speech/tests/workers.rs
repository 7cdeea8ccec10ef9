//! Workers that die, hang, lie, or are not there; grammars that cannot be used.

mod support;

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use speech::local::{HearingSettings, LocalHearing, LocalSpeaker, NoHearing, WorkerCommand};
use speech::{EngineError, GrammarError, GrammarSet, Hear, HearSpec, Hearing, Line, Question, Speak};
use support::*;

/// Workers of one test, told from all others by a word on their command line.
struct Marked(String);

impl Marked {
    fn new(mark: &str) -> Marked {
        Marked(format!("{mark}-{}", std::process::id()))
    }

    fn command(&self) -> WorkerCommand {
        WorkerCommand { args: vec![self.0.clone().into()], ..worker() }
    }

    fn settings(&self) -> HearingSettings {
        HearingSettings { command: self.command(), ..settings() }
    }

    /// Their process numbers.
    fn running(&self) -> Vec<String> {
        let mut pids = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("a Linux machine").flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let has_mark = line.split(|b| *b == 0).any(|word| word == self.0.as_bytes());
            if has_mark && entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()) {
                pids.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        pids
    }

    /// Kills all that run, and returns when each of them has ended: a signal sent is not yet a process gone.
    async fn kill_all(&self) {
        let doomed = self.running();
        for pid in &doomed {
            Command::new("kill").args(["-9", pid]).status().expect("kill is installed");
        }
        while !doomed.iter().all(|pid| has_ended(pid)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn until(&self, wanted: impl Fn(usize) -> bool) {
        for _ in 0..500 {
            if wanted(self.running().len()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} workers after ten seconds", self.running().len());
    }
}

/// Gone, or waiting for its parent to notice: what comes after the name in its line is its state.
fn has_ended(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with(['Z', 'X']))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_a_call_costs_one_turn() {
    if !model_is_installed() {
        return;
    }
    let marked = Marked::new("one-turn");
    let speaker = LocalSpeaker::start(worker());
    let sound = over_the_phone(&said(&speaker, "rms", "none of them").await);
    let hearing = LocalHearing::start(marked.settings(), &plumber()).await.unwrap();
    let mut call = session(&hearing).await;
    call.listen(&Question::of("pick")).await.unwrap();
    call.push(&sound[..4_000]);
    marked.kill_all().await;
    let lost = call.finish().await;
    assert!(matches!(lost, Hearing::Failed(EngineError::Failed { .. })), "{lost:?}");
    match answer(&mut *call, "pick", &sound).await {
        Hearing::Heard(heard) => assert_eq!(heard.text, "none of them"),
        other => panic!("the next turn: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_that_dies_is_replaced_and_never_handed_out() {
    if !model_is_installed() {
        return;
    }
    let marked = Marked::new("idle");
    let hearing = LocalHearing::start(marked.settings(), &plumber()).await.unwrap();
    marked.until(|n| n == 1).await;
    let before = marked.running();
    marked.kill_all().await;
    marked.until(|_| marked.running() != before && marked.running().len() == 1).await;
    let mut call = session(&hearing).await;
    assert!(matches!(answer(&mut *call, "pick", &[0; 8_000]).await, Hearing::Rejected(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_loads_for_longer_than_a_caller_waits_serves_the_next_one() {
    if !model_is_installed() {
        return;
    }
    let hasty = HearingSettings { start_within: Duration::from_micros(1), ..settings() };
    let hearing = LocalHearing::start(hasty, &plumber()).await.unwrap();
    while hearing.idle() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let _first = session(&hearing).await;
    let Err(late) = hearing.open(&HearSpec::default()).await else { panic!("a worker within a microsecond") };
    assert!(matches!(late, EngineError::Failed { .. }), "{late:?}");
    while hearing.idle() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    session(&hearing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_step_back_as_far_as_they_are_told() {
    if !model_is_installed() {
        return;
    }
    for (mark, more) in [("as-others", 0), ("behind-others", 5)] {
        let marked = Marked::new(mark);
        let hearing =
            LocalHearing::start(HearingSettings { nice: more, ..marked.settings() }, &plumber()).await;
        let hearing = hearing.unwrap();
        while hearing.idle() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let [worker] = &marked.running()[..] else { panic!("one stands ready") };
        assert_eq!(niceness(worker), niceness("self") + i32::from(more));
    }
}

/// The 19th field of the line, the 17th after the name. Source: `proc(5)`.
fn niceness(pid: &str) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let after_name = stat.rsplit(") ").next().expect("a name in brackets");
    after_name.split(' ').nth(16).and_then(|field| field.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_end_with_the_desk() {
    if !model_is_installed() {
        return;
    }
    let marked = Marked::new("end");
    let speaker = LocalSpeaker::start(marked.command());
    said(&speaker, "kal16", "hello").await;
    let hearing = LocalHearing::start(marked.settings(), &plumber()).await.unwrap();
    let call = session(&hearing).await;
    marked.until(|n| n >= 2).await;
    drop((call, hearing, speaker));
    marked.until(|n| n == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_voice_comes_back_after_its_worker_died() {
    let marked = Marked::new("voice");
    let speaker = LocalSpeaker::start(marked.command());
    let first = said(&speaker, "kal16", "The first visit is at nine.").await;
    marked.kill_all().await;
    let line = Line::new("kal16", "The first visit is at nine.");
    // Either the death was noticed before (and a new worker renders), or this one text is lost.
    let _ = speaker.render(&line).await;
    assert_eq!(speaker.render(&line).await.unwrap(), first, "kal16 says the same thing the same way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_no_worker_is_a_failure_not_a_hang() {
    for program in ["/bin/false", "/bin/cat", "/nonexistent/firstring"] {
        let command = WorkerCommand { program: program.into(), args: Vec::new() };
        let speaker = LocalSpeaker::start(command);
        for _ in 0..3 {
            let error = speaker.render(&Line::new("slt", "hello")).await.unwrap_err();
            assert!(matches!(error, EngineError::Failed { .. }), "{program}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_without_the_model_runs_on_the_keypad() {
    let settings = HearingSettings { model: "/nonexistent/en-us".into(), ..settings() };
    let problems = LocalHearing::start(settings, &plumber()).await.unwrap_err();
    let sentence = "no speech model in /nonexistent/en-us; install it with `apt install pocketsphinx-en-us`";
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [sentence]);
    let Err(error) = NoHearing::because(sentence).open(&HearSpec::default()).await else {
        panic!("heard without a model")
    };
    assert_eq!(error, EngineError::Unavailable(sentence.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_unusable_grammar_is_named_with_what_would_help() {
    if !model_is_installed() {
        return;
    }
    let check = |set: GrammarSet| async move {
        let problems = LocalHearing::check(&settings(), &set).await.err().unwrap_or_default();
        problems.iter().map(GrammarError::to_string).collect::<Vec<_>>()
    };
    let set = |grammars: Vec<speech::Grammar>| GrammarSet { grammars, pronunciations: Default::default() };
    let unknown = check(set(vec![phrases("firm", 0.0, &["call xyzzyplumb", "agent"])])).await;
    assert_eq!(unknown.len(), 1);
    assert!(
        unknown[0].starts_with("grammar firm: no pronunciation is known for \"xyzzyplumb\"; add it to the pronunciations, for instance \""),
        "{unknown:?}"
    );
    let mut known = set(vec![phrases("firm", 0.0, &["call xyzzyplumb"])]);
    known.pronunciations.insert("xyzzyplumb".into(), "Z IH Z IY P L AH M".into());
    assert_eq!(check(known).await, Vec::<String>::new());
    let twice =
        set(vec![phrases("a", 0.0, &["yes"]), phrases("a", 0.0, &["no"]), phrases("b c", 0.0, &["no"])]);
    assert_eq!(
        check(twice).await,
        ["grammar a is defined twice", "\"b c\" is no name for a grammar; use letters, digits, `-` and `_`"]
    );
    let jsgf = speech::Grammar {
        name: "when".into(),
        answers: speech::Answers::Jsgf("public <a> = <day> ;".into()),
        threshold: 0.0,
    };
    assert_eq!(
        check(set(vec![jsgf])).await,
        ["grammar when: rule <a> refers to <day>, which is not defined"]
    );
}

#[test]
fn a_worker_refuses_nonsense_and_ends_without_a_panic() {
    for (kind, bytes) in
        [("hear", &[0xFF; 64][..]), ("speak", &[3, 0, 0, 0, 1, 9, 9][..]), ("hear", &[1, 0, 0, 0, 4][..])]
    {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_speech-worker"))
            .arg(kind)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        ours.write_all(bytes).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{kind} {bytes:?}");
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert_eq!(words, "");
    }
}

#[test]
fn a_worker_started_by_hand_says_so_by_its_exit_code() {
    let status =
        Command::new(env!("CARGO_BIN_EXE_speech-worker")).arg("hear").stdin(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(2));
}
