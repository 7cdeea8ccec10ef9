//! The desk's own sentences: what is said around a conversation, whatever the intake.
//!
//! All of them are rendered when the configuration loads, so that they need no engine when they are needed.

use crate::phrase::Phrase;

/// Before a person is rung.
pub const CONNECTING: &str = "One moment. I am connecting you.";
/// When nobody who was rung took the call.
pub const NOBODY_FREE: &str = "I am sorry. Nobody can come to the phone right now.";
/// Before the tone.
pub const LEAVE_MESSAGE: &str =
    "Please leave a message after the tone. Press the pound key when you are done.";
/// After a message is stored.
pub const MESSAGE_KEPT: &str = "Thank you. Your message is stored, and the office will get it. Goodbye.";
/// After a callback task is stored.
pub const WILL_CALL_BACK: &str = "I have made a note, and the office will call you back. Goodbye.";
/// When a promise could not be stored.
pub const COULD_NOT_KEEP: &str = "I am sorry. I could not store that. Please call again in a few minutes.";
/// When a visit is stored after the caller was told that it could not be booked.
pub const BOOKED_AFTER_ALL: &str = "The calendar has answered after all.";
/// When an engine failed in the middle of a conversation.
pub const TROUBLE: &str = "I am sorry. I have trouble hearing you.";
/// When a caller does not want to be recorded.
pub const NOT_RECORDED: &str = "All right. This call is not recorded.";
/// When a person who took the call has hung up, and the caller has not.
pub const PERSON_LEFT: &str = "They have hung up. If there is nothing else, you can hang up as well.";
/// Before anything is recorded, to everybody who is heard on it.
pub const RECORDED: &str = "This call is recorded.";
/// To a person, after that.
pub const STAR_PAUSES: &str = "Press star to pause the recording.";
/// To a person who is rung and must press 1.
pub const PRESS_ONE: &str = "You have a call for the office. Press 1 to take it.";
/// To a caller who begins to wait in a queue.
pub const NOBODY_FREE_YET: &str = "Nobody is free to take your call right now.";
/// To a caller who waits and can be called back.
pub const PRESS_ONE_FOR_CALLBACK: &str = "Press 1 at any time, and we will call you back instead.";
/// What a caller hears when everything else is silent.
pub const FILLER: &str = "One moment, please.";

/// What is said of recordings, where there are any.
pub const OF_RECORDINGS: [&str; 2] = [RECORDED, STAR_PAUSES];

/// What any call may hear.
pub const ALL: [&str; 12] = [
    CONNECTING,
    NOBODY_FREE,
    LEAVE_MESSAGE,
    MESSAGE_KEPT,
    WILL_CALL_BACK,
    COULD_NOT_KEEP,
    BOOKED_AFTER_ALL,
    TROUBLE,
    NOT_RECORDED,
    PERSON_LEFT,
    PRESS_ONE,
    FILLER,
];

/// By how many callers stand before this one.
const PLACES: [&str; 10] = [
    "You are next in line.",
    "You are number 2 in line.",
    "You are number 3 in line.",
    "You are number 4 in line.",
    "You are number 5 in line.",
    "You are number 6 in line.",
    "You are number 7 in line.",
    "You are number 8 in line.",
    "You are number 9 in line.",
    "You are number 10 in line.",
];
/// When so many stand before the caller that their number says nothing any more.
const FAR_BACK: &str = "More than ten callers are before you.";

/// Where a caller stands before whom `ahead` others wait.
pub fn place_in_line(ahead: usize) -> &'static str {
    PLACES.get(ahead).copied().unwrap_or(FAR_BACK)
}

/// What only callers in a queue hear.
pub fn of_queues() -> impl Iterator<Item = &'static str> {
    PLACES.into_iter().chain([FAR_BACK, NOBODY_FREE_YET, PRESS_ONE_FOR_CALLBACK])
}

/// One of these sentences as a phrase.
pub fn prepared(text: &str) -> Phrase {
    Phrase { text: text.to_string(), prepared: true, guarded: false }
}
