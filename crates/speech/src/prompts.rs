//! Sound made before it is needed: each text is rendered once and kept.
//!
//! Prompts are rendered when a configuration loads, kept in memory for as long as it is used and on disk beyond that.
//! Texts that arise in a call (an offered visit, a name read back) are kept in memory only, the least used going first:
//! they can hold what a caller said.
//!
//! Invariant: a damaged or half-written file is never played; it is rendered again.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::clip::{Clip, RecordingError};
use crate::engine::{EngineError, Line, Speak};

/// Texts of calls kept in memory.
const MOST_RECENT: usize = 256;
/// Together no more than this many samples (16 MiB of sound, 17 minutes).
const MOST_RECENT_SAMPLES: usize = 8 * 1024 * 1024;

/// A text known when the configuration loads, and the owner's own recording of it if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Text and voice.
    pub line: Line,
    /// A WAV file to be played instead.
    pub recording: Option<PathBuf>,
}

/// How far [`Prompts::render_all`] has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Prompts ready.
    pub done: usize,
    /// Prompts wanted.
    pub of: usize,
}

/// Why a configuration's prompts could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// The engine did not render one.
    #[error("the prompt {text:?} could not be spoken: {problem}")]
    Engine {
        /// The text (the owner's own, from the configuration).
        text: String,
        /// Why.
        problem: EngineError,
    },
    /// An owner's recording is unusable.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The directory cannot be made.
    #[error("{directory} cannot be used for prompts: {problem}")]
    Directory {
        /// Which.
        directory: PathBuf,
        /// The system's words.
        problem: io::Error,
    },
}

/// One engine's prompts.
pub struct Prompts {
    engine: Arc<dyn Speak>,
    directory: PathBuf,
    kept: Mutex<BTreeMap<Line, Clip>>,
    recent: Mutex<Recent>,
}

impl Prompts {
    /// Prompts of `engine`, on disk under `directory` (made when needed).
    pub fn new(engine: Arc<dyn Speak>, directory: impl Into<PathBuf>) -> Prompts {
        Prompts { engine, directory: directory.into(), kept: Mutex::default(), recent: Mutex::default() }
    }

    /// Makes every prompt ready, from recordings, disk or the engine, and calls `progress` after each.
    ///
    /// From then on [`Prompts::ready`] gives them at once. Stops at the first that fails: a configuration with a mute
    /// prompt is not taken up. A disk that cannot be written costs only the time to render again at the next start.
    pub async fn render_all(
        &self,
        prompts: &[Prompt],
        mut progress: impl FnMut(Progress),
    ) -> Result<(), PromptError> {
        fs::create_dir_all(&self.directory)
            .map_err(|problem| PromptError::Directory { directory: self.directory.clone(), problem })?;
        for (index, prompt) in prompts.iter().enumerate() {
            let clip = match &prompt.recording {
                Some(path) => Clip::from_recording(path)?,
                None => self.stored_or_rendered(&prompt.line).await?,
            };
            lock(&self.kept).insert(prompt.line.clone(), clip);
            progress(Progress { done: index + 1, of: prompts.len() });
        }
        Ok(())
    }

    /// The clip if it needs no work: a prompt, or a text rendered lately. Takes microseconds.
    pub fn ready(&self, line: &Line) -> Option<Clip> {
        let kept = lock(&self.kept).get(line).cloned();
        kept.or_else(|| lock(&self.recent).get(line))
    }

    /// The clip, rendered if it is not there yet (about 12 ms for a second of speech with the local voice).
    pub async fn clip(&self, line: &Line) -> Result<Clip, EngineError> {
        if let Some(clip) = self.ready(line) {
            return Ok(clip);
        }
        let clip = self.engine.render(line).await?;
        lock(&self.recent).put(line.clone(), clip.clone());
        Ok(clip)
    }

    async fn stored_or_rendered(&self, line: &Line) -> Result<Clip, PromptError> {
        if let Some(clip) = lock(&self.kept).get(line).cloned() {
            return Ok(clip);
        }
        let path = self.directory.join(self.file_name(line));
        if let Some(clip) = read_clip(&path) {
            return Ok(clip);
        }
        let render = self.engine.render(line).await;
        let clip = render.map_err(|problem| PromptError::Engine { text: line.text.clone(), problem })?;
        if let Err(problem) = write_clip(&self.directory, &path, &clip) {
            tracing::warn!(%problem, directory = %self.directory.display(), "A prompt could not be stored; it is rendered again at the next start");
        }
        Ok(clip)
    }

    /// The hash of all that decides how it sounds.
    fn file_name(&self, line: &Line) -> String {
        let mut hash = Sha256::new();
        for part in [self.engine.name(), self.engine.version(), &line.voice, &line.text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{hex}.clip")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Texts of calls, the least recently used leaving first.
#[derive(Default)]
struct Recent {
    clips: BTreeMap<Line, (Clip, u64)>,
    samples: usize,
    clock: u64,
}

impl Recent {
    fn get(&mut self, line: &Line) -> Option<Clip> {
        self.clock += 1;
        let (clip, used) = self.clips.get_mut(line)?;
        *used = self.clock;
        Some(clip.clone())
    }

    fn put(&mut self, line: Line, clip: Clip) {
        self.clock += 1;
        self.samples += clip.samples().len();
        if let Some((old, _)) = self.clips.insert(line, (clip, self.clock)) {
            self.samples -= old.samples().len();
        }
        while self.clips.len() > MOST_RECENT || (self.samples > MOST_RECENT_SAMPLES && self.clips.len() > 1) {
            let Some(oldest) =
                self.clips.iter().min_by_key(|(_, (_, used))| *used).map(|(line, _)| line.clone())
            else {
                return;
            };
            if let Some((clip, _)) = self.clips.remove(&oldest) {
                self.samples -= clip.samples().len();
            }
        }
    }
}

/// First bytes of a stored clip; then the SHA-256 of the sound, then the sound.
const MAGIC: &[u8; 8] = b"FRCLIP01";
const HEADER: usize = 8 + 32;

/// A stored clip, or nothing when it is missing or damaged.
fn read_clip(path: &Path) -> Option<Clip> {
    let bytes = fs::read(path).ok()?;
    let (header, sound) = bytes.split_at_checked(HEADER)?;
    let sound_as_stored = header.starts_with(MAGIC)
        && header[8..] == Sha256::digest(sound)[..]
        && !sound.is_empty()
        && sound.len().is_multiple_of(2);
    if !sound_as_stored {
        tracing::warn!(file = %path.display(), "A stored prompt is damaged and is rendered again");
        return None;
    }
    Some(Clip::new(
        sound.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect::<Vec<_>>(),
    ))
}

/// Writes beside the place and renames: nobody ever reads half a clip.
fn write_clip(directory: &Path, path: &Path, clip: &Clip) -> io::Result<()> {
    let sound: Vec<u8> = clip.samples().iter().flat_map(|s| s.to_le_bytes()).collect();
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(MAGIC)?;
    file.write_all(&Sha256::digest(&sound))?;
    file.write_all(&sound)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Later;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A test's engine: as many samples as letters, and it counts.
    struct Counting {
        version: &'static str,
        rendered: AtomicUsize,
    }

    impl Speak for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }
        fn version(&self) -> &str {
            self.version
        }
        fn render(&self, line: &Line) -> Later<'_, Result<Clip, EngineError>> {
            self.rendered.fetch_add(1, Ordering::Relaxed);
            let result = if line.text == "mute" {
                Err(EngineError::Wrong("nothing to say".into()))
            } else {
                Ok(Clip::new(vec![7_i16; line.text.len()]))
            };
            Box::pin(async move { result })
        }
    }

    fn prompts(version: &'static str, directory: &Path) -> (Arc<Counting>, Prompts) {
        let engine = Arc::new(Counting { version, rendered: AtomicUsize::new(0) });
        (Arc::clone(&engine), Prompts::new(engine, directory))
    }

    fn prompt(text: &str) -> Prompt {
        Prompt { line: Line::new("slt", text), recording: None }
    }

    #[tokio::test]
    async fn a_prompt_is_rendered_once_and_found_after_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let all = [prompt("hello"), prompt("goodbye"), prompt("hello")];
        for (version, renders) in [("1", 2), ("1", 0), ("2", 2)] {
            let (engine, prompts) = prompts(version, place.path());
            let mut seen = Vec::new();
            prompts.render_all(&all, |p| seen.push(p.done)).await.unwrap();
            assert_eq!((engine.rendered.load(Ordering::Relaxed), seen), (renders, vec![1, 2, 3]));
            assert_eq!(prompts.ready(&all[1].line).unwrap().samples().len(), 7);
        }
    }

    #[tokio::test]
    async fn a_damaged_file_is_never_played() {
        let place = tempfile::tempdir().unwrap();
        let all = [prompt("hello")];
        let damage: [fn(&mut Vec<u8>); 4] =
            [|b| b.truncate(45), |b| b[HEADER + 1] ^= 1, |b| b[0] = b'x', |b| b.clear()];
        prompts("1", place.path()).1.render_all(&all, |_| ()).await.unwrap();
        for break_it in damage {
            let file = fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
            let mut bytes = fs::read(&file).unwrap();
            break_it(&mut bytes);
            fs::write(&file, bytes).unwrap();
            let (engine, prompts) = prompts("1", place.path());
            prompts.render_all(&all, |_| ()).await.unwrap();
            assert_eq!(engine.rendered.load(Ordering::Relaxed), 1);
            assert_eq!(prompts.ready(&all[0].line).unwrap().samples()[..], [7; 5]);
        }
    }

    #[tokio::test]
    async fn the_owners_own_recording_takes_the_place_of_the_voice() {
        let place = tempfile::tempdir().unwrap();
        let wav = place.path().join("greeting.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&wav, spec).unwrap();
        (0..16_000).for_each(|n| writer.write_sample(((n as f64 * 0.3).sin() * 9_000.0) as i16).unwrap());
        writer.finalize().unwrap();
        let greeting = Prompt { recording: Some(wav), ..prompt("hello") };
        let (engine, prompts) = prompts("1", &place.path().join("cache"));
        prompts.render_all(std::slice::from_ref(&greeting), |_| ()).await.unwrap();
        assert_eq!(engine.rendered.load(Ordering::Relaxed), 0);
        assert_eq!(prompts.ready(&greeting.line).unwrap().samples().len(), 8_000);
    }

    #[tokio::test]
    async fn texts_of_calls_stay_in_memory_and_within_their_bound() {
        let place = tempfile::tempdir().unwrap();
        let (engine, prompts) = prompts("1", place.path());
        let line = |n: usize| Line::new("slt", &format!("text {n}"));
        for n in 0..MOST_RECENT + 10 {
            prompts.clip(&line(n)).await.unwrap();
            prompts.clip(&line(0)).await.unwrap();
        }
        assert_eq!(engine.rendered.load(Ordering::Relaxed), MOST_RECENT + 10);
        assert_eq!(lock(&prompts.recent).clips.len(), MOST_RECENT);
        assert!(prompts.ready(&line(1)).is_none());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_mute_prompt_stops_the_configuration_and_names_the_text() {
        let place = tempfile::tempdir().unwrap();
        let (_, prompts) = prompts("1", place.path());
        let error = prompts.render_all(&[prompt("mute")], |_| ()).await.unwrap_err().to_string();
        assert_eq!(error, "the prompt \"mute\" could not be spoken: nothing to say");
    }
}
