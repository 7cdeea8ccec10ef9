//! flite for all calls: one worker renders one text after the other (a second of speech in about 12 ms).

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::BackOff;
use super::process::{Worker, WorkerCommand, WorkerError};
use crate::LocalVoice;
use crate::clip::Clip;
use crate::engine::{EngineError, Later, Line, Speak};
use crate::spoken::spoken;
use crate::worker::Kind;
use crate::worker::wire::Message;

const ENGINE: &str = "local voice";
/// The linked flite, and the way we treat its sound and texts. Raise the last number when that changes: it is part of
/// the prompts' cache keys.
const VERSION: &str = "flite-2.2-2";
/// Texts waiting. More means the machine cannot keep up, and a caller should not wait behind them.
const QUEUE: usize = 64;
/// Longest text of one request, in bytes: about a minute of speech.
const LONGEST_TEXT: usize = 1_000;
/// From request to clip, waiting included.
const DEADLINE: Duration = Duration::from_secs(5);

/// Speaking on this machine.
#[derive(Debug, Clone)]
pub struct LocalSpeaker {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    voice: LocalVoice,
    text: String,
    answer: oneshot::Sender<Result<Clip, EngineError>>,
}

impl LocalSpeaker {
    /// Starts to serve; the worker process starts with the first text. Call inside a tokio runtime.
    ///
    /// Ends, worker included, when the last clone is dropped.
    pub fn start(command: WorkerCommand) -> LocalSpeaker {
        let (requests, queue) = mpsc::channel(QUEUE);
        tokio::spawn(
            Renderer { command, worker: None, back_off: BackOff::default(), next_id: 0 }.serve(queue),
        );
        LocalSpeaker { requests }
    }

    async fn clip(&self, line: Line) -> Result<Clip, EngineError> {
        let voice = LocalVoice::from_name(&line.voice).ok_or_else(|| unknown_voice(&line.voice))?;
        let text = spoken(&line.text);
        if text.len() > LONGEST_TEXT {
            return Err(EngineError::Wrong(format!(
                "a text of {} letters is too long to be spoken at once",
                text.len()
            )));
        }
        if text.is_empty() {
            return Err(EngineError::Wrong("there is nothing to say in this text".into()));
        }
        let (answer, clip) = oneshot::channel();
        let busy = EngineError::Busy { engine: ENGINE, places: QUEUE };
        self.requests.try_send(Request { voice, text, answer }).map_err(|_| busy)?;
        match timeout(DEADLINE, clip).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(EngineError::Failed { engine: ENGINE, problem: "it has ended".into() }),
            Err(_) => Err(EngineError::Slow { engine: ENGINE, waited: DEADLINE }),
        }
    }
}

fn unknown_voice(name: &str) -> EngineError {
    let known: Vec<&str> = LocalVoice::ALL.iter().map(|voice| voice.name()).collect();
    EngineError::Wrong(format!("there is no local voice {name:?}; use one of {}", known.join(", ")))
}

impl Speak for LocalSpeaker {
    fn name(&self) -> &'static str {
        "local"
    }

    fn version(&self) -> &str {
        VERSION
    }

    fn render(&self, line: &Line) -> Later<'_, Result<Clip, EngineError>> {
        Box::pin(self.clip(line.clone()))
    }
}

/// Owns the worker.
struct Renderer {
    command: WorkerCommand,
    worker: Option<Worker>,
    back_off: BackOff,
    next_id: u64,
}

impl Renderer {
    async fn serve(mut self, mut queue: mpsc::Receiver<Request>) {
        while let Some(request) = queue.recv().await {
            // Given up meanwhile: the caller has heard something else.
            if request.answer.is_closed() {
                continue;
            }
            let result = self.render(request.voice, request.text).await;
            // A requester that is gone needs no answer.
            let _ = request.answer.send(result);
        }
    }

    async fn render(&mut self, voice: LocalVoice, text: String) -> Result<Clip, EngineError> {
        let failed = |problem: String| EngineError::Failed { engine: ENGINE, problem };
        self.next_id += 1;
        let say = Message::Say { id: self.next_id, voice: voice.name().to_owned(), text, stretch: 100 };
        let id = self.next_id;
        let worker = self.running().await?;
        match worker.ask(&say, DEADLINE).await {
            Ok(Message::Said { id: of, samples }) if of == id => {
                self.back_off.worked();
                Ok(Clip::new(samples))
            }
            Err(WorkerError::Refused(problem)) => Err(failed(problem)),
            Ok(_) => Err(failed(self.lost("it answered something else"))),
            Err(WorkerError::Silent(waited)) => {
                self.lost("it was silent for too long");
                Err(EngineError::Slow { engine: ENGINE, waited })
            }
            Err(problem) => Err(failed(self.lost(&problem.to_string()))),
        }
    }

    /// The worker, started if need be.
    async fn running(&mut self) -> Result<&mut Worker, EngineError> {
        let failed = |problem: String| EngineError::Failed { engine: ENGINE, problem };
        if self.worker.as_mut().is_some_and(|worker| !worker.is_alive()) {
            self.lost("it died while idle");
        }
        if self.worker.is_none() {
            if let Some(left) = self.back_off.remaining(Instant::now()) {
                return Err(failed(format!("its worker keeps dying; the next try is in {left:?}")));
            }
            match Worker::start(&self.command, Kind::Speak).await {
                Ok(worker) => self.worker = Some(worker),
                Err(problem) => return Err(failed(self.lost(&problem.to_string()))),
            }
        }
        self.worker.as_mut().ok_or_else(|| failed("it did not start".into()))
    }

    /// Gives the worker up. The first loss in a row is made good at once, the following ones later and later.
    fn lost(&mut self, problem: &str) -> String {
        self.worker = None;
        let wait = self.back_off.failed(Instant::now());
        if self.back_off.failures == 1 {
            self.back_off.not_before = None;
        }
        tracing::warn!(problem, ?wait, "The speaking worker failed; this text is not spoken");
        problem.to_owned()
    }
}
