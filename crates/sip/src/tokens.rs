//! Tags, branches and Call-IDs that a stranger cannot guess, from a seed the shell gives.
//!
//! SipHash-2-4 (Aumasson and Bernstein, 2012) of a counter or a text, keyed by the seed: unguessable without the
//! seed, the same in every replay.

/// A source of tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    key: [u64; 2],
    drawn: u64,
}

impl Tokens {
    pub(crate) fn new(seed: [u64; 2]) -> Tokens {
        Tokens { key: seed, drawn: 0 }
    }

    /// 64 bits never given before.
    pub(crate) fn number(&mut self) -> u64 {
        self.drawn = self.drawn.wrapping_add(1);
        siphash(self.key, &self.drawn.to_le_bytes())
    }

    /// Sixteen hexadecimal digits never given before.
    pub(crate) fn fresh(&mut self) -> String {
        format!("{:016x}", self.number())
    }

    /// Sixteen hexadecimal digits that are always the same for this text: a tag that needs no memory.
    pub(crate) fn of(&self, text: &str) -> String {
        format!("{:016x}", siphash([self.key[0] ^ 0x5157, self.key[1]], text.as_bytes()))
    }
}

fn siphash(key: [u64; 2], bytes: &[u8]) -> u64 {
    let mut state = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        absorb(&mut state, word);
    }
    let tail = chunks.remainder().iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
    absorb(&mut state, tail | (bytes.len() as u64) << 56);
    state[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut state);
    }
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn absorb(state: &mut [u64; 4], word: u64) {
    state[3] ^= word;
    round(state);
    round(state);
    state[0] ^= word;
}

fn round(state: &mut [u64; 4]) {
    let [mut a, mut b, mut c, mut d] = *state;
    a = a.wrapping_add(b);
    b = b.rotate_left(13) ^ a;
    a = a.rotate_left(32);
    c = c.wrapping_add(d);
    d = d.rotate_left(16) ^ c;
    a = a.wrapping_add(d);
    d = d.rotate_left(21) ^ a;
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    c = c.rotate_left(32);
    *state = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        // Test vectors of the SipHash paper, appendix A: key 00..0f, message 00..0e.
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(siphash(key, &message), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn a_seed_gives_the_same_tokens_again_and_another_seed_others() {
        let (mut one, mut again, mut other) = (Tokens::new([1, 2]), Tokens::new([1, 2]), Tokens::new([1, 3]));
        let first = one.fresh();
        assert_eq!(first, again.fresh());
        assert_ne!(first, one.fresh());
        assert_ne!(first, other.fresh());
        assert_eq!(one.of("x"), again.of("x"));
    }
}
