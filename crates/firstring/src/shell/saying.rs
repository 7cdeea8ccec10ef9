//! Sentences on their way to a leg: rendered ones at once, others as soon as they are, always in order.
//!
//! Invariant: each saying is answered by exactly one of `Said` and `SayFailed`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use desk::call::SayingId;
use desk::phrase::Phrase;
use line::{SoundEvent, SoundId};
use media::{ClipId, Interruptible};
use speech::{Clip, EngineError, Line, Prompts};
use tokio::runtime::Handle;

use crate::shell::inbox::{Inbox, Letter};

/// Clips of one saying, or why there are none.
#[derive(Debug)]
pub struct Rendered {
    sound: SoundId,
    saying: SayingId,
    clips: Option<Vec<(Clip, Interruptible)>>,
    /// The voice failed meanwhile, and was asked again.
    again: bool,
}

/// A clip to be played next on a leg.
#[derive(Debug)]
pub struct Play {
    /// The leg.
    pub sound: SoundId,
    /// Its name; see [`Sayings::began`].
    pub id: ClipId,
    /// The sound.
    pub clip: Clip,
    /// Whether the caller may talk over it.
    pub interruptible: Interruptible,
}

/// What is being said on every leg.
pub struct Sayings {
    prompts: Arc<Prompts>,
    runtime: Handle,
    inbox: Inbox,
    legs: BTreeMap<SoundId, Leg>,
    plays: VecDeque<Play>,
    failed: VecDeque<(SoundId, SoundEvent)>,
}

#[derive(Default)]
struct Leg {
    waiting: VecDeque<Waiting>,
    playing: BTreeMap<SayingId, Playing>,
    /// From the caller's words to the filler that came before the answer to them.
    filled: Option<Duration>,
}

struct Waiting {
    saying: SayingId,
    clips: Option<Vec<(Clip, Interruptible)>>,
}

struct Playing {
    last: u64,
    spoke: bool,
}

/// Clips of one saying at most; a sentence is one clip.
const CLIPS: u64 = 256;

impl Sayings {
    /// Nothing is being said.
    pub fn new(prompts: Arc<Prompts>, runtime: Handle, inbox: Inbox) -> Self {
        let (plays, failed) = Default::default();
        Sayings { prompts, runtime, inbox, legs: BTreeMap::new(), plays, failed }
    }

    /// Takes sentences for a leg; [`Sayings::poll_play`] gives what can be played.
    pub fn say(&mut self, sound: SoundId, saying: SayingId, voice: &str, phrases: &[Phrase]) {
        let lines: Vec<_> = phrases.iter().map(|p| (Line::new(voice, &p.text), may_interrupt(p))).collect();
        let ready: Option<Vec<_>> =
            lines.iter().map(|(line, may)| Some((self.prompts.ready(line)?, *may))).collect();
        let leg = self.legs.entry(sound).or_default();
        if ready.is_none() {
            self.runtime.spawn(render(Arc::clone(&self.prompts), lines, sound, saying, self.inbox.clone()));
        }
        leg.waiting.push_back(Waiting { saying, clips: ready });
        self.release(sound);
    }

    /// Sentences have been rendered, or could not be.
    pub fn rendered(&mut self, rendered: Rendered) {
        let Rendered { sound, saying, clips, again } = rendered;
        let Some(leg) = self.legs.get_mut(&sound) else { return };
        let Some(at) = leg.waiting.iter().position(|waiting| waiting.saying == saying) else { return };
        match clips {
            Some(clips) => {
                leg.waiting[at].clips = Some(clips);
                self.failed.extend(again.then_some((sound, SoundEvent::MadeAgain { saying })));
            }
            None => {
                leg.waiting.remove(at);
                self.failed.push_back((sound, SoundEvent::SayFailed { saying }));
            }
        }
        self.release(sound);
    }

    /// Forgets what has not begun to play: it will not be said.
    pub fn stop(&mut self, sound: SoundId, at: Duration) {
        let Some(leg) = self.legs.get_mut(&sound) else { return };
        for waiting in leg.waiting.drain(..) {
            let event = SoundEvent::Said { saying: waiting.saying, at, whole: false };
            self.failed.push_back((sound, event));
        }
    }

    /// True while something for this leg is still being rendered.
    pub fn is_rendering(&self, sound: SoundId) -> bool {
        self.legs.get(&sound).is_some_and(|leg| !leg.waiting.is_empty())
    }

    /// The leg is closed.
    pub fn forget(&mut self, sound: SoundId) {
        self.legs.remove(&sound);
    }

    /// The next clip to be handed to a leg.
    pub fn poll_play(&mut self) -> Option<Play> {
        self.plays.pop_front()
    }

    /// What the exchange is to be told without a sound.
    pub fn poll_failed(&mut self) -> Option<(SoundId, SoundEvent)> {
        self.failed.pop_front()
    }

    /// A clip was first heard: tells which saying that begins.
    pub fn began(
        &mut self,
        sound: SoundId,
        clip: ClipId,
        at: Duration,
        gap: Option<Duration>,
    ) -> Option<SoundEvent> {
        self.legs.get_mut(&sound)?.began(clip, at, gap)
    }

    /// The caller speaks on, or to somebody else: what is said next is no answer to what the filler came after.
    pub fn forget_gap(&mut self, sound: SoundId) {
        if let Some(leg) = self.legs.get_mut(&sound) {
            leg.filled = None;
        }
    }

    /// A clip ended: tells whether that ends its saying.
    pub fn ended(&mut self, sound: SoundId, clip: ClipId, whole: bool, at: Duration) -> Option<SoundEvent> {
        self.legs.get_mut(&sound)?.ended(clip, whole, at)
    }

    /// Hands over every saying that is rendered and not behind one that is not.
    fn release(&mut self, sound: SoundId) {
        let Some(leg) = self.legs.get_mut(&sound) else { return };
        while let Some(Waiting { clips: Some(_), .. }) = leg.waiting.front() {
            let Some(Waiting { saying, clips: Some(clips) }) = leg.waiting.pop_front() else { return };
            let last = (clips.len() as u64).saturating_sub(1).min(CLIPS - 1);
            leg.playing.insert(saying, Playing { last, spoke: false });
            for (index, (clip, interruptible)) in (0..CLIPS).zip(clips) {
                let id = ClipId(u64::from(saying.0) * CLIPS + index);
                self.plays.push_back(Play { sound, id, clip, interruptible });
            }
        }
    }
}

impl Leg {
    /// Where the filler came first, the caller waited for the filler; that is the gap of the answer that follows it.
    fn began(&mut self, clip: ClipId, at: Duration, gap: Option<Duration>) -> Option<SoundEvent> {
        if clip == ClipId::FILLER {
            self.filled = gap.or(self.filled);
            return None;
        }
        let saying = saying_of(clip);
        let playing = self.playing.get_mut(&saying)?;
        let first = !std::mem::replace(&mut playing.spoke, true);
        let gap = gap.or(self.filled);
        self.filled = None;
        first.then_some(SoundEvent::Spoke { saying, at, gap })
    }

    fn ended(&mut self, clip: ClipId, whole: bool, at: Duration) -> Option<SoundEvent> {
        let saying = saying_of(clip);
        let playing = self.playing.get(&saying)?;
        if whole && clip.0 % CLIPS != playing.last {
            return None;
        }
        self.playing.remove(&saying);
        Some(SoundEvent::Said { saying, at, whole })
    }
}

fn saying_of(clip: ClipId) -> SayingId {
    SayingId(u32::try_from(clip.0 / CLIPS).unwrap_or(u32::MAX))
}

fn may_interrupt(phrase: &Phrase) -> Interruptible {
    match phrase.guarded {
        true => Interruptible::No,
        false => Interruptible::Yes,
    }
}

async fn render(
    prompts: Arc<Prompts>,
    lines: Vec<(Line, Interruptible)>,
    sound: SoundId,
    saying: SayingId,
    inbox: Inbox,
) {
    let mut clips = Vec::with_capacity(lines.len());
    let mut again = false;
    for (line, may) in lines {
        match clip(&prompts, &line, &mut again).await {
            Ok(clip) => clips.push((clip, may)),
            Err(error) => {
                tracing::warn!(%error, "A sentence could not be rendered, the call moves on");
                return inbox.post(Letter::Rendered(Rendered { sound, saying, clips: None, again }));
            }
        }
    }
    inbox.post(Letter::Rendered(Rendered { sound, saying, clips: Some(clips), again }));
}

/// A voice that fails is replaced at once, so it is asked a second time. One that is slow has used up the caller's patience.
async fn clip(prompts: &Prompts, line: &Line, again: &mut bool) -> Result<Clip, EngineError> {
    match prompts.clip(line).await {
        Err(EngineError::Failed { .. }) if !std::mem::replace(again, true) => prompts.clip(line).await,
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A leg on which these sayings have been handed over, one clip each.
    fn leg(sayings: &[u32]) -> Leg {
        let playing = sayings.iter().map(|saying| (SayingId(*saying), Playing { last: 0, spoke: false }));
        Leg { playing: playing.collect(), ..Leg::default() }
    }

    fn clip(saying: u32) -> ClipId {
        ClipId(u64::from(saying) * CLIPS)
    }

    fn spoke(saying: u32, at: Duration, gap: Option<Duration>) -> Option<SoundEvent> {
        Some(SoundEvent::Spoke { saying: SayingId(saying), at, gap })
    }

    #[test]
    fn an_answer_after_the_filler_notes_how_long_the_caller_waited_for_the_filler() {
        let mut leg = leg(&[1, 2]);
        assert_eq!(leg.began(ClipId::FILLER, MS * 5_000, Some(MS * 1_010)), None, "the filler is no saying");
        assert_eq!(leg.began(clip(1), MS * 6_200, None), spoke(1, MS * 6_200, Some(MS * 1_010)));
        assert_eq!(leg.began(clip(2), MS * 8_000, None), spoke(2, MS * 8_000, None), "one gap a turn");
    }

    #[test]
    fn a_second_filler_does_not_hide_how_long_the_first_one_took() {
        let mut leg = leg(&[1]);
        leg.began(ClipId::FILLER, MS * 5_000, Some(MS * 1_010));
        leg.began(ClipId::FILLER, MS * 8_000, None);
        assert_eq!(leg.began(clip(1), MS * 9_000, None), spoke(1, MS * 9_000, Some(MS * 1_010)));
    }

    #[test]
    fn a_caller_who_speaks_again_after_the_filler_is_answered_with_a_gap_of_its_own() {
        let mut leg = leg(&[1, 2]);
        leg.began(ClipId::FILLER, MS * 5_000, Some(MS * 1_010));
        assert_eq!(leg.began(clip(1), MS * 7_000, Some(MS * 700)), spoke(1, MS * 7_000, Some(MS * 700)));
        assert_eq!(leg.began(clip(2), MS * 9_000, None), spoke(2, MS * 9_000, None));
    }
}
