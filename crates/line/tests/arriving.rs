//! How calls arrive, in every dialect: which line they are for, who calls, who forwarded them; and how calls to people
//! are written for a trunk. One exchange, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod switchroom;

use std::time::Duration;

use desk::business::{Accept, KnownCaller, Person, Reach, Rule, When};
use desk::record::{Diverted, EndedBy, Outcome, Tried, Verification};
use line::{CallerId, Event, Full, Habits, NumberForm, Said, Side, VerifiedIn};
use sip::sdp::Codec;
use sip::{Invitation, LegId, Notice, Order, Refusal, Repeated, Trace, Transport, Unanswered};
use switchroom::{CALLER, DANA, LINE, SECOND_LINE, Switchroom, address, business, number, party};

fn one(text: &str) -> Vec<String> {
    vec![text.to_string()]
}

#[test]
fn the_line_is_found_wherever_the_carrier_writes_it() {
    let mut room = Switchroom::of(Habits { prefix: "0042".to_string(), ..Habits::default() }, DANA, 64);
    for dialled in [
        "+13125550100",
        "13125550100",
        "3125550100",
        "12345678*13125550100",
        "12345678#+13125550100",
        "004213125550100",
        "0042+13125550100",
    ] {
        room.call(|call| (call.request_user, call.to.user) = (dialled.to_string(), "desk".to_string()));
        assert_eq!(room.last().0, LINE, "dialled as {dialled}");
    }
    room.call(|call| (call.request_user, call.to.user) = ("s-1f2e".to_string(), "13125550101".to_string()));
    assert_eq!(room.last().0, SECOND_LINE, "in To");
    room.call(|call| {
        (call.request_user, call.to.user) = ("desk".to_string(), "desk".to_string());
        call.called_party = Some("+13125550101".to_string());
    });
    assert_eq!(room.last().0, SECOND_LINE, "in P-Called-Party-ID");
    room.call(|call| {
        (call.request_user, call.to.user) = ("300".to_string(), "300".to_string());
        call.diversion = one("<sip:+13125550101@pbx.example.com>;reason=no-answer");
    });
    assert_eq!(room.last().0, SECOND_LINE, "in Diversion");
    room.call(|call| {
        (call.request_user, call.to.user) = ("300".to_string(), "300".to_string());
        call.history_info = vec![
            "<sip:13125550100@pbx.example.com>;index=1".to_string(),
            "<sip:300@pbx.example.com;cause=408>;index=1.1".to_string(),
        ];
    });
    assert_eq!(room.last().0, LINE, "in History-Info");
    assert_eq!(room.refused, []);
}

#[test]
fn a_number_that_is_none_of_the_lines_is_refused_with_what_helps() {
    let mut room = Switchroom::with(Habits::default());
    let leg = room.call(|call| {
        (call.request_user, call.to.user) = ("+13125550199".to_string(), "+13125550199".to_string());
    });
    assert_eq!(room.refused, [(leg, Refusal::NotFound)]);
    assert!(room.because[0].contains("add a [[line]]"), "{:?}", room.because);
}

#[test]
fn a_call_to_our_account_is_for_the_only_line_of_its_trunk() {
    let to_the_account = |call: &mut Invitation| {
        (call.request_user, call.to.user) = ("fs-1f2e".to_string(), "300".to_string());
        call.diversion = one("<sip:101@pbx.example.com>;reason=no-answer");
    };
    let mut room = Switchroom::with_lines(&[LINE]);
    room.call(to_the_account);
    assert_eq!(room.last(), (LINE, Some(CALLER), Some("101"), Some(Diverted::NoAnswer)));
    let mut room = Switchroom::with_lines(&[LINE, SECOND_LINE]);
    let leg = room.call(to_the_account);
    assert_eq!(room.refused, [(leg, Refusal::NotFound)], "nobody knows which of the two");
    let mut room = Switchroom::with_lines(&[LINE]);
    let leg = room.call(|call| call.to.user = "desk".to_string());
    assert_eq!(room.refused, []);
    room.caller_hangs_up(leg);
    let leg = room.call(|call| {
        (call.request_user, call.to.user) = ("+13125550199".to_string(), "desk".to_string());
    });
    assert_eq!(room.refused, [(leg, Refusal::NotFound)], "another number was dialled");
}

#[test]
fn a_caller_who_withholds_the_number_is_nobody() {
    let mut room = Switchroom::of(Habits::default(), DANA, 64);
    let asserted = one("<sip:+13125550143@192.0.2.2>");
    let anonymous = |call: &mut Invitation| call.from = party("anonymous");
    room.call(anonymous);
    assert_eq!(room.last().1, None);
    room.call(|call| {
        anonymous(call);
        call.p_asserted_identity = asserted.clone();
    });
    assert_eq!(room.last().1, Some(CALLER), "the network tells, and nobody asked it not to");
    for privacy in ["id", "header; id", "user;critical", "ID"] {
        room.call(|call| {
            anonymous(call);
            call.p_asserted_identity = asserted.clone();
            call.privacy = Some(privacy.to_string());
        });
        assert_eq!(room.last().1, None, "Privacy: {privacy}");
    }
    room.call(|call| call.privacy = Some("none".to_string()));
    assert_eq!(room.last().1, Some(CALLER));
    for spelled in ["+266696687", "7378742833", "+86282452253"] {
        room.call(|call| call.from = party(spelled));
        assert_eq!(room.last().1, None, "{spelled} is a word on the keys");
    }
}

#[test]
fn a_caller_is_read_in_every_form() {
    let mut room = Switchroom::of(Habits::default(), DANA, 64);
    for from in ["+13125550143", "13125550143", "3125550143"] {
        room.call(|call| call.from = party(from));
        assert_eq!(room.last().1, Some(CALLER), "{from}");
    }
    room.call(|call| call.from = party("101"));
    assert_eq!(room.last().1, None, "an extension is no number to call back");
}

#[test]
fn who_forwarded_and_why_is_on_record() {
    let mut room = Switchroom::with(Habits::default());
    let leg = room.call(|call| {
        call.diversion = one("<sip:3125550199@192.0.2.2>;reason=no-answer;counter=1");
    });
    assert_eq!(room.last(), (LINE, Some(CALLER), Some("+13125550199"), Some(Diverted::NoAnswer)));
    room.caller_hangs_up(leg);
    let record = room.records.last().unwrap();
    assert_eq!(record.diverted_by.as_ref().map(|by| by.reveal().as_str()), Some("+13125550199"));
    assert_eq!(record.diverted_because, Some(Diverted::NoAnswer));
    room.call(|call| {
        call.history_info = vec![
            "<sip:+13125550199@192.0.2.2?Reason=SIP%3Bcause%3D486>;index=1".to_string(),
            "<sip:+13125550100@192.0.2.1>;index=1.1".to_string(),
        ];
    });
    assert_eq!(room.last(), (LINE, Some(CALLER), Some("+13125550199"), Some(Diverted::Busy)));
}

#[test]
fn what_the_carrier_says_of_the_number_is_on_record() {
    let stands_in = |verification| Habits { verification, ..Habits::default() };
    let twilio = Some(VerifiedIn::Header("X-Twilio-VerStat".to_string()));
    let asserted = "<sip:+13125550143@192.0.2.2;verstat=TN-Validation-Passed-B>";
    let extension = vec![("x-twilio-verstat".to_string(), "TN-Validation-Passed-A".to_string())];
    for (verification, expected) in [
        (Some(VerifiedIn::Identity), Some(Verification::PassedB)),
        (twilio, Some(Verification::PassedA)),
        (None, None),
    ] {
        let mut room = Switchroom::with(stands_in(verification));
        let leg = room.call(|call| {
            call.p_asserted_identity = one(asserted);
            call.extensions = extension.clone();
        });
        room.caller_hangs_up(leg);
        assert_eq!(room.records.last().unwrap().verification, expected);
    }
}

#[test]
fn a_full_trunk_answers_as_its_carrier_likes_it() {
    for (full, refusal) in
        [(Full::Busy, Refusal::Busy), (Full::Unavailable, Refusal::Unavailable { retry_after: None })]
    {
        // The first caller and the phone that is rung have both channels.
        let mut room = Switchroom::of(Habits { full, ..Habits::default() }, DANA, 2);
        room.call(|_| {});
        let leg = room.call(|call| call.from = party("+13125550144"));
        assert_eq!(room.refused, [(leg, refusal)]);
        assert!(room.because[0].contains("raise `channels`"), "{:?}", room.because);
    }
}

#[test]
fn a_person_is_called_as_the_trunk_wants_it() {
    let account = || "rivera".to_string();
    let named = |user: &str| format!("<sip:{user}@sip.example.com>");
    for (numbers, prefix, caller_id, to, from, extra) in [
        (
            NumberForm::PlusE164,
            "",
            CallerId::From,
            "sip:+13125550177@sip.example.com:5080",
            "+13125550100",
            vec![],
        ),
        (
            NumberForm::E164,
            "12345678*",
            CallerId::From,
            "sip:12345678*13125550177@sip.example.com:5080",
            "13125550100",
            vec![],
        ),
        (
            NumberForm::National,
            "9",
            CallerId::Asserted { account: account() },
            "sip:93125550177@sip.example.com:5080",
            "rivera",
            vec![(sip::Extra::PAssertedIdentity, named("3125550100"))],
        ),
        (
            NumberForm::LongDistance,
            "",
            CallerId::Preferred { account: account() },
            "sip:13125550177@sip.example.com:5080",
            "rivera",
            vec![(sip::Extra::PPreferredIdentity, named("13125550100"))],
        ),
    ] {
        let codecs = vec![Codec::Pcma, Codec::Pcmu];
        let prefix = prefix.to_string();
        let mut room = Switchroom::with(Habits { numbers, prefix, caller_id, codecs, ..Habits::default() });
        room.call(|_| {});
        let placed = room.placed.last().unwrap();
        assert_eq!(placed.target.to_string(), to);
        assert_eq!((placed.from.user.as_str(), placed.from.host.as_str()), (from, "sip.example.com"));
        assert_eq!(placed.extra, extra);
        assert!(placed.sdp.contains(" RTP/AVP 8 0 "), "A-law first: {}", placed.sdp);
    }
}

#[test]
fn an_extension_is_called_without_any_prefix() {
    let habits = Habits { prefix: "9".to_string(), ..Habits::default() };
    let mut room = Switchroom::of(habits, "101", 4);
    room.call(|_| {});
    assert_eq!(room.placed[0].target.to_string(), "sip:101@sip.example.com:5080");
}

#[test]
fn a_phone_may_send_its_call_on_to_people_of_ours_and_to_nobody_else() {
    let mut business = business(&[LINE], "101", 4);
    let reach = |to: &str, via: &str, accept| Reach { to: to.to_string(), via: via.to_string(), accept };
    let lee = vec![
        reach("102", "main", Accept::PickUp),
        reach("+13125550178", "main", Accept::PressOne),
        reach("103", "other", Accept::PickUp),
    ];
    business.people.insert("Lee".to_string(), Person { office: "main".to_string(), reach: lee });
    let mut room = Switchroom::answering(business, Habits::default());
    room.call(|_| {});
    // A cell whose voicemail may pick up stays one that must press 1, and a line of ours is nobody's phone.
    assert_eq!(room.followed, ["sip:102@sip.example.com:5080"]);
}

/// A call that comes back while Dana's cell rings for the first one; gives how it was refused, if it was.
fn comes_back(room: &mut Switchroom, changed: impl FnOnce(&mut Invitation)) -> Option<Refusal> {
    room.call(|_| {});
    assert_eq!(room.placed.len(), 1, "the cell rings");
    let leg = room.call(changed);
    room.refused.iter().find(|(refused, _)| *refused == leg).map(|(_, refusal)| refusal.clone())
}

#[test]
fn a_cell_that_forwards_back_to_us_is_busy_and_the_plan_goes_on() {
    let mut room = Switchroom::with(Habits::default());
    let refusal = comes_back(&mut room, |call| {
        call.from = party(LINE);
        call.diversion = one("<sip:+13125550177@192.0.2.2>;reason=no-answer");
    });
    assert_eq!(refusal, Some(Refusal::Busy));
    assert_eq!(room.begun.len(), 1, "never a new caller");
    assert!(room.because[0].contains("forwards its calls back"), "{:?}", room.because);
    // The carrier hands our refusal to the leg that rings.
    room.phone_refuses(Unanswered::Busy);
    room.caller_hangs_up(LegId(1));
    let record = room.records.last().unwrap();
    assert_eq!(record.steps[0].tried, [("Dana".to_string(), Tried::Busy)]);
    assert_eq!(record.steps[1].step, "message", "the caller is not left ringing: {:?}", record.steps);
}

#[test]
fn a_returning_call_is_known_by_any_of_its_traces() {
    let history = || {
        vec![
            "<sip:3125550177@192.0.2.2>;index=1".to_string(),
            "<sip:+13125550100@192.0.2.1;cause=408>;index=1.1".to_string(),
        ]
    };
    type Change = Box<dyn FnOnce(&mut Invitation)>;
    let traces: [(&str, Change); 6] = [
        ("our number as its caller, nothing else", Box::new(|call| call.from = party("13125550100"))),
        (
            "our number, to another of our lines",
            Box::new(|call| {
                call.from = party(LINE);
                call.request_user = SECOND_LINE.to_string();
            }),
        ),
        (
            "our number asserted",
            Box::new(|call| {
                call.from = party("anonymous");
                call.p_asserted_identity = one("<tel:+13125550100>");
            }),
        ),
        (
            "no caller, and the cell in Diversion",
            Box::new(|call| {
                call.from = party("anonymous");
                call.diversion = one("<tel:+13125550177>;reason=unconditional");
            }),
        ),
        (
            "no caller, and the cell in History-Info",
            Box::new(move |call| {
                call.from = party("anonymous");
                call.history_info = history();
            }),
        ),
        (
            "the cell as its caller and in Diversion",
            Box::new(|call| {
                call.from = party(DANA);
                call.diversion = one("<sip:+13125550177@192.0.2.2>;reason=user-busy");
            }),
        ),
    ];
    for (told, change) in traces {
        let mut room = Switchroom::with(Habits::default());
        assert_eq!(comes_back(&mut room, change), Some(Refusal::Busy), "{told}");
        assert_eq!(room.begun.len(), 1, "{told}");
    }
}

#[test]
fn an_extension_that_overflows_to_us_while_we_ring_it_is_busy() {
    let caller_id = CallerId::Asserted { account: "300".to_string() };
    let mut room = Switchroom::of(Habits { caller_id, ..Habits::default() }, "101", 4);
    let refusal = comes_back(&mut room, |call| {
        call.from = party("300");
        call.diversion = one("<sip:101@pbx.example.com>;reason=no-answer");
    });
    assert_eq!(refusal, Some(Refusal::Busy), "the telephone system shows our extension");
}

#[test]
fn somebody_else_who_reaches_us_by_way_of_that_cell_is_a_caller_of_their_own() {
    let mut room = Switchroom::with(Habits::default());
    let refusal = comes_back(&mut room, |call| {
        call.from = party("+13125550144");
        call.diversion = one("<sip:+13125550177@192.0.2.2>;reason=user-busy");
    });
    assert_eq!(refusal, None, "they dialled Dana while we ring her");
    assert_eq!(room.last(), (LINE, Some("+13125550144"), Some(DANA), Some(Diverted::Busy)));
}

#[test]
fn our_sound_faces_who_signals_or_whoever_speaks_if_that_is_another_address_family() {
    let mut room = Switchroom::of(Habits::default(), DANA, 64);
    let (ours, theirs) = ("[2001:db8::1]:5060", "[2001:db8::2]:5060");
    let over_six = |call: &mut Invitation| call.path = sip::Path::udp(address(ours), address(theirs));
    let describes = |offer: Option<String>, whom: &str| offer.map(|text| text.replace("IP4 192.0.2.2", whom));
    let mut faces = |changed: &dyn Fn(&mut Invitation)| {
        let before = room.opened.len();
        room.call(changed);
        let (bind, toward) = room.opened[before];
        format!("{bind} {toward}")
    };
    assert_eq!(faces(&over_six), "2001:db8::1 192.0.2.2");
    let both_six = |call: &mut Invitation| {
        over_six(call);
        call.offer = describes(call.offer.take(), "IP6 2001:db8::9");
    };
    assert_eq!(faces(&both_six), "2001:db8::1 2001:db8::2");
    let says_nothing = |call: &mut Invitation| {
        over_six(call);
        call.offer = None;
    };
    assert_eq!(faces(&says_nothing), "2001:db8::1 2001:db8::2");
    let elsewhere = |call: &mut Invitation| call.offer = describes(call.offer.take(), "IP4 198.51.100.7");
    assert_eq!(faces(&elsewhere), "192.0.2.1 192.0.2.2");
}

/// A desk whose plan has these rules, each of which rings Dana.
fn ruled(rules: &[When], channels: u32) -> Switchroom {
    let mut business = business(&[LINE], DANA, channels);
    let plan = business.plans.get_mut("people").unwrap();
    let steps = plan.rules[0].steps.clone();
    plan.rules = rules.iter().map(|when| Rule { when: *when, steps: steps.clone() }).collect();
    Switchroom::answering(business, Habits::default())
}

#[test]
fn while_everybody_of_the_office_talks_the_plan_knows() {
    let mut room = ruled(&[When::TeamBusy, When::Always], 8);
    let rule = |room: &Switchroom| room.begun.last().unwrap().rule;
    let first = room.call(|_| {});
    assert_eq!(rule(&room), When::Always);
    room.call(|_| {});
    assert_eq!(rule(&room), When::Always, "a phone that rings is not on a call yet");

    let dana = room.placed[0].leg;
    let sdp = room.placed[0].sdp.clone();
    room.tell(Event::Sip(Notice::Answered { leg: dana, sdp }));
    room.call(|_| {});
    assert_eq!(rule(&room), When::TeamBusy);
    assert!(
        room.begun.last().unwrap().arrival.busy_offices.contains("main"),
        "it is on record for whoever replays the call"
    );

    room.caller_hangs_up(first);
    room.call(|_| {});
    assert_eq!(rule(&room), When::Always, "Dana is free again");
}

#[test]
fn a_blocked_caller_is_turned_away_as_unwanted_and_on_record() {
    let mut business = business(&[LINE], DANA, 4);
    business.callers.insert(number(CALLER), KnownCaller::Blocked);
    let mut room = Switchroom::answering(business, Habits::default());
    let leg = room.call(|_| {});
    assert_eq!(room.refused, [(leg, Refusal::Unwanted)]);
    room.tell(Event::Sip(Notice::Released { leg }));
    assert_eq!((room.records[0].outcome, room.records[0].rule), (Outcome::Refused, When::Blocked));
    assert!(room.placed.is_empty(), "nobody was rung");
    room.call(|call| call.from = party("+13125550199"));
    assert_eq!(room.refused.len(), 1, "only those on the list");
}

#[test]
fn our_own_number_is_an_ordinary_caller_when_nobody_is_being_rung() {
    let mut room = Switchroom::with(Habits::default());
    room.call(|_| {});
    room.phone_refuses(Unanswered::Absent);
    room.call(|call| call.from = party(LINE));
    assert_eq!(room.refused, []);
    assert_eq!(room.begun.len(), 2);
}

/// What the user agent tells of a message.
fn traced(leg: LegId, sent: bool, method: &str, status: Option<u16>) -> Event {
    let trace = Trace {
        number: 1,
        sent,
        method: method.to_string(),
        reply: status.map(|status| (status, "Whatever".to_string())),
        cseq: 1,
        transport: Transport::Udp,
        far: address("192.0.2.2:5060"),
        says: Vec::new(),
        described: None,
        carries: None,
    };
    Event::Sip(Notice::Traced { leg, trace: Box::new(trace) })
}

#[test]
fn what_is_said_on_each_leg_is_written_down_with_whose_leg_it_is_until_the_leg_is_gone() {
    let mut room = Switchroom::with(Habits::default());
    let caller = room.call(|_| ());
    let dana = room.placed[0].leg;
    room.tell(traced(caller, false, "INVITE", None));
    room.tell(traced(dana, true, "INVITE", None));
    room.caller_hangs_up(caller);
    room.tell(traced(caller, true, "BYE", Some(200)));
    let repeated = vec![Repeated { number: 1, times: 3, over: Duration::from_millis(1_500) }];
    room.tell(Event::Sip(Notice::Repeated { leg: dana, repeated, left_out: 2 }));
    room.tell(Event::Sip(Notice::Released { leg: dana }));
    room.tell(traced(dana, true, "INVITE", None));
    let shown: Vec<String> = room
        .signals
        .iter()
        .map(|(signal, is_late)| {
            let said = match &signal.said {
                Said::Message(message) => message.method.clone(),
                Said::Again { times, over_ms, .. } => format!("x{times} in {over_ms} ms"),
                Said::LeftOut { messages } => format!("{messages} more"),
            };
            format!("{:?} {} {} {said} {is_late}", signal.side, signal.name, signal.leg)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "Caller main in-1 INVITE false",
            "Person Dana out-1 INVITE false",
            "Caller main in-1 BYE true",
            "Person Dana out-1 x3 in 1500 ms true",
            "Person Dana out-1 2 more true",
        ]
    );
}

#[test]
fn a_call_without_a_sound_format_in_common_is_written_down_with_those_that_there_are() {
    let mut room = Switchroom::with(Habits::default());
    let leg = room.call(|call| {
        let offer = call.offer.take().unwrap();
        call.offer = Some(offer.replace("RTP/AVP 0 8 101", "RTP/AVP 18"));
    });
    assert_eq!(room.refused, [(leg, Refusal::NotAcceptable)]);
    room.tell(traced(leg, true, "INVITE", Some(488)));
    let (signal, is_late) = room.signals.pop().unwrap();
    let Said::Message(message) = signal.said else { panic!("{signal:?}") };
    assert_eq!(
        (message.we_have, signal.side, is_late),
        (vec!["PCMU".to_string(), "PCMA".to_string()], Side::Caller, true)
    );
}

#[test]
fn a_caller_who_never_says_where_their_sound_is_is_hung_up_on_and_called_back() {
    for answer in [None, Some("v=0\r\n".to_string())] {
        let mut room = Switchroom::with(Habits::default());
        let leg = room.call(|call| call.offer = None);
        room.phone_refuses(Unanswered::Busy);
        room.tell(Event::Sip(Notice::Confirmed { leg, sdp: answer }));
        assert!(matches!(&room.orders[..], [.., Order::HangUp { leg: hung_up, .. }] if *hung_up == leg));
        let record = &room.records[0];
        assert_eq!((record.outcome, record.ended_by), (Outcome::Callback, EndedBy::Line));
        assert_eq!(record.troubles, ["no sound format or socket was to be had for this call"]);
    }
}
