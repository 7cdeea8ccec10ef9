//! Words that count in every state and before everything else: danger, and wishes nobody may be denied.
//!
//! The lists are ours, not a template's: a template can add warning signs of its trade, never take these away.

use std::ops::Range;
use std::sync::LazyLock;

use super::Words;
use super::pattern::{Pattern, Rules};

/// A danger to people or property that any trade hears about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Gas smelled or leaking: everybody out first.
    Gas,
    /// Fire or smoke.
    Fire,
    /// Carbon monoxide, or its alarm.
    CarbonMonoxide,
    /// Sparks, or water at something electrical.
    Electric,
    /// Somebody is hurt.
    Injury,
    /// The caller says it is an emergency.
    Emergency,
}

impl Danger {
    /// Named in records and alerts.
    pub fn name(self) -> &'static str {
        match self {
            Danger::Gas => "gas",
            Danger::Fire => "fire",
            Danger::CarbonMonoxide => "carbon monoxide",
            Danger::Electric => "electric",
            Danger::Injury => "injury",
            Danger::Emergency => "emergency",
        }
    }

    /// What the caller is told before anything else is done.
    pub fn advice(self) -> &'static str {
        match self {
            Danger::Gas => {
                "If you smell gas, leave the house now, and from outside call nine one one or your gas company."
            }
            Danger::Fire => "Get everyone out now, and call nine one one.",
            Danger::CarbonMonoxide => "Get everyone out into fresh air now, and call nine one one.",
            Danger::Electric => {
                "Please keep away from the water and the wires. If there is smoke, get out and call nine one one."
            }
            Danger::Injury => "If anyone is hurt, please hang up and call nine one one now.",
            Danger::Emergency => "If anyone is in danger, please hang up and call nine one one.",
        }
    }

    /// Every danger, the gravest first: what is advised if several are heard.
    pub const ALL: [Danger; 6] = [
        Danger::Gas,
        Danger::Fire,
        Danger::CarbonMonoxide,
        Danger::Injury,
        Danger::Electric,
        Danger::Emergency,
    ];

    /// How callers say it, as patterns; the recogniser's grammars contain every one.
    pub fn spoken(self) -> &'static [&'static str] {
        match self {
            Danger::Gas => &[
                "[a] gas leak",
                "(smell | smelling) [of] [some | the] gas",
                "smells like gas",
                "gas smell",
                "leaking gas",
                "gas is leaking",
                "rotten eggs",
            ],
            Danger::Fire => {
                &["[there is] a fire", "on fire", "house fire", "there is smoke", "see smoke", "smell smoke"]
            }
            Danger::CarbonMonoxide => &["carbon monoxide"],
            Danger::Electric => &[
                "sparks",
                "sparking",
                "electric shock",
                "water in the (outlet | panel | breaker box | light)",
                "smell something burning",
            ],
            Danger::Injury => &[
                "(someone | somebody) is hurt",
                "(heart attack | call an ambulance | is unconscious | not breathing)",
            ],
            Danger::Emergency => &["emergency", "it is an emergency", "this is an emergency"],
        }
    }

    /// Further ways that text may say it, too short or too close to other words to be heard for.
    fn written(self) -> &'static [&'static str] {
        match self {
            Danger::Gas => &["gas is escaping", "smell of gas", "natural gas", "propane leak", "smelled gas"],
            Danger::Fire => &["fire", "flames", "smoke is coming"],
            Danger::CarbonMonoxide => &["co alarm", "co detector"],
            Danger::Electric => &["electrocuted", "sparked", "getting shocked", "got shocked"],
            Danger::Injury => {
                &["injured", "bleeding", "is dying", "can not breathe", "ambulance", "nine one one"]
            }
            Danger::Emergency => &["emergencies", "urgent", "urgently"],
        }
    }
}

/// What nobody may be denied, in any state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    /// A person, please.
    Person,
    /// Never call or text again.
    OptOut,
    /// Not the business that was meant.
    WrongNumber,
    /// "Are you a robot?"
    Robot,
    /// Not to be recorded.
    Unrecorded,
    /// To leave a message.
    Message,
    /// Once more, please.
    Repeat,
    /// A moment, please.
    Wait,
    /// The caller is done.
    Goodbye,
}

impl Request {
    /// In the order they are looked for.
    pub const ALL: [Request; 9] = [
        Request::OptOut,
        Request::WrongNumber,
        Request::Robot,
        Request::Unrecorded,
        Request::Message,
        Request::Person,
        Request::Repeat,
        Request::Wait,
        Request::Goodbye,
    ];

    /// How callers say it, as patterns; the recogniser's grammars contain every one.
    pub fn spoken(self) -> &'static [&'static str] {
        match self {
            Request::Person => &[
                "agent",
                "operator",
                "representative",
                "[a] real person",
                "(speak | talk) to (someone | somebody | a person | a human | an agent | the office)",
                "[let me] (speak | talk) with (someone | somebody | a person)",
                "i want [to talk to] a person",
            ],
            Request::OptOut => &["stop calling me", "do not call me [again]", "take me off [of] your list"],
            Request::WrongNumber => &["wrong number", "i have the wrong number"],
            Request::Robot => &[
                "are you a (robot | machine | computer | real person)",
                "is this a (robot | machine | computer | recording)",
            ],
            Request::Unrecorded => &["do not record [me | this]", "stop recording"],
            Request::Message => &["[i want to] leave a message", "take a message"],
            Request::Repeat => &["repeat that", "say that again", "please repeat"],
            Request::Wait => &["hold on", "one moment", "just a (moment | second)"],
            Request::Goodbye => &["good bye", "goodbye"],
        }
    }

    /// Further ways that text may say it.
    fn written(self) -> &'static [&'static str] {
        match self {
            Request::Person => &[
                "human",
                "a person",
                "a live (person | agent)",
                "(someone | somebody) real",
                "(speak | talk) (to | with) (the | a) (owner | manager | plumber | boss | dispatcher)",
                "connect me",
                "transfer me",
                "put me through",
                "receptionist",
                "customer service",
                "a real human",
            ],
            Request::OptOut => &[
                "opt out",
                "unsubscribe",
                "remove me [from]",
                "do not (text | contact) me",
                "stop texting [me]",
                "never call me",
                "stop calling",
                "do not call list",
            ],
            Request::WrongNumber => &[
                "wrong house",
                "dialed wrong",
                "dialed the wrong",
                "did not mean to call",
                "called by mistake",
            ],
            Request::Robot => &[
                "are you (real | human | a bot | an ai | ai | artificial | automated | a human | a person | a recording)",
                "am i (talking | speaking) (to | with) a (robot | machine | computer | bot | person | human | real person)",
                "is this (ai | an ai | a bot | automated | a real person | a person)",
            ],
            Request::Unrecorded => &[
                "not [want to] be recorded",
                "not [want] to be recorded",
                "stop the recording",
                "(turn | switch) off the recording",
                "(turn | switch) the recording off",
                "without [a | being] (recording | recorded)",
            ],
            Request::Message => {
                &["voicemail", "voice mail", "have (someone | somebody | them) call me", "call me back"]
            }
            Request::Repeat => {
                &["come again", "pardon", "what was that", "what did you say", "again please", "repeat"]
            }
            Request::Wait => &[
                "hang on",
                "give me a (moment | second | minute)",
                "one second",
                "one minute",
                "just a minute",
                "let me (check | see | think)",
            ],
            Request::Goodbye => &["bye", "never mind", "nevermind", "forget it", "hang up"],
        }
    }
}

struct Lists {
    dangers: Vec<(Danger, Vec<Pattern>)>,
    requests: Vec<(Request, Vec<Pattern>)>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let read = |lists: [&[&str]; 2]| {
        let parse = |text: &&str| {
            Pattern::parse(text, &Rules::new()).expect("a test reads every pattern of these lists")
        };
        lists.iter().flat_map(|list| list.iter().map(parse)).collect::<Vec<_>>()
    };
    Lists {
        dangers: Danger::ALL
            .iter()
            .map(|danger| (*danger, read([danger.spoken(), danger.written()])))
            .collect(),
        requests: Request::ALL
            .iter()
            .map(|request| (*request, read([request.spoken(), request.written()])))
            .collect(),
    }
});

/// The gravest danger that is mentioned and not denied.
pub fn danger(words: &Words) -> Option<Danger> {
    if words.len() == 1 && words.at(0) == "gas" {
        return Some(Danger::Gas);
    }
    let heard = |patterns: &[Pattern]| patterns.iter().any(|pattern| is_said(pattern, words));
    LISTS.dangers.iter().find(|(_, patterns)| heard(patterns)).map(|(danger, _)| *danger)
}

/// The request that is made, if any.
pub fn request(words: &Words) -> Option<Request> {
    let heard = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.find(words).is_some());
    LISTS.requests.iter().find(|(_, patterns)| heard(patterns)).map(|(request, _)| *request)
}

/// Whether a warning sign is mentioned at least once without being denied.
pub fn is_said(pattern: &Pattern, words: &Words) -> bool {
    pattern.find_all(words).iter().any(|place| !is_denied(words, place))
}

/// "it is not an emergency", "there is no gas smell", "without sparks".
///
/// When in doubt a warning counts: "no water is coming in" begins with an answer, not with a denial.
fn is_denied(words: &Words, place: &Range<usize>) -> bool {
    for back in 1..=4 {
        let Some(at) = place.start.checked_sub(back) else { break };
        if words.pauses_before(at + 1) {
            break;
        }
        match words.at(at) {
            "not" | "without" | "never" => return true,
            "no" if back == 1 => {
                let before = at.checked_sub(1).map_or("", |before| words.at(before));
                return place.len() <= 2
                    || matches!(before, "is" | "are" | "have" | "got" | "see" | "smell" | "and");
            }
            "a" | "an" | "the" | "any" | "really" | "it" | "is" | "see" | "have" | "smell" | "that"
            | "kind" | "of" => {}
            _ => break,
        }
    }
    false
}
