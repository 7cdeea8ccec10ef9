//! What ringing people takes, in words: channels of the trunks, and time before somebody's voicemail picks up.

use desk::business::{Accept, BEFORE_VOICEMAIL, Reach, RingOrder, Step, Whom};

use super::look::Finding;
use super::{Config, TrunkSettings, Way, idle};

/// What a plan's transfers take of each trunk: one channel more for every phone that rings over it, while the caller keeps
/// their own, and none of those that are kept for callers.
pub(super) fn channels(config: &Config, plan: &str, steps: &[&Step], about: &str) -> Vec<Finding> {
    let pairs = idle::trunks_to(&config.business, plan)
        .into_iter()
        .flat_map(|line| config.trunks.iter().map(move |via| (line, via)));
    pairs
        .filter_map(|(line, via)| {
            let at_once = steps.iter().map(|step| phones_at_once(config, step, &via.name)).max()?;
            (at_once > 0).then(|| channel_sum(via, line == via.name, at_once, about))
        })
        .collect()
}

fn channel_sum(via: &TrunkSettings, is_callers: bool, at_once: u32, about: &str) -> Finding {
    let (name, channels, kept) = (&via.name, via.channels, via.habits.reserved);
    let own = u32::from(is_callers);
    let left = channels.saturating_sub(own + kept);
    let taken = match (is_callers, kept) {
        (true, 0) => "the caller has one".to_string(),
        (true, kept) => format!("the caller has one and {kept} are kept for callers"),
        (false, kept) => format!("{kept} are kept for callers"),
    };
    let remedy =
        format!("get more channels for trunk {name:?}, or reach people at an extension or a SIP address");
    if left == 0 && via.hands_over && is_callers {
        let says = format!(
            "a person rung over trunk {name:?} takes a channel of their own; of {channels}, {taken}: none is left, so the \
             trunk puts callers through by itself, and whoever is to press 1 is never rung"
        );
        return Finding::weak(about, says, format!("{remedy}, or let everybody accept by pick-up"));
    }
    if left == 0 {
        let says = format!(
            "a person rung over trunk {name:?} takes a channel of their own; of {channels}, {taken}: none is left, so \
             nobody is ever rung"
        );
        return Finding::broken(about, says, remedy);
    }
    if at_once > left {
        let says = format!(
            "{at_once} phones ring at once over trunk {name:?}, each on a channel of its own; of {channels}, {taken}: \
             {left} can ring"
        );
        return Finding::weak(about, says, remedy);
    }
    let through = (channels - kept) / (1 + own);
    let says = format!(
        "a person rung over trunk {name:?} takes a channel of their own; of {channels}, {kept} are kept for callers: so many \
         callers can be with a person at once: {through}"
    );
    Finding::fine(about, says)
}

/// The most phones that one step rings over a trunk at the same time.
fn phones_at_once(config: &Config, step: &Step, via: &str) -> u32 {
    let (whom, order) = match step.done() {
        Step::Ring { whom, order, .. } => (whom, *order),
        Step::Queue { whom, .. } => (whom, RingOrder::InTurn),
        Step::Urgent(_) | Step::Offices(_) | Step::Assistant | Step::Message | Step::Refuse => return 0,
    };
    let phones = config.business.phones_of(whom, jiff::Timestamp::UNIX_EPOCH).into_iter();
    let reaches = phones.map(|(_, reach)| reach);
    let takes_one = |reach: &&Reach| reach.via == via && matches!(config.way_to(reach), Some(Way::Over(_)));
    let phones = u32::try_from(reaches.filter(takes_one).count()).unwrap_or(u32::MAX);
    match order {
        RingOrder::Together => phones,
        RingOrder::InTurn => phones.min(1),
    }
}

/// A phone number that rings for longer than voicemail waits, where picking up is enough to get the caller.
pub(super) fn outlasted_by_voicemail(config: &Config, steps: &[&Step], about: &str) -> Option<Finding> {
    steps.iter().find_map(|step| {
        let Step::Ring { whom, ring_for, .. } = step.done() else { return None };
        if *ring_for <= BEFORE_VOICEMAIL {
            return None;
        }
        let is_phone = |reach: &Reach| reach.accept == Accept::PickUp && reach.to.starts_with('+');
        let phones = config.business.phones_of(whom, jiff::Timestamp::UNIX_EPOCH).into_iter();
        // Somebody's cell; whoever calls are sent on to has a telephonist, or a voicemail the owner wants.
        let mut cells = phones.filter(|(_, reach)| is_phone(reach) && !matches!(whom, Whom::Target(_)));
        let (name, _) = cells.next()?;
        Some(Finding::weak(
            about,
            format!(
                "{name} is rung for {} s at a phone number where picking up is enough: voicemail may pick up first and get \
                 the caller",
                ring_for.as_secs()
            ),
            format!("ring for at most {} s, or let {name} accept by press-1", BEFORE_VOICEMAIL.as_secs()),
        ))
    })
}
