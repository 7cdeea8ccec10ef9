//! What was heard, written as WAV: 8 kHz, 16 bit, one channel, each packet where its time stamp puts it.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Longest recording: ten minutes and a little.
const MOST_SAMPLES: usize = 8_000 * 660;
/// A packet that claims to lie further ahead has another clock; it is put at the end.
const FURTHEST_AHEAD: u32 = 8_000 * 10;

/// Sound on its way to a file.
#[derive(Debug, Default)]
pub struct Wave {
    samples: Vec<i16>,
    /// Source, and the time stamp of the first sample.
    origin: Option<(u32, u32)>,
}

impl Wave {
    /// Puts one packet in its place. Lost packets leave silence.
    pub fn put(&mut self, ssrc: u32, timestamp: u32, sound: &[i16]) {
        let at = match self.origin.filter(|(known, _)| *known == ssrc) {
            Some((_, first)) => timestamp.wrapping_sub(first),
            None => u32::MAX,
        };
        let end = self.samples.len();
        let at = if at as usize > end + FURTHEST_AHEAD as usize {
            self.origin = Some((ssrc, timestamp.wrapping_sub(end as u32)));
            end
        } else {
            at as usize
        };
        if at + sound.len() > MOST_SAMPLES {
            return;
        }
        self.samples.resize(end.max(at + sound.len()), 0);
        self.samples[at..at + sound.len()].copy_from_slice(sound);
    }

    /// Writes the file. Source of the layout: Microsoft's RIFF WAVE, format 1.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let bytes = (self.samples.len() * 2) as u32;
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(b"RIFF")?;
        file.write_all(&(36 + bytes).to_le_bytes())?;
        file.write_all(b"WAVEfmt ")?;
        file.write_all(&16_u32.to_le_bytes())?;
        for field in [1_u16, 1] {
            file.write_all(&field.to_le_bytes())?;
        }
        for field in [media::RATE_HZ, media::RATE_HZ * 2] {
            file.write_all(&field.to_le_bytes())?;
        }
        for field in [2_u16, 16] {
            file.write_all(&field.to_le_bytes())?;
        }
        file.write_all(b"data")?;
        file.write_all(&bytes.to_le_bytes())?;
        for sample in &self.samples {
            file.write_all(&sample.to_le_bytes())?;
        }
        file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_lie_where_their_time_stamps_put_them() {
        let mut wave = Wave::default();
        let start = u32::MAX - 1; // the clock wraps in between
        wave.put(7, start, &[1, 2]);
        wave.put(7, start.wrapping_add(6), &[7, 8]);
        wave.put(7, start.wrapping_add(2), &[3, 4]); // late
        assert_eq!(wave.samples, [1, 2, 3, 4, 0, 0, 7, 8]);
        wave.put(9, 123_456, &[9, 9]); // another source goes on where the first ended
        wave.put(9, 123_458, &[5, 5]);
        assert_eq!(wave.samples[8..], [9, 9, 5, 5]);
        wave.put(9, 4_000_000_000, &[6]);
        assert_eq!(wave.samples.len(), 13, "no hole of days");
    }

    #[test]
    fn the_file_is_what_any_player_reads() {
        let place = std::env::temp_dir().join(format!("wave-test-{}.wav", std::process::id()));
        let mut wave = Wave::default();
        wave.put(7, 0, &[1, -2, 300]);
        wave.write(&place).unwrap();
        let bytes = std::fs::read(&place).unwrap();
        std::fs::remove_file(&place).unwrap();
        assert_eq!(bytes.len(), 44 + 6);
        assert_eq!(&bytes[..4], b"RIFF");
        assert_eq!(bytes[4..8], 42_u32.to_le_bytes());
        assert_eq!(bytes[24..28], 8_000_u32.to_le_bytes());
        assert_eq!(bytes[44..], [1, 0, 254, 255, 44, 1]);
    }
}
