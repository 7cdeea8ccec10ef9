//! Registering at a trunk: what each answer leads to, and when.

use std::time::Duration;

use sip::{
    Account, Action, Agent, Credentials, Event, LegId, Notice, Order, Password, Path, Registrar,
    Registration, RegistrationState as State, Setup, contact_user,
};

use crate::stage::*;

/// Where the registrar is: no peer of ours.
const REGISTRAR: &str = "198.51.100.20:5062";
/// Its second server.
const SECOND: &str = "198.51.100.21:5060";

fn registrar() -> Registrar {
    Registrar {
        name: "carrier".into(),
        registrar: "sip.carrier.example".into(),
        user: "100".into(),
        domain: "carrier.example".into(),
        proxy: None,
        paths: vec![Path::udp(address(HERE), address(REGISTRAR))],
        contact_user: contact_user([1, 2], "carrier"),
        expires: Duration::from_secs(3_600),
        keep_alive: None,
    }
}

fn register(desk: &mut Desk, registrar: Registrar) -> String {
    desk.order(Order::Register(Box::new(registrar)));
    desk.sent().pop().expect("the REGISTER")
}

fn leave(desk: &mut Desk) {
    desk.order(Order::Unregister { name: "carrier".into() });
}

/// A reply of the registrar with further header lines.
fn answers(request: &str, status: u16, lines: &[&str]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| format!("{line}\r\n")).collect();
    reply(request, status, "r1", "").replace("Contact: <sip:dana@198.51.100.20:5062>\r\n", &lines.concat())
}

/// 200 that lists our Contact for so long.
fn accepts(request: &str, expires: u64) -> String {
    let contact = header(request, "Contact").split(';').next().unwrap_or("").to_owned();
    answers(request, 200, &[&format!("Contact: {contact};expires={expires}")])
}

fn hear(desk: &mut Desk, text: &str) {
    desk.hear_from(REGISTRAR, text);
}

fn told(desk: &mut Desk) -> Registration {
    match desk.told().pop() {
        Some(Notice::Registration(told)) => *told,
        other => panic!("a registration was to be told, not {other:?}"),
    }
}

/// Lets time pass until the next request, and gives it with the time that went by.
fn next(desk: &mut Desk, within: Duration) -> Option<(Duration, String)> {
    let begin = desk.now;
    while desk.now < begin + within {
        let step = desk.agent.poll_deadline().map_or(within, |deadline| deadline.at.saturating_sub(desk.now));
        desk.pass(step.min(begin + within - desk.now));
        if let Some(text) = desk.sent().pop() {
            return Some((desk.now - begin, text));
        }
        if step >= within {
            break;
        }
    }
    None
}

#[test]
fn the_desk_registers_renews_and_leaves() {
    let mut desk = Desk::new();
    let first = register(&mut desk, registrar());
    assert!(first.starts_with("REGISTER sip:sip.carrier.example SIP/2.0\r\n"), "{first}");
    assert_eq!(header(&first, "To"), "<sip:100@carrier.example>");
    assert!(header(&first, "From").starts_with("<sip:100@carrier.example>;tag="));
    let user = contact_user([1, 2], "carrier");
    assert_eq!(header(&first, "Contact"), format!("<sip:{user}@203.0.113.5:5060>;expires=3600"));
    assert_eq!((header(&first, "CSeq").as_str(), header(&first, "Expires").as_str()), ("1 REGISTER", "3600"));
    assert_eq!(header(&first, "Supported"), "path");
    hear(&mut desk, &accepts(&first, 600));
    let now = told(&mut desk);
    assert_eq!((now.state, now.status, now.reason.as_str()), (State::Registered, Some(200), ""));
    assert_eq!(now.until, Some(seconds(600.0)));
    let (after, second) = next(&mut desk, seconds(600.0)).expect("renewed");
    assert_eq!(Some(after), now.next_try, "when it was said");
    assert!((450.0..=510.0).contains(&after.as_secs_f64()), "{after:?}");
    for same in ["Call-ID", "From", "Contact"] {
        assert_eq!(header(&second, same), header(&first, same), "{same}");
    }
    assert_eq!(header(&second, "CSeq"), "2 REGISTER");
    hear(&mut desk, &accepts(&second, 600));
    assert!(desk.told().is_empty(), "nothing changed");
    assert!(!desk.agent.is_over());
    leave(&mut desk);
    let last = desk.sent().pop().unwrap();
    assert_eq!(header(&last, "Contact"), format!("<sip:{user}@203.0.113.5:5060>;expires=0"));
    assert_eq!(header(&last, "Expires"), "0");
    hear(&mut desk, &answers(&last, 200, &[]));
    let gone = told(&mut desk);
    assert_eq!((gone.state, gone.reason.as_str(), gone.until), (State::Unregistered, "", None));
    assert!(desk.agent.is_over());
    desk.pass(seconds(33.0));
    assert_eq!(desk.agent.counts(), Default::default());
}

#[test]
fn edge_proxies_may_stand_between() {
    let mut desk = Desk::new();
    let request = register(&mut desk, registrar());
    assert_eq!(header(&request, "Supported"), "path");
    let path = "Path: <sip:edge1.carrier.example;lr>, <sip:edge2.carrier.example;lr>";
    hear(&mut desk, &answers(&request, 200, &[&format!("{}\r\n{path}", contact_line(&request))]));
    assert_eq!(told(&mut desk).state, State::Registered);
    let (_, renewed) = next(&mut desk, seconds(3_600.0)).expect("renewed");
    assert_eq!(header(&renewed, "Route"), "", "a Path is how others reach us, not how we reach them");
}

fn contact_line(request: &str) -> String {
    format!("Contact: {}", header(request, "Contact"))
}

#[test]
fn user_domain_registrar_and_proxy_are_each_their_own() {
    let mut desk = Desk::new();
    accounts(&mut desk);
    let proxy = Some("sip:edge.carrier.example:5090".parse().expect("a URI"));
    let request = register(&mut desk, Registrar { proxy, ..registrar() });
    assert!(request.starts_with("REGISTER sip:sip.carrier.example SIP/2.0\r\n"), "the registrar: {request}");
    assert_eq!(header(&request, "To"), "<sip:100@carrier.example>", "user and domain");
    assert_eq!(header(&request, "Route"), "<sip:edge.carrier.example:5090;lr>", "the proxy");
    hear(&mut desk, &asks(&request, "n1", ""));
    let proved = desk.sent().pop().expect("at once");
    assert!(header(&proved, "Authorization").contains("username=\"auth-100\""), "who proves it");
}

/// What comes back, what becomes of it, and between which times the next REGISTER goes out.
#[test]
fn each_answer_leads_to_its_state_and_to_the_next_try_in_its_time() {
    let unbound = |status, state, least, most| (status, vec![], state, least, most);
    let table: Vec<(u16, Vec<&str>, State, f64, f64)> = vec![
        (200, vec!["Contact: <sip:CU@203.0.113.5:5060>;expires=1200"], State::Registered, 900.0, 1_020.0),
        (200, vec!["Contact: <sip:CU@203.0.113.5:5060>;expires=60"], State::Registered, 30.0, 30.0),
        (200, vec!["Contact: <sip:CU@203.0.113.5:5060>", "Expires: 120"], State::Registered, 90.0, 102.0),
        (
            200,
            vec!["Contact: <sip:other@h>;expires=5, <sip:CU@203.0.113.5>;expires=60"],
            State::Registered,
            30.0,
            30.0,
        ),
        (200, vec!["Contact: <sip:CU@10.0.0.9:4711>;expires=60"], State::Registered, 30.0, 30.0),
        (200, vec!["Expires: 60"], State::Registered, 30.0, 30.0),
        (200, vec![], State::Registered, 2_700.0, 3_060.0),
        (200, vec!["Contact: <sip:CU@203.0.113.5:5060>;expires=1"], State::Registered, 2.0, 2.0),
        (200, vec!["Contact: <sip:CU@203.0.113.5:5060>;expires=0"], State::Interrupted, 2.0, 4.4),
        (200, vec!["Expires: 99999999"], State::Registered, 64_800.0, 73_440.0),
        (503, vec!["Retry-After: 30"], State::Interrupted, 30.0, 30.0),
        (503, vec!["Retry-After: 1800 (maintenance)"], State::Interrupted, 1_800.0, 1_800.0),
        (503, vec!["Retry-After: 0"], State::Interrupted, 2.0, 2.0),
        unbound(503, State::Interrupted, 2.0, 4.4),
        unbound(500, State::Interrupted, 2.0, 4.4),
        unbound(504, State::Interrupted, 2.0, 4.4),
        unbound(408, State::Interrupted, 2.0, 4.4),
        unbound(480, State::Interrupted, 2.0, 4.4),
        unbound(403, State::Refused, 60.0, 66.0),
        (403, vec!["Retry-After: 300"], State::Refused, 300.0, 300.0),
        unbound(404, State::Refused, 60.0, 66.0),
        unbound(401, State::Refused, 60.0, 66.0),
        unbound(407, State::Refused, 60.0, 66.0),
        unbound(302, State::Refused, 60.0, 66.0),
        unbound(501, State::Refused, 60.0, 66.0),
        unbound(603, State::Refused, 60.0, 66.0),
        unbound(423, State::Refused, 60.0, 66.0),
        (423, vec!["Min-Expires: 60"], State::Refused, 60.0, 66.0),
        (423, vec!["Min-Expires: 4000000000"], State::Refused, 60.0, 66.0),
    ];
    for seed in 1..20 {
        for (status, lines, state, least, most) in &table {
            let mut desk = Desk::new();
            desk.agent = Agent::new(setup(), [seed, 9]);
            let request = register(&mut desk, registrar());
            let text = answers(&request, *status, lines).replace("CU", &registrar().contact_user);
            hear(&mut desk, &text);
            let told = told(&mut desk);
            let row = format!("{status} {lines:?}: {told:?}");
            assert_eq!((told.state, told.status), (*state, Some(*status)), "{row}");
            assert_eq!(told.reason.is_empty(), *state == State::Registered, "{row}");
            let (after, _) = next(&mut desk, seconds(100_000.0)).expect("another try");
            assert!((*least..=*most).contains(&after.as_secs_f64()), "{row} after {after:?}");
            assert_eq!(told.next_try, Some(after), "{row}");
        }
    }
}

#[test]
fn a_registrar_that_wants_a_longer_time_gets_it_at_once() {
    let mut desk = Desk::new();
    let request = register(&mut desk, registrar());
    hear(&mut desk, &answers(&request, 423, &["Min-Expires: 7200"]));
    let longer = desk.sent().pop().expect("at once");
    assert_eq!(
        (header(&longer, "Expires").as_str(), header(&longer, "CSeq").as_str()),
        ("7200", "2 REGISTER")
    );
    assert!(header(&longer, "Contact").ends_with(";expires=7200"));
    assert!(desk.told().is_empty());
    hear(&mut desk, &answers(&longer, 423, &["Min-Expires: 9000"]));
    assert!(desk.sent().is_empty(), "but not without end");
    assert_eq!(told(&mut desk).state, State::Refused);
}

fn accounts(desk: &mut Desk) {
    let password = Password::new("secret");
    let credentials = Credentials { username: "auth-100".into(), password, realm: None };
    desk.order(Order::ReplaceAccounts(vec![Account { name: "carrier".into(), credentials }]));
}

fn asks(request: &str, nonce: &str, more: &str) -> String {
    let line = format!("WWW-Authenticate: Digest realm=\"carrier\", nonce=\"{nonce}\", qop=\"auth\"{more}");
    answers(request, 401, &[&line])
}

#[test]
fn a_password_is_given_and_the_next_time_without_being_asked() {
    let mut desk = Desk::new();
    accounts(&mut desk);
    let request = register(&mut desk, registrar());
    hear(&mut desk, &asks(&request, "n1", ""));
    let proved = desk.sent().pop().expect("at once");
    assert_eq!(header(&proved, "CSeq"), "2 REGISTER");
    assert!(header(&proved, "Authorization").contains("username=\"auth-100\""));
    assert!(header(&proved, "Authorization").contains("uri=\"sip:sip.carrier.example\""));
    hear(&mut desk, &accepts(&proved, 60));
    assert_eq!(told(&mut desk).state, State::Registered);
    let (_, renewed) = next(&mut desk, seconds(60.0)).unwrap();
    assert!(header(&renewed, "Authorization").contains("nc=00000002"));
    hear(&mut desk, &asks(&renewed, "n2", ", stale=true"));
    let again = desk.sent().pop().expect("a stale nonce is no wrong password");
    assert!(header(&again, "Authorization").contains("nonce=\"n2\""));
    hear(&mut desk, &accepts(&again, 60));
    assert!(desk.told().is_empty());
}

#[test]
fn a_wrong_password_is_alarmed_and_tried_so_rarely_that_no_account_is_locked() {
    let mut desk = Desk::new();
    accounts(&mut desk);
    let mut request = register(&mut desk, registrar());
    let mut refusals = Vec::new();
    while desk.now < Duration::from_secs(24 * 3_600) {
        hear(&mut desk, &asks(&request, &format!("{}a", refusals.len()), ""));
        let proved = desk.sent().pop().expect("an answer to the challenge");
        hear(&mut desk, &asks(&proved, &format!("{}b", refusals.len()), ""));
        assert!(desk.sent().is_empty(), "the wrong password is not tried twice");
        let told = told(&mut desk);
        assert_eq!((told.state, told.status), (State::Refused, Some(401)));
        assert!(told.reason.contains("password was refused"), "{}", told.reason);
        refusals.push(desk.now);
        request = next(&mut desk, seconds(4_000.0)).expect("another try").1;
    }
    let within =
        |from: &Duration| refusals.iter().filter(|at| *at >= from && **at < *from + seconds(600.0)).count();
    assert_eq!(refusals.iter().map(within).max(), Some(3), "in any ten minutes");
    assert!((24..=30).contains(&refusals.len()), "a day: {}", refusals.len());
}

/// A registrar that is away from the start and comes back after each of many times.
#[test]
fn a_registrar_that_is_back_within_a_minute_has_us_within_five_seconds() {
    for refuses in [false, true] {
        for away in 0..120 {
            let away = seconds(f64::from(away) / 2.0);
            let mut desk = Desk::new();
            desk.agent = Agent::new(setup(), [away.as_millis() as u64, 9]);
            let mut open = vec![register(&mut desk, registrar())];
            let mut tries = vec![];
            loop {
                let back = desk.now >= away;
                for request in open.drain(..) {
                    let branch = header(&request, "Via");
                    if tries.last().is_none_or(|(_, last)| *last != branch) {
                        tries.push((desk.now, branch));
                    }
                    if back {
                        hear(&mut desk, &accepts(&request, 600));
                    } else if refuses {
                        hear(&mut desk, &answers(&request, 503, &[]));
                    }
                }
                let last = desk.told().pop();
                if matches!(last, Some(Notice::Registration(told)) if told.state == State::Registered) {
                    break;
                }
                assert!(
                    desk.now <= away + seconds(5.0),
                    "away {away:?}, 503 {refuses}: not yet at {:?}",
                    desk.now
                );
                desk.pass(Duration::from_millis(50));
                open = desk.sent();
            }
            assert!(tries.windows(2).all(|pair| pair[1].0 - pair[0].0 >= seconds(2.0)), "{tries:?}");
        }
    }
}

#[test]
fn a_registrar_that_stays_away_is_told_within_thirty_seconds_and_asked_about_once_a_minute() {
    let mut desk = Desk::new();
    register(&mut desk, registrar());
    desk.pass(seconds(29.0));
    let silent = told(&mut desk);
    assert_eq!((silent.state, silent.status, silent.until), (State::Interrupted, None, None));
    assert!(silent.reason.contains("does not answer"));
    let mut last = desk.now;
    let mut tries = 0;
    while desk.now < Duration::from_secs(3 * 3_600) {
        let (_, _) = next(&mut desk, seconds(600.0)).expect("a datagram");
        assert!(desk.now - last <= seconds(61.0), "a pause of {:?}", desk.now - last);
        last = desk.now;
        tries += 1;
    }
    assert!(tries < 3 * 3_600 / 8, "{tries} datagrams in three hours");
    leave(&mut desk);
    desk.pass(seconds(17.0));
    assert_eq!(desk.told().last().map(|told| matches!(told, Notice::Registration(told) if told.state == State::Unregistered && !told.reason.is_empty())), Some(true));
    assert!(desk.agent.is_over());
}

#[test]
fn a_renewal_that_fails_says_until_when_calls_still_come() {
    let mut desk = Desk::new();
    let request = register(&mut desk, registrar());
    hear(&mut desk, &accepts(&request, 600));
    told(&mut desk);
    let (_, renewal) = next(&mut desk, seconds(600.0)).unwrap();
    hear(&mut desk, &answers(&renewal, 503, &[]));
    let told = told(&mut desk);
    assert_eq!((told.state, told.until), (State::Interrupted, Some(seconds(600.0))));
}

#[test]
fn the_next_server_is_taken_when_one_fails_and_the_failed_one_is_spared() {
    let second = Path::udp(address(HERE), address(SECOND));
    for silent in [false, true] {
        let mut desk = Desk::new();
        let paths = vec![registrar().paths[0], second];
        let request = register(&mut desk, Registrar { paths, ..registrar() });
        if !silent {
            hear(&mut desk, &answers(&request, 503, &["Retry-After: 600"]));
        }
        let begin = desk.now;
        let path = loop {
            desk.pass(Duration::from_millis(100));
            if let Some((path, _)) =
                desk.sent_with_paths().into_iter().find(|(path, _)| path.remote == address(SECOND))
            {
                break path;
            }
            assert!(desk.now - begin < seconds(8.2));
        };
        assert_eq!(path, second);
        assert!(silent || desk.now - begin <= seconds(2.1));
        desk.told();
        // The second does not answer either: the first is asked again, but not before its Retry-After.
        desk.pass(seconds(60.0));
        let back = desk.sent_with_paths().iter().any(|(path, _)| path.remote == address(REGISTRAR));
        assert_eq!(back, silent);
    }
}

#[test]
fn a_registration_comes_back_to_the_first_server_and_stays_meanwhile_without_alarm() {
    let mut desk = Desk::new();
    let paths = vec![registrar().paths[0], Path::udp(address(HERE), address(SECOND))];
    let request = register(&mut desk, Registrar { paths, ..registrar() });
    hear(&mut desk, &answers(&request, 503, &[]));
    let (_, request) = next(&mut desk, seconds(10.0)).expect("the second server is tried");
    desk.hear_from(SECOND, &accepts(&request, 600));
    desk.told();
    let mut visited = Vec::new();
    for second in 0..3_600 {
        desk.pass(seconds(1.0));
        let serves = second > 1_200;
        for (path, request) in desk.sent_with_paths() {
            let first = path.remote == address(REGISTRAR);
            if visited.last() != Some(&first) {
                visited.push(first);
            }
            if serves || !first {
                desk.hear_from(&path.remote.to_string(), &accepts(&request, 600));
            }
        }
        assert!(serves || desk.told().is_empty(), "it stays registered, and nobody is alarmed");
    }
    assert_eq!(visited, [true, false, true], "looked at while it was away, and home once it served");
}

#[test]
fn another_address_is_registered_and_the_old_one_taken_back() {
    let mut desk = Desk::new();
    let request = register(&mut desk, registrar());
    hear(&mut desk, &accepts(&request, 600));
    desk.told();
    desk.pass(seconds(10.0));
    desk.order(Order::Advertise(vec![(address(HERE), address("203.0.113.77:5070"))]));
    let moved = desk.sent().pop().expect("at once");
    let user = registrar().contact_user;
    let contacts: Vec<_> = moved.lines().filter(|line| line.starts_with("Contact: ")).collect();
    let old = format!("Contact: <sip:{user}@203.0.113.5:5060>;expires=0");
    let new = format!("Contact: <sip:{user}@203.0.113.77:5070>;expires=3600");
    assert_eq!(contacts, [old.as_str(), new.as_str()]);
    hear(&mut desk, &answers(&moved, 200, &[&new]));
    desk.order(Order::Advertise(vec![(address(HERE), address("203.0.113.77:5070"))]));
    assert!(desk.sent().is_empty(), "nothing changed");
    let (_, renewed) = next(&mut desk, seconds(3_600.0)).unwrap();
    assert_eq!(renewed.matches("Contact: ").count(), 1);
}

#[test]
fn what_a_former_life_left_at_the_registrar_is_taken_back_once() {
    let mut desk = Desk::new();
    let request = register(&mut desk, registrar());
    let user = registrar().contact_user;
    let (ours, left) = (format!("<sip:{user}@203.0.113.5:5060>"), format!("<sip:{user}@203.0.113.99:5060>"));
    let both =
        format!("Contact: {left};expires=500, {ours};expires=600, <sip:desk-phone@198.51.100.9>;expires=70");
    hear(&mut desk, &answers(&request, 200, &[&both]));
    let (after, clean) = next(&mut desk, seconds(10.0)).expect("soon");
    assert_eq!(after, seconds(2.0));
    let contacts: Vec<_> = clean.lines().filter(|line| line.starts_with("Contact: ")).collect();
    assert_eq!(contacts, [format!("Contact: {left};expires=0"), format!("Contact: {ours};expires=3600")]);
    hear(&mut desk, &answers(&clean, 200, &[&both]));
    assert_eq!(next(&mut desk, seconds(100.0)), None, "a registrar that keeps it is left alone");
}

#[test]
fn the_registrar_tells_us_where_it_sees_us() {
    let mut desk = Desk::new();
    let request = register(&mut desk, registrar());
    let natted = accepts(&request, 60).replace(";rport", ";rport=40123;received=192.0.2.200");
    hear(&mut desk, &natted);
    assert_eq!(told(&mut desk).seen_as, Some(address("192.0.2.200:40123")));
}

#[test]
fn an_address_that_is_not_known_yet_is_waited_for() {
    let path = Path::udp(address("0.0.0.0:5060"), address(REGISTRAR));
    let mut desk = Desk::new();
    desk.order(Order::Register(Box::new(Registrar { paths: vec![path], ..registrar() })));
    assert!(desk.sent().is_empty());
    let told = told(&mut desk);
    assert!(told.state == State::Interrupted && told.reason.contains("sip.advertise"), "{told:?}");
    desk.pass(seconds(2.0));
    desk.order(Order::Advertise(vec![(path.local, address(HERE))]));
    assert_eq!(desk.said(), ["REGISTER"]);
}

#[test]
fn a_registrar_without_any_address_is_told_and_waited_for() {
    let mut desk = Desk::new();
    desk.order(Order::Register(Box::new(Registrar { paths: vec![], ..registrar() })));
    let nowhere = told(&mut desk);
    assert!(nowhere.state == State::Interrupted && nowhere.reason.contains("DNS"), "{nowhere:?}");
    desk.pass(seconds(100.0));
    desk.order(Order::Register(Box::new(registrar())));
    assert_eq!(desk.said(), ["REGISTER"]);
    desk.told();
    leave(&mut desk);
    desk.pass(seconds(60.0));
    assert!(desk.agent.is_over());
}

#[test]
fn orders_that_follow_each_other_do_not_hurry_the_registrar() {
    let mut desk = Desk::new();
    let first = register(&mut desk, registrar());
    for _ in 0..20 {
        desk.order(Order::Register(Box::new(registrar())));
        desk.pass(Duration::from_millis(50));
    }
    assert!(desk.sent().is_empty());
    hear(&mut desk, &accepts(&first, 600));
    assert!(desk.told().is_empty(), "an answer to what no longer counts");
    let (_, second) = next(&mut desk, seconds(5.0)).unwrap();
    assert_eq!(desk.now, seconds(2.0));
    assert_eq!(
        (header(&second, "CSeq").as_str(), header(&second, "Call-ID")),
        ("2 REGISTER", header(&first, "Call-ID"))
    );
}

/// An INVITE of the registrar for the Contact it knows.
fn invite_over(user: &str, call_id: &str) -> String {
    invite(call_id, OFFER)
        .replace("INVITE sip:+13125550100@203.0.113.5 ", &format!("INVITE sip:{user}@203.0.113.5:5060 "))
        .replace("To: <sip:+13125550100@203.0.113.5>", "To: <sip:+13125550142@carrier.example>")
}

fn invitation(desk: &mut Desk) -> Option<(LegId, String, String)> {
    desk.told().into_iter().find_map(|notice| match notice {
        Notice::Invited(call) => Some((call.leg, call.peer.to_string(), call.request_user.clone())),
        _ => None,
    })
}

#[test]
fn a_call_over_a_registration_is_known_as_its_own_and_no_other_gets_in() {
    let mut desk = Desk::new();
    let user = registrar().contact_user;
    hear(&mut desk, &invite_over(&user, "early"));
    assert!(desk.said().is_empty(), "before we registered the registrar is a stranger");
    let request = register(&mut desk, registrar());
    hear(&mut desk, &accepts(&request, 600));
    desk.told();
    hear(&mut desk, &invite_over("100", "wrong"));
    hear(&mut desk, &invite("wrong2", OFFER));
    desk.hear_from(STRANGER, &invite_over(&user, "elsewhere"));
    assert_eq!((desk.said(), invitation(&mut desk)), (vec![], None));
    let mut elsewhere = call(LegId::placed(1));
    elsewhere.path.remote = address(STRANGER);
    desk.order(Order::Call(Box::new(elsewhere)));
    assert_eq!(desk.said(), ["INVITE"]);
    desk.hear_from(STRANGER, &invite_over(&user, "whom-we-call"));
    assert_eq!((desk.said(), invitation(&mut desk)), (vec![], None));
    desk.order(Order::Cancel { leg: LegId::placed(1) });
    hear(&mut desk, &invite_over(&user, "right").replace("INVITE", "OPTIONS"));
    assert_eq!(desk.said(), ["200 OK"], "a registrar that asks whether we are there is told");
    hear(&mut desk, &invite_over(&user, "right"));
    let (leg, peer, dialled) = invitation(&mut desk).expect("the call");
    assert_eq!((peer.as_str(), dialled.as_str()), ("carrier", "+13125550142"));
    desk.order(Order::Answer { leg, sdp: ANSWER.into() });
    let answer = desk.sent().pop().unwrap();
    let ours = tag(&answer, "To");
    let again = |method: &str, cseq: u32| {
        inside(method, "right", cseq, &ours, "")
            .replace("To: <sip:+13125550100@203.0.113.5>", "To: <sip:+13125550142@carrier.example>")
    };
    hear(&mut desk, &again("ACK", 1));
    assert_eq!(desk.news(), ["Confirmed"]);
    hear(&mut desk, &again("BYE", 2));
    assert_eq!(desk.news(), ["Ended", "Released"]);
    desk.sent();
    hear(&mut desk, &invite_over(&user, "given-up"));
    hear(&mut desk, &invite_over(&user, "given-up").replace("INVITE", "CANCEL"));
    assert_eq!(desk.said(), ["100 Trying", "200 OK", "487 Request Terminated"]);
    assert_eq!(desk.news(), ["Invited", "Cancelled"]);
    let called = "P-Called-Party-ID: <sip:+13125550177@carrier.example>\r\nMax-Forwards";
    hear(&mut desk, &invite_over(&user, "called").replace("Max-Forwards", called));
    assert_eq!(invitation(&mut desk).map(|call| call.2).as_deref(), Some("+13125550177"));
}

#[test]
fn of_two_trunks_at_one_carrier_the_registration_tells_which_was_called() {
    let mut desk = Desk::new();
    let at_trunk = |name: &str| Registrar {
        name: name.into(),
        paths: vec![Path::udp(address(HERE), address(TRUNK))],
        contact_user: contact_user([1, 2], name),
        ..registrar()
    };
    for name in ["north", "south"] {
        let request = register(&mut desk, at_trunk(name));
        desk.hear(&accepts(&request, 600));
    }
    desk.told();
    for name in ["south", "north"] {
        desk.hear(&invite_over(&contact_user([1, 2], name), name));
        assert_eq!(invitation(&mut desk).map(|call| call.1).as_deref(), Some(name));
    }
    desk.hear(&invite("plain", OFFER));
    assert_eq!(
        invitation(&mut desk).map(|call| call.1).as_deref(),
        Some("trunk"),
        "also let in by its address"
    );
}

#[test]
fn a_call_placed_over_a_registration_takes_the_route_it_was_told() {
    for (line, routes) in [
        (
            "Service-Route: <sip:edge1.carrier.example;lr>, <sip:core.carrier.example;lr>",
            vec!["<sip:edge1.carrier.example;lr>", "<sip:core.carrier.example;lr>"],
        ),
        ("X-Nothing: 1", vec!["<sip:proxy.carrier.example:5090;lr>"]),
    ] {
        let mut desk = Desk::new();
        let proxy = Some("sip:proxy.carrier.example:5090".parse().unwrap());
        let request = register(&mut desk, Registrar { proxy, ..registrar() });
        assert_eq!(header(&request, "Route"), "<sip:proxy.carrier.example:5090;lr>");
        hear(&mut desk, &answers(&request, 200, &["Expires: 600", line]));
        let leg = LegId::placed(1);
        desk.order(Order::CallOver { account: "carrier".into(), call: Box::new(call(leg)) });
        let (path, invite) = desk.sent_with_paths().pop().unwrap();
        let sent: Vec<_> = invite.lines().filter_map(|line| line.strip_prefix("Route: ")).collect();
        assert_eq!(sent, routes);
        assert_eq!(path.remote, address(PHONE), "where the shell found the trunk");
    }
}

#[test]
fn routers_on_the_way_are_kept_open() {
    let mut desk = Desk::new();
    let keep_alive = Some(seconds(25.0));
    let request = register(&mut desk, Registrar { keep_alive, ..registrar() });
    hear(&mut desk, &accepts(&request, 3_600));
    let mut bare = 0;
    let end = seconds(101.0);
    while let Some(deadline) = desk.agent.poll_deadline().filter(|deadline| deadline.at <= end) {
        desk.agent.handle_deadline(deadline.at);
        while let Some(action) = desk.agent.poll_action() {
            if let Action::Send { path, bytes } = action {
                assert_eq!((path.remote, bytes.as_slice()), (address(REGISTRAR), b"\r\n\r\n".as_slice()));
                bare += 1;
            }
        }
    }
    assert_eq!(bare, 4);
    let pong = Event::Received { path: registrar().paths[0], bytes: b"\r\n".to_vec() };
    desk.agent.handle(pong, end);
    assert_eq!((desk.agent.poll_action(), desk.agent.counts().unreadable_packets), (None, 0));
}

#[test]
fn many_registrations_live_beside_each_other() {
    let mut desk = Desk::with(Setup { product: String::new(), ..setup() });
    let named = |number: u32| Registrar {
        name: format!("t{number}").into(),
        contact_user: contact_user([1, 2], &number.to_string()),
        ..registrar()
    };
    let requests: Vec<_> = (0..50).map(|number| register(&mut desk, named(number))).collect();
    for (number, request) in requests.iter().enumerate() {
        let text = if number % 2 == 0 { accepts(request, 600) } else { answers(request, 403, &[]) };
        hear(&mut desk, &text);
        let told = told(&mut desk);
        assert_eq!(told.name.as_ref(), format!("t{number}"));
        assert_eq!(told.state, if number % 2 == 0 { State::Registered } else { State::Refused });
    }
    for number in 0..50 {
        desk.order(Order::Unregister { name: format!("t{number}").into() });
        let request = desk.sent().pop();
        assert_eq!(request.is_some(), number % 2 == 0, "who was refused leaves without trying again");
        if let Some(request) = request {
            hear(&mut desk, &answers(&request, 200, &[]));
        }
        let gone = told(&mut desk);
        assert_eq!((gone.state, gone.reason.as_str()), (State::Unregistered, ""));
    }
    assert!(desk.agent.is_over());
    desk.pass(seconds(33.0));
    assert_eq!(desk.agent.counts(), Default::default());
}
