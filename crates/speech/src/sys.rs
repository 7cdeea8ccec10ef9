//! The C engines, and the only unsafe code of the house: flite (speaking) and PocketSphinx (hearing).
//!
//! Two safe types come out. [`Tts`] holds flite for one thread at a time, because its voices are shared objects of the
//! process. [`Recognizer`] owns one decoder; it may move between threads and is never shared. Both run in worker
//! processes only (see [`worker`](crate::worker)): C code can crash, and a crash may cost one turn and no more.
//!
//! Invariant: a decoder is selected anew before each utterance. Redefining the active search and starting without
//! selecting is a use after free in the library.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_float, c_int, c_void};
use std::marker::PhantomData;
use std::path::Path;
use std::ptr::{NonNull, null, null_mut};
use std::sync::{Mutex, MutexGuard, Once};

use crate::LocalVoice;

/// What went wrong at the edge to the C engines.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SysError {
    /// Text, a path or a name holds a NUL byte, which C cannot carry.
    #[error("a NUL byte cannot be handed to the engine")]
    NulByte,
    /// flite gave no sound for this text.
    #[error("the voice rendered nothing")]
    NothingRendered,
    /// The decoder did not start: model or dictionary missing or damaged.
    #[error("the decoder did not start from this model and dictionary")]
    NoDecoder,
    /// The decoder refused a grammar: a word without pronunciation, or wrong syntax.
    #[error("the decoder refused grammar {0}")]
    GrammarRefused(String),
    /// A step out of order (audio before start, a grammar that was never defined), or a failure inside the library.
    #[error("the decoder refused to {0}")]
    Refused(&'static str),
}

// ---------------------------------------------------------------------------------------------- flite

#[repr(C)]
struct Wave {
    kind: *const c_char,
    sample_rate: c_int,
    num_samples: c_int,
    num_channels: c_int,
    samples: *mut i16,
}

/// Only the second field is read by us; the rest belongs to flite.
#[repr(C)]
struct Voice {
    name: *const c_char,
    features: *mut c_void,
    ffunctions: *mut c_void,
    utt_init: *const c_void,
}

// SAFETY: signatures as declared in flite/flite.h, cst_wave.h, cst_lexicon.h and cst_val.h of flite 2.2.
unsafe extern "C" {
    fn flite_init() -> c_int;
    fn register_cmu_us_slt(voxdir: *const c_char) -> *mut Voice;
    fn register_cmu_us_rms(voxdir: *const c_char) -> *mut Voice;
    fn register_cmu_us_kal16(voxdir: *const c_char) -> *mut Voice;
    fn flite_text_to_wave(text: *const c_char, voice: *mut Voice) -> *mut Wave;
    fn delete_wave(wave: *mut Wave);
    fn flite_feat_set_float(features: *mut c_void, name: *const c_char, value: c_float);
    fn cmu_lex_init() -> *mut c_void;
    fn lex_lookup(
        lexicon: *const c_void,
        word: *const c_char,
        pos: *const c_char,
        features: *const c_void,
    ) -> *mut c_void;
    fn val_car(value: *const c_void) -> *const c_void;
    fn val_cdr(value: *const c_void) -> *const c_void;
    fn val_string(value: *const c_void) -> *const c_char;
    fn delete_val(value: *mut c_void);
}

/// flite's voices are objects of the process without locks of their own: one user at a time.
static FLITE: Mutex<()> = Mutex::new(());
static FLITE_STARTED: Once = Once::new();

/// Sound as flite made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Samples per second (16 000 for the voices linked here).
    pub rate_hz: u32,
    /// Mono, 16 bit.
    pub samples: Vec<i16>,
}

/// flite, held by one thread. Not `Send`: it ends where it began.
pub struct Tts {
    _only_one: MutexGuard<'static, ()>,
}

impl Tts {
    /// Takes flite; waits while another thread of this process holds it.
    pub fn take() -> Tts {
        let guard = FLITE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // SAFETY: called once, before any other flite function, under the lock above.
        FLITE_STARTED.call_once(|| unsafe {
            flite_init();
        });
        Tts { _only_one: guard }
    }

    /// Renders `text`. `stretch` is the length of each sound: 1.0 as the voice is, 1.2 slower, clamped to 0.5-2.0.
    pub fn say(&mut self, voice: LocalVoice, text: &str, stretch: f32) -> Result<Rendered, SysError> {
        let text = CString::new(text).map_err(|_| SysError::NulByte)?;
        // SAFETY: a null directory means the data linked in. Each call after the first returns the same voice.
        let voice = unsafe {
            match voice {
                LocalVoice::Slt => register_cmu_us_slt(null()),
                LocalVoice::Rms => register_cmu_us_rms(null()),
                LocalVoice::Kal16 => register_cmu_us_kal16(null()),
            }
        };
        if voice.is_null() {
            return Err(SysError::NothingRendered);
        }
        // SAFETY: the voice is alive for the whole process; the feature name is a literal with its NUL; flite copies
        // the value. The text outlives the call. The wave is ours until `delete_wave`.
        let wave = unsafe {
            flite_feat_set_float((*voice).features, c"duration_stretch".as_ptr(), stretch.clamp(0.5, 2.0));
            flite_text_to_wave(text.as_ptr(), voice)
        };
        let Some(wave) = NonNull::new(wave) else { return Err(SysError::NothingRendered) };
        // SAFETY: flite filled in the wave; `samples` holds `num_samples` values per channel (mono voices only), and
        // is read before the wave is deleted, exactly once.
        let rendered = unsafe {
            let w = wave.as_ref();
            let count = usize::try_from(w.num_samples).unwrap_or(0);
            let samples = if w.samples.is_null() || count == 0 || w.num_channels != 1 {
                Vec::new()
            } else {
                std::slice::from_raw_parts(w.samples, count).to_vec()
            };
            let rate_hz = u32::try_from(w.sample_rate).unwrap_or(0);
            delete_wave(wave.as_ptr());
            Rendered { rate_hz, samples }
        };
        if rendered.samples.is_empty() || rendered.rate_hz == 0 {
            Err(SysError::NothingRendered)
        } else {
            Ok(rendered)
        }
    }

    /// How flite would say one lower-case word, in the phones of the hearing dictionary (`"K L AO G D"`).
    ///
    /// A guess by letter-to-sound rules when the word is in no dictionary: good enough to propose, not to trust.
    pub fn pronounce(&mut self, word: &str) -> Option<String> {
        const LONGEST_WORD: usize = 64;
        if word.is_empty()
            || word.len() > LONGEST_WORD
            || !word.bytes().all(|b| b.is_ascii_lowercase() || b == b'\'')
        {
            return None;
        }
        let word = CString::new(word).ok()?;
        let mut phones = Vec::new();
        // SAFETY: the lexicon is a static of flite. Null part of speech and features mean "any". The list is ours,
        // walked by its own accessors, each phone a NUL-terminated string inside it, and deleted once at the end.
        unsafe {
            let list = lex_lookup(cmu_lex_init(), word.as_ptr(), null(), null());
            let mut rest: *const c_void = list;
            while !rest.is_null() && phones.len() < 2 * LONGEST_WORD {
                let phone = CStr::from_ptr(val_string(val_car(rest))).to_string_lossy();
                phones.push(hearing_phone(&phone));
                rest = val_cdr(rest);
            }
            if !list.is_null() {
                delete_val(list);
            }
        }
        (!phones.is_empty()).then(|| phones.join(" "))
    }
}

/// flite writes `ax0`, `ao1`; the hearing dictionary `AH`, `AO`.
fn hearing_phone(flite: &str) -> String {
    let bare = flite.trim_end_matches(|c: char| c.is_ascii_digit());
    if bare == "ax" { "AH".to_owned() } else { bare.to_ascii_uppercase() }
}

// --------------------------------------------------------------------------------------- PocketSphinx

#[repr(C)]
struct PsDecoder {
    _opaque: [u8; 0],
}
#[repr(C)]
struct CmdLn {
    _opaque: [u8; 0],
}

// SAFETY: signatures as declared in pocketsphinx.h, ps_search.h, cmd_ln.h and err.h of 0.8+5prealpha.
unsafe extern "C" {
    fn ps_args() -> *const c_void;
    fn cmd_ln_parse_r(
        inout: *mut CmdLn,
        defs: *const c_void,
        argc: i32,
        argv: *mut *mut c_char,
        strict: i32,
    ) -> *mut CmdLn;
    fn cmd_ln_free_r(config: *mut CmdLn) -> c_int;
    fn ps_init(config: *mut CmdLn) -> *mut PsDecoder;
    fn ps_free(ps: *mut PsDecoder) -> c_int;
    fn ps_set_jsgf_string(ps: *mut PsDecoder, name: *const c_char, jsgf: *const c_char) -> c_int;
    fn ps_set_search(ps: *mut PsDecoder, name: *const c_char) -> c_int;
    fn ps_start_utt(ps: *mut PsDecoder) -> c_int;
    fn ps_process_raw(
        ps: *mut PsDecoder,
        data: *const i16,
        n: usize,
        no_search: c_int,
        full_utt: c_int,
    ) -> c_int;
    fn ps_end_utt(ps: *mut PsDecoder) -> c_int;
    fn ps_get_hyp(ps: *mut PsDecoder, best_score: *mut i32) -> *const c_char;
    fn ps_get_n_frames(ps: *mut PsDecoder) -> c_int;
    fn err_set_logfp(stream: *mut c_void);
}

static QUIET: Once = Once::new();

/// A whole utterance as one grammar heard it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The words, when a path reached the end of the grammar.
    pub text: Option<String>,
    /// Log score of that path, in the decoder's units. Meaningless without text.
    pub score: i32,
    /// Frames of speech (10 ms each); silence is not counted.
    pub frames: u32,
}

/// How wide the decoder searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beams {
    /// The library's defaults, for grammars.
    Wide,
    /// 1e-20 and 1e-15: enough for the phone loop, at two thirds of the cost.
    Narrow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    Listening,
}

/// One decoder with its grammars. Movable, never shared.
pub struct Recognizer {
    ps: NonNull<PsDecoder>,
    config: NonNull<CmdLn>,
    doing: Doing,
    _not_sync: PhantomData<*mut ()>,
}

// SAFETY: the decoder has no thread-bound state and no globals apart from the log sink set once; `PhantomData` keeps it
// from being shared.
unsafe impl Send for Recognizer {}

impl Recognizer {
    /// Starts a decoder on an acoustic model directory and a dictionary file (16 kHz sound).
    ///
    /// Files are looked at before the library sees them: some of its own checks end the process.
    pub fn new(model: &Path, dictionary: &Path, beams: Beams) -> Result<Recognizer, SysError> {
        if !model.join("mdef").is_file() || !dictionary.is_file() {
            return Err(SysError::NoDecoder);
        }
        // SAFETY: a null stream switches the log off; set once, before the first decoder.
        QUIET.call_once(|| unsafe { err_set_logfp(null_mut()) });
        let mut words = vec![
            CString::from(c"speech"),
            CString::from(c"-hmm"),
            path_for_c(model)?,
            CString::from(c"-dict"),
            path_for_c(dictionary)?,
            CString::from(c"-samprate"),
            CString::from(c"16000"),
        ];
        if beams == Beams::Narrow {
            words.extend([c"-beam", c"1e-20", c"-wbeam", c"1e-15"].map(CString::from));
        }
        let mut argv: Vec<*mut c_char> = words.iter().map(|w| w.as_ptr().cast_mut()).collect();
        let argc = i32::try_from(argv.len()).map_err(|_| SysError::NoDecoder)?;
        // SAFETY: `argv` holds `argc` NUL-terminated strings that outlive the call; the library copies what it keeps.
        let config = unsafe { cmd_ln_parse_r(null_mut(), ps_args(), argc, argv.as_mut_ptr(), 1) };
        let config = NonNull::new(config).ok_or(SysError::NoDecoder)?;
        // SAFETY: `config` is valid; `ps_init` takes its own reference to it.
        let ps = unsafe { ps_init(config.as_ptr()) };
        let Some(ps) = NonNull::new(ps) else {
            // SAFETY: our reference, given back once.
            unsafe { cmd_ln_free_r(config.as_ptr()) };
            return Err(SysError::NoDecoder);
        };
        Ok(Recognizer { ps, config, doing: Doing::Nothing, _not_sync: PhantomData })
    }

    /// Defines a JSGF grammar under a name. Refused during an utterance.
    pub fn define(&mut self, name: &str, jsgf: &str) -> Result<(), SysError> {
        if self.doing == Doing::Listening {
            return Err(SysError::Refused("define a grammar while listening"));
        }
        let c_name = CString::new(name).map_err(|_| SysError::NulByte)?;
        let c_jsgf = CString::new(jsgf).map_err(|_| SysError::NulByte)?;
        // SAFETY: decoder valid, no utterance running, both strings outlive the call. `start` selects before use.
        let code = unsafe { ps_set_jsgf_string(self.ps.as_ptr(), c_name.as_ptr(), c_jsgf.as_ptr()) };
        if code == 0 { Ok(()) } else { Err(SysError::GrammarRefused(name.to_owned())) }
    }

    /// Begins an utterance with one grammar.
    pub fn start(&mut self, grammar: &str) -> Result<(), SysError> {
        if self.doing == Doing::Listening {
            return Err(SysError::Refused("start twice"));
        }
        let name = CString::new(grammar).map_err(|_| SysError::NulByte)?;
        // SAFETY: decoder valid, no utterance running, the name outlives the call. An unknown name returns -1.
        let started = unsafe {
            ps_set_search(self.ps.as_ptr(), name.as_ptr()) == 0 && ps_start_utt(self.ps.as_ptr()) == 0
        };
        if !started {
            return Err(SysError::Refused("start listening"));
        }
        self.doing = Doing::Listening;
        Ok(())
    }

    /// Adds sound: 16 kHz mono.
    pub fn process(&mut self, samples: &[i16]) -> Result<(), SysError> {
        if self.doing == Doing::Nothing {
            return Err(SysError::Refused("take sound before the start"));
        }
        // SAFETY: an utterance runs; the slice is valid for its length and only read.
        let code = unsafe { ps_process_raw(self.ps.as_ptr(), samples.as_ptr(), samples.len(), 0, 0) };
        if code < 0 { Err(SysError::Refused("take sound")) } else { Ok(()) }
    }

    /// The best words so far, whether or not they reach the end of the grammar.
    pub fn partial(&mut self) -> Option<String> {
        self.hypothesis().0
    }

    /// Ends the utterance. No text means: nothing in the grammar fits to its end.
    pub fn end(&mut self) -> Result<Decoded, SysError> {
        if self.doing == Doing::Nothing {
            return Err(SysError::Refused("end before the start"));
        }
        self.doing = Doing::Nothing;
        // SAFETY: an utterance runs.
        if unsafe { ps_end_utt(self.ps.as_ptr()) } < 0 {
            return Err(SysError::Refused("end listening"));
        }
        let (text, score) = self.hypothesis();
        // SAFETY: decoder valid.
        let frames = unsafe { ps_get_n_frames(self.ps.as_ptr()) };
        Ok(Decoded { text, score, frames: u32::try_from(frames).unwrap_or(0) })
    }

    fn hypothesis(&mut self) -> (Option<String>, i32) {
        let mut score = 0;
        // SAFETY: decoder valid; the string belongs to the decoder and is copied before the next call into it.
        let text = unsafe {
            let raw = ps_get_hyp(self.ps.as_ptr(), &raw mut score);
            if raw.is_null() { None } else { Some(CStr::from_ptr(raw).to_string_lossy().into_owned()) }
        };
        (text.filter(|words| !words.trim().is_empty()), score)
    }
}

impl Drop for Recognizer {
    fn drop(&mut self) {
        // SAFETY: both are ours and given back exactly once, the decoder before its configuration.
        unsafe {
            ps_free(self.ps.as_ptr());
            cmd_ln_free_r(self.config.as_ptr());
        }
    }
}

fn path_for_c(path: &Path) -> Result<CString, SysError> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes()).map_err(|_| SysError::NulByte)
}
