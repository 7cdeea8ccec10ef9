//! A piece of sound ready to be played into a call, and where it may come from besides an engine: an owner's recording.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::sound::{CLIP_RATE_HZ, telephone_clip};

/// Longest recording accepted in place of a prompt.
pub const LONGEST_RECORDING: Duration = Duration::from_secs(120);
/// Largest file read for it, in bytes: two minutes of 48 kHz stereo in 32 bit.
const LARGEST_FILE: u64 = 48_000_000;

/// Mono sound at 8 kHz, 16 bit. Cloning shares it.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    samples: Arc<[i16]>,
}

/// Why a recording cannot take a prompt's place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {problem}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        problem: std::io::Error,
    },
    /// Not a WAV file we understand.
    #[error("{path} is not a usable WAV file ({problem}); save it as 16-bit PCM")]
    NotWav {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        problem: String,
    },
    /// Longer than [`LONGEST_RECORDING`].
    #[error("{0} is longer than two minutes")]
    TooLong(PathBuf),
    /// Nothing to hear in it.
    #[error("{0} holds no sound")]
    Silent(PathBuf),
}

impl Clip {
    /// Sound that already has the telephone's rate.
    pub fn new(samples: impl Into<Arc<[i16]>>) -> Clip {
        Clip { samples: samples.into() }
    }

    /// 8 kHz mono.
    pub fn samples(&self) -> &Arc<[i16]> {
        &self.samples
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(CLIP_RATE_HZ))
    }

    /// Reads an owner's WAV (any rate, any number of channels, integer or float) and brings it to the telephone's rate
    /// and the house's loudness.
    pub fn from_recording(path: &Path) -> Result<Clip, RecordingError> {
        let unreadable = |problem| RecordingError::Unreadable { path: path.to_owned(), problem };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > LARGEST_FILE {
            return Err(RecordingError::TooLong(path.to_owned()));
        }
        Clip::from_wav(&std::fs::read(path).map_err(unreadable)?, path)
    }

    fn from_wav(bytes: &[u8], path: &Path) -> Result<Clip, RecordingError> {
        let not_wav = |problem: String| RecordingError::NotWav { path: path.to_owned(), problem };
        let reader = hound::WavReader::new(Cursor::new(bytes)).map_err(|e| not_wav(e.to_string()))?;
        let spec = reader.spec();
        if !(4_000..=192_000).contains(&spec.sample_rate)
            || spec.channels == 0
            || !(8..=32).contains(&spec.bits_per_sample)
        {
            return Err(not_wav(format!(
                "{} Hz, {} channels, {} bits",
                spec.sample_rate, spec.channels, spec.bits_per_sample
            )));
        }
        let samples = mono(reader, spec).map_err(|e| not_wav(e.to_string()))?;
        if samples.len() as u64 > u64::from(spec.sample_rate) * LONGEST_RECORDING.as_secs() {
            return Err(RecordingError::TooLong(path.to_owned()));
        }
        let clip = telephone_clip(&samples, spec.sample_rate);
        if clip.iter().all(|&s| s == 0) {
            Err(RecordingError::Silent(path.to_owned()))
        } else {
            Ok(Clip::new(clip))
        }
    }
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clip {{ {} ms }}", self.duration().as_millis())
    }
}

/// All channels averaged, as 16 bit.
fn mono(mut reader: hound::WavReader<Cursor<&[u8]>>, spec: hound::WavSpec) -> hound::Result<Vec<i16>> {
    let values: Vec<f64> = match spec.sample_format {
        hound::SampleFormat::Float => {
            reader.samples::<f32>().map(|s| s.map(|v| f64::from(v) * 32_767.0)).collect::<Result<_, _>>()?
        }
        hound::SampleFormat::Int => {
            let scale = 32_768.0 / 2.0_f64.powi(i32::from(spec.bits_per_sample) - 1);
            reader.samples::<i32>().map(|s| s.map(|v| f64::from(v) * scale)).collect::<Result<_, _>>()?
        }
    };
    let channels = usize::from(spec.channels);
    Ok(values
        .chunks_exact(channels)
        .map(|frame| {
            let average = frame.iter().sum::<f64>() / channels as f64;
            crate::sound::to_sample(if average.is_finite() { average } else { 0.0 })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(spec: hound::WavSpec, seconds: f64) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for n in 0..(f64::from(spec.sample_rate) * seconds) as usize {
            let value =
                (2.0 * std::f64::consts::PI * 700.0 * n as f64 / f64::from(spec.sample_rate)).sin() * 0.3;
            for _ in 0..spec.channels {
                match spec.sample_format {
                    hound::SampleFormat::Float => writer.write_sample(value as f32).unwrap(),
                    hound::SampleFormat::Int => {
                        writer
                            .write_sample((value * 2.0_f64.powi(i32::from(spec.bits_per_sample) - 1)) as i32)
                            .unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn an_owners_recording_of_any_kind_becomes_a_telephone_clip() {
        use hound::SampleFormat::{Float, Int};
        for (channels, sample_rate, bits_per_sample, sample_format) in [
            (1, 8_000, 16, Int),
            (2, 44_100, 16, Int),
            (1, 48_000, 24, Int),
            (2, 22_050, 32, Float),
            (1, 11_025, 8, Int),
        ] {
            let spec = hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format };
            let clip = Clip::from_wav(&wav(spec, 0.5), Path::new("greeting.wav")).unwrap();
            assert_eq!(clip.duration(), Duration::from_millis(500), "{spec:?}");
            let loud = clip.samples().iter().map(|&s| s.unsigned_abs()).max().unwrap();
            assert!((4_500..6_500).contains(&loud), "{spec:?}: {loud}");
        }
    }

    #[test]
    fn a_bad_recording_is_refused_with_its_name() {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let whole = wav(spec, 0.1);
        for bytes in [&b"not sound at all"[..], &whole[..20], &[]] {
            let error = Clip::from_wav(bytes, Path::new("greeting.wav")).unwrap_err().to_string();
            assert!(error.starts_with("greeting.wav is not a usable WAV file"), "{error}");
        }
        let error = Clip::from_recording(Path::new("/nonexistent/greeting.wav")).unwrap_err().to_string();
        assert!(error.starts_with("/nonexistent/greeting.wav cannot be read"), "{error}");
        assert!(matches!(
            Clip::from_wav(&wav(spec, 0.0), Path::new("empty.wav")),
            Err(RecordingError::Silent(_))
        ));
    }
}
