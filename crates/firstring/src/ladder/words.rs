//! What a message means to somebody who looks at a ladder at night: what went wrong, and what to look at.
//!
//! A sentence is only said where the messages show it; whatever went as it should has none.

use line::{Message, Sdp, Side};

use super::{Ladder, Rung};

/// What went wrong here, if anything did.
pub fn trouble(rung: &Rung, ladder: &Ladder) -> Option<String> {
    match rung.message.status {
        Some(status @ 300..) => refusal(status, rung, ladder),
        Some(200..=299) if rung.message.sent => unconfirmed(rung, ladder),
        Some(_) => None,
        None if rung.message.sent => unanswered(rung, ladder),
        None => None,
    }
}

/// A 200 of ours to an INVITE that nobody acknowledged.
fn unconfirmed(rung: &Rung, ladder: &Ladder) -> Option<String> {
    let acked = ladder.leg_of(rung).any(|other| !other.message.sent && other.message.method == "ACK");
    let waited = rung.message.method == "INVITE" && rung.times > 3 && !acked;
    waited.then(|| {
        format!(
            "our answer was sent {} times and never confirmed: the ACK goes to our Contact, so look whether that address reaches us ([sip] advertise, router, firewall)",
            rung.times
        )
    })
}

/// A request of ours that nothing came back to.
fn unanswered(rung: &Rung, ladder: &Ladder) -> Option<String> {
    let answers = |other: &Rung| {
        !other.message.sent
            && other.message.cseq == rung.message.cseq
            && other.message.method == rung.message.method
    };
    let silent = rung.times > 3 && !ladder.leg_of(rung).any(answers);
    silent.then(|| {
        format!(
            "sent {} times in {:.1} s, and not a word came back from {}: look at that address, the network and the firewall",
            rung.times,
            rung.over_ms as f64 / 1e3,
            rung.message.far
        )
    })
}

fn refusal(status: u16, rung: &Rung, ladder: &Ladder) -> Option<String> {
    let message = &rung.message;
    let what = match status {
        300..=399 => {
            "it sends the call elsewhere; only people of yours over the same trunk are called instead"
                .to_string()
        }
        401 | 407 => return password(rung, ladder),
        403 => "it forbids this call: look whether the account may dial this number and show this one"
            .to_string(),
        404 | 410 | 484 | 604 if message.sent => "the number dialled is none of ours".to_string(),
        404 | 410 | 484 | 604 => "no such number there: look at `reach` of this person".to_string(),
        408 => "the far system got no answer in time".to_string(),
        415 | 488 | 606 => return Some(no_format(rung, ladder)),
        420 => "it wants an extension that is not spoken here".to_string(),
        422 | 423 => return None,
        480 if message.sent => "nobody here took the call".to_string(),
        480 => "not there now: the phone is off or not registered".to_string(),
        481 => "it does not know this call any more".to_string(),
        486 | 600 if message.sent => {
            "refused as busy: every channel is taken, or the call came back to us".to_string()
        }
        486 | 600 => "they are in another call".to_string(),
        487 => return None,
        491 => "two offers crossed; the later one is made again".to_string(),
        503 => format!("the far system takes no calls now{}", wait(message)),
        500..=599 if message.sent => "we could not take it".to_string(),
        500..=599 => "the far system failed".to_string(),
        603 | 607 | 608 => "declined".to_string(),
        _ => "refused".to_string(),
    };
    Some(what)
}

/// A question for a password is the usual way in; only one that is asked again is trouble.
fn password(rung: &Rung, ladder: &Ladder) -> Option<String> {
    let goes_on = ladder.leg_of(rung).any(|other| {
        other.message.method == rung.message.method
            && other.message.cseq > rung.message.cseq
            && other.message.status.is_none()
    });
    (!goes_on).then(|| match rung.message.sent {
        true => "it did not prove the password of this trunk: look at their_username and their_password".to_string(),
        false => "it wants a password that we do not have, or another one: look at username and password of the trunk".to_string(),
    })
}

fn wait(message: &Message) -> String {
    let after = message.headers.iter().find(|(name, _)| name == "Retry-After");
    after.map_or(String::new(), |(_, seconds)| format!(", and wants to be left alone for {seconds} s"))
}

/// What each side would have spoken, as far as the messages tell.
fn no_format(rung: &Rung, ladder: &Ladder) -> String {
    let offer = |sent: bool| {
        let of_leg = ladder.leg_of(rung).filter(|other| other.message.method == "INVITE");
        let said =
            of_leg.filter(|other| other.message.sent == sent && other.message.cseq <= rung.message.cseq);
        said.filter_map(|other| other.message.sdp.as_ref()).last().map(codecs)
    };
    let ours = (!rung.message.we_have.is_empty()).then(|| rung.message.we_have.join(", "));
    let (theirs, ours) = match (rung.message.sent, rung.side) {
        (true, Side::Caller | Side::Person) => (offer(false), ours),
        (false, Side::Caller | Side::Person) => (None, offer(true).or(ours)),
    };
    let theirs = theirs.map(|theirs| format!("they offered {theirs}"));
    let ours = ours.map(|ours| format!("we have {ours}"));
    let both: Vec<String> = [theirs, ours].into_iter().flatten().collect();
    format!("no codec in common: {}", both.join("; "))
}

/// What a description says, in a line.
pub fn description(sdp: &Sdp) -> String {
    let mut parts = vec![codecs(sdp)];
    if sdp.digits {
        parts.push("keys".to_string());
    }
    if sdp.srtp {
        parts.push("encrypted".to_string());
    }
    match sdp.direction.as_str() {
        "sendonly" => parts.push("only speaks (hold)".to_string()),
        "recvonly" => parts.push("only listens".to_string()),
        "inactive" => parts.push("neither speaks nor listens (hold)".to_string()),
        _ => {}
    }
    match sdp.place.as_str() {
        "private" => parts.push("at a private address".to_string()),
        "name" => parts.push("at a host name".to_string()),
        "nowhere" => parts.push("at no address (hold)".to_string()),
        _ => {}
    }
    parts.extend(sdp.others.iter().map(|other| format!("and {other}")));
    parts.join(", ")
}

fn codecs(sdp: &Sdp) -> String {
    match sdp.codecs.is_empty() {
        true => "no sound".to_string(),
        false => sdp.codecs.join(", "),
    }
}
