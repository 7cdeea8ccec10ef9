//! What is told of the messages of a leg.

use sip::{LegId, Notice, Order, Refusal, Setup, Trace};

use super::stage::{ANSWER, Desk, OFFER, PHONE, STRANGER, inside, invite, reply, seconds, setup, tag};

fn traced(most: usize) -> Desk {
    Desk::with(Setup { traced: most, ..setup() })
}

/// A message in a line: `>` is ours.
fn line(trace: &Trace) -> String {
    let way = if trace.sent { '>' } else { '<' };
    let codecs = trace.described.as_ref().map(|described| described.codecs.join(",")).unwrap_or_default();
    let status = trace.reply.as_ref().map(|(status, _)| format!("{status} ")).unwrap_or_default();
    format!("{way} {status}{} {} {codecs}", trace.cseq, trace.method).trim_end().to_owned()
}

fn lines(told: &[Notice]) -> Vec<String> {
    let lines = told.iter().filter_map(|notice| match notice {
        Notice::Traced { trace, .. } => Some(line(trace)),
        Notice::Repeated { repeated, left_out, .. } => {
            let again: Vec<String> = repeated
                .iter()
                .map(|one| format!("{} x{} in {:?}", one.number, one.times, one.over))
                .collect();
            Some(format!("{} and {left_out} more", again.join(", ")))
        }
        _ => None,
    });
    lines.collect()
}

#[test]
fn a_call_is_told_message_by_message_in_the_order_it_went() {
    let mut desk = traced(64);
    desk.hear(&invite("a", OFFER));
    let told = desk.told();
    assert!(matches!(told[0], Notice::Invited(_)), "whose messages they are is told first");
    assert_eq!(lines(&told), ["< 1 INVITE PCMU,PCMA", "> 100 1 INVITE"]);
    let leg = told[0].leg().unwrap();
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let tag = tag(&desk.sent().pop().unwrap(), "To");
    desk.hear(&inside("ACK", "a", 1, &tag, ""));
    desk.hear(&inside("BYE", "a", 2, &tag, ""));
    let told = desk.told();
    assert_eq!(lines(&told), ["> 200 1 INVITE PCMU", "< 1 ACK", "< 2 BYE", "> 200 2 BYE"]);
    assert_eq!(told.last(), Some(&Notice::Released { leg }));
}

#[test]
fn what_is_repeated_is_counted_and_told_when_the_leg_is_over() {
    let mut desk = traced(64);
    let (leg, invite) = desk.calls();
    desk.pass(seconds(4.0));
    assert_eq!(lines(&desk.told()), ["> 1 INVITE PCMU"], "sent four times, told once");
    desk.hear_from(PHONE, &reply(&invite, 486, "p", ""));
    let told = desk.told();
    assert_eq!(lines(&told), ["< 486 1 INVITE", "> 1 ACK", "1 x4 in 3.5s and 0 more"]);
    assert_eq!(told.last(), Some(&Notice::Released { leg }));
}

#[test]
fn a_call_that_is_given_up_shows_its_cancel_and_what_came_of_it() {
    let mut desk = traced(64);
    let (leg, invite) = desk.calls();
    desk.hear_from(PHONE, &reply(&invite, 180, "p", ""));
    desk.order(Order::Cancel { leg });
    let cancel = desk.sent().pop().unwrap();
    desk.hear_from(PHONE, &reply(&cancel, 200, "p", ""));
    desk.hear_from(PHONE, &reply(&invite, 487, "p", ""));
    let shown =
        ["> 1 INVITE PCMU", "< 180 1 INVITE", "> 1 CANCEL", "< 200 1 CANCEL", "< 487 1 INVITE", "> 1 ACK"];
    assert_eq!(lines(&desk.told()), shown);
}

#[test]
fn a_refusal_of_ours_is_told_with_the_ack_that_ends_it() {
    let mut desk = traced(64);
    let leg = desk.invited("a");
    desk.order(Order::Refuse { leg, refusal: Refusal::NotAcceptable });
    let refusal = desk.sent().pop().unwrap();
    desk.hear(&invite("a", "").replace("INVITE", "ACK").replace(
        "To: <sip:+13125550100@203.0.113.5>",
        &format!("To: <sip:+13125550100@203.0.113.5>;tag={}", tag(&refusal, "To")),
    ));
    assert_eq!(lines(&desk.told()), ["> 488 1 INVITE", "< 1 ACK"]);
}

#[test]
fn a_caller_cancels_and_repeats_itself_and_no_line_is_told_twice() {
    let mut desk = traced(64);
    desk.hear(&invite("a", OFFER));
    desk.hear(&invite("a", OFFER));
    let cancel = invite("a", "").replace("INVITE", "CANCEL");
    desk.hear(&cancel);
    let shown = ["< 1 INVITE PCMU,PCMA", "> 100 1 INVITE", "< 1 CANCEL", "> 200 1 CANCEL", "> 487 1 INVITE"];
    assert_eq!(lines(&desk.told()), shown);
    desk.pass(seconds(40.0));
    let last = lines(&desk.told()).pop().unwrap();
    assert!(last.starts_with("1 x2 in 0ns, 2 x2 in 0ns, 5 x"), "{last}");
}

#[test]
fn however_much_is_said_in_a_leg_a_stated_number_of_messages_is_told() {
    let mut desk = traced(5);
    let (_, tag) = desk.talking("a");
    for number in 2..40 {
        desk.hear(&inside("INFO", "a", number, &tag, ""));
    }
    desk.hear(&inside("BYE", "a", 40, &tag, ""));
    // Of 2 messages for each INFO and the BYE, the first fits.
    assert_eq!(lines(&desk.told()), ["< 2 INFO", " and 77 more"]);
}

#[test]
fn a_message_of_nobody_s_leg_is_not_told_and_neither_is_any_when_nobody_asks() {
    let mut desk = traced(64);
    desk.hear(&invite("a", "").replace("INVITE", "OPTIONS"));
    desk.hear_from(STRANGER, &invite("b", OFFER));
    assert_eq!(lines(&desk.told()), [""; 0]);
    let mut desk = traced(0);
    desk.talking("c");
    desk.hear(&inside("BYE", "c", 2, "wrong", ""));
    assert_eq!(lines(&desk.told()), [""; 0]);
}

#[test]
fn nothing_that_is_told_names_anybody() {
    let mut desk = traced(64);
    desk.hear(&invite("a", OFFER));
    let leg = LegId(1);
    for notice in desk.told() {
        if let Notice::Traced { trace, leg: of } = notice {
            assert_eq!(of, leg);
            let shown = format!("{trace:?}");
            assert!(!shown.contains("5550143") && !shown.contains("Pat"), "{shown}");
        }
    }
}
