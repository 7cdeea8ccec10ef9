//! Published vectors, vectors computed with another library, and the rules of trying again.

use super::*;
use crate::message::parse;

const GET: Proved<'static> = Proved { method: "GET", uri: "/dir/index.html", body: "" };
const REGISTER: Proved<'static> = Proved { method: "REGISTER", uri: "sip:sip.example.com", body: "v=0\r\n" };

fn login(username: &str, password: &str, realm: Option<&str>) -> Login {
    let realm = realm.map(str::to_owned);
    Login::new(Credentials { username: username.into(), password: Password::new(password), realm })
}

fn refusal(status: u16, lines: &[&str]) -> Message {
    let name = if status == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
    let lines: Vec<_> = lines.iter().map(|line| format!("{name}: {line}\r\n")).collect();
    parse(format!("SIP/2.0 {status} Who\r\n{}\r\n", lines.concat()).as_bytes()).expect("framed")
}

/// One parameter of the only answer given, without its quotes.
fn part(answers: &[(&'static str, String)], name: &str) -> String {
    assert_eq!(answers.len(), 1, "{answers:?}");
    let (_, list) = answers[0].1.split_once(' ').expect("a scheme");
    crate::grammar::list(list)
        .filter_map(|one| one.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| crate::grammar::unquote(value))
        .unwrap_or_default()
}

fn answer(
    login: &mut Login,
    challenge: &str,
    request: Proved<'_>,
    cnonce: &str,
) -> Vec<(&'static str, String)> {
    let mut attempt = Attempt::default();
    assert_eq!(login.challenged(&mut attempt, &refusal(401, &[challenge])), Ok(()));
    login.prove(&mut attempt, request, cnonce)
}

#[test]
fn the_examples_of_rfc_7616_and_rfc_2617_come_out_as_printed() {
    let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let challenge = format!(
            r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="{nonce}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
        );
        let answers = answer(&mut login("Mufasa", "Circle of Life", None), &challenge, GET, cnonce);
        assert_eq!(part(&answers, "response"), response);
        assert_eq!(part(&answers, "opaque"), "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS");
        assert_eq!((part(&answers, "qop"), part(&answers, "nc")), ("auth".into(), "00000001".into()));
    }
    let challenge = r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093""#;
    let answers = answer(&mut login("Mufasa", "Circle Of Life", None), challenge, GET, "0a4f113b");
    assert_eq!(part(&answers, "response"), "6629fae49393a05397450978507c4ef1");
    assert_eq!(part(&answers, "algorithm"), "", "what was not named is not named back");
}

/// RFC 7616 section 3.9.2 with the values of its erratum 4897: the printed ones were made with another hash.
#[test]
fn a_name_may_be_hidden_and_need_not_be_ascii() {
    let challenge = r#"Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", charset=UTF-8, userhash=true"#;
    let request = Proved { uri: "/doe.json", ..GET };
    let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
    let answers = answer(&mut login("Jäsøn Doe", "Secret, or not?", None), challenge, request, cnonce);
    let response = "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5";
    let username = "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b";
    assert_eq!(
        (part(&answers, "response").as_str(), part(&answers, "username").as_str()),
        (response, username)
    );
    assert_eq!(part(&answers, "userhash"), "true");
}

/// Every algorithm with every protection; computed with Python's hashlib.
#[test]
fn every_way_of_asking_is_answered_as_another_library_does() {
    for (algorithm, qop, response) in [
        ("MD5", "", "c5039be3cdf12740838ba005ff41fff4"),
        ("md5", "auth", "3bc51542d8e0de3af06606fe8e0dbe9b"),
        ("MD5", "auth-int", "03f4fc6b08f62c662577c213bcb78d02"),
        ("MD5-sess", "auth", "0c6a6c1bc11cd6fb2d18a2f41ff233cd"),
        ("MD5-sess", "auth-int", "0eabeda60bb84e865c0f912624530af7"),
        ("SHA-256", "", "641602a643f6fa845ad290f965b96c18b0fccb144059112fcb3b44006fe84416"),
        ("SHA-256", "auth", "7ec595fce0cf2479252f5f6f2c0166500029792ccea614af5540dd133d95ff01"),
        ("SHA-256", "auth-int", "f8c0528c740225a83b7c1ce85769468d274537c6fd632d894258674319bfb6ca"),
        ("SHA-256-sess", "auth", "2e0907525a2a2682a9422364c21ed30c4f34963807752af34c44fe847d06b3d8"),
        ("SHA-512-256", "", "b40041ce80807d745a7a07ac13971644950de82525a72260857f5e72147e1d9c"),
        ("SHA-512-256", "auth", "6cbb05f0e58bd3526a49afc341e36409be4517abb1a2c87ad626513380ba6005"),
        ("SHA-512-256", "auth-int", "abb2336694a5d65110a4cc9d5cd94cbda835cbc0a1c7e9f5464a6e9a00b01d28"),
        ("SHA-512-256-sess", "auth", "ae0465ab378426c81ff7da96c296650c1a5869e951748fa71674f8f43e13afb4"),
    ] {
        let challenge =
            format!(r#"Digest realm="sip.example.com", nonce="abc=/+", qop="{qop}", algorithm={algorithm}"#);
        let mut login = login("rivera", r#"pass "word""#, None);
        let mut attempt = Attempt::default();
        login.challenged(&mut attempt, &refusal(401, &[&challenge])).expect("answered");
        // The vectors are those of the tenth use of the nonce.
        login.held[0].count = 9;
        let answers = login.prove(&mut attempt, REGISTER, "c0ffee");
        assert_eq!(part(&answers, "response"), response, "{algorithm} {qop}");
        assert_eq!(part(&answers, "nc"), if qop.is_empty() { "" } else { "0000000a" });
        assert_eq!(part(&answers, "algorithm"), algorithm);
    }
}

#[test]
fn of_several_challenges_the_strongest_understood_is_taken() {
    let challenge =
        |algorithm: &str| format!(r#"Digest realm="r", nonce="{algorithm}", algorithm={algorithm}"#);
    for (offered, taken) in [
        (vec!["MD5", "SHA-256", "SHA-512-256"], "SHA-512-256"),
        (vec!["SHA-512-256", "SHA-256", "MD5"], "SHA-512-256"),
        (vec!["AKAv2-SHA-256", "MD5"], "MD5"),
        (vec!["SHA-512", "MD5", "SHA-256-sess"], "SHA-256-sess"),
    ] {
        let lines: Vec<_> = offered.iter().map(|name| challenge(name)).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        for lines in [lines.clone(), vec![&*lines.join(", ")]] {
            let (mut login, mut attempt) = (login("u", "p", None), Attempt::default());
            login.challenged(&mut attempt, &refusal(401, &lines)).expect("answered");
            let answers = login.prove(&mut attempt, REGISTER, "c");
            assert_eq!(part(&answers, "nonce"), taken, "{offered:?}");
        }
    }
}

#[test]
fn a_nonce_is_counted_each_time_it_is_used_and_a_new_one_starts_again() {
    let mut login = login("u", "p", None);
    let first = answer(&mut login, r#"Digest realm="r", nonce="1", qop="auth""#, REGISTER, "a");
    assert_eq!((part(&first, "nc"), part(&first, "cnonce")), ("00000001".into(), "a".into()));
    let second = login.prove(&mut Attempt::default(), REGISTER, "b");
    assert_eq!((part(&second, "nc"), part(&second, "cnonce")), ("00000002".into(), "b".into()));
    let third = answer(&mut login, r#"Digest realm="r", nonce="2", qop="auth""#, REGISTER, "c");
    assert_eq!(part(&third, "nc"), "00000001");
}

#[test]
fn a_wrong_password_is_never_tried_in_a_loop() {
    let again = |nonce: &str, stale: bool| format!(r#"Digest realm="r", nonce="{nonce}", stale={stale}"#);
    // Each row: what the far end says after our answer to nonce 1, and whether we answer that.
    for (then, answered) in [
        (vec![("1", false)], vec![false]),
        (vec![("1", true)], vec![false]),
        (vec![("2", false)], vec![false]),
        (vec![("2", true), ("3", true)], vec![true, false]),
        (vec![("2", true), ("2", true)], vec![true, false]),
        (vec![("2", true), ("3", false)], vec![true, false]),
    ] {
        let (mut login, mut attempt) = (login("u", "p", None), Attempt::default());
        login.challenged(&mut attempt, &refusal(401, &[&again("1", false)])).expect("the first is answered");
        login.prove(&mut attempt, REGISTER, "c");
        for ((nonce, stale), answered) in then.iter().zip(answered) {
            let outcome = login.challenged(&mut attempt, &refusal(401, &[&again(nonce, *stale)]));
            assert_eq!(outcome, if answered { Ok(()) } else { Err(Denied::Refused) }, "{then:?} {nonce}");
            login.prove(&mut attempt, REGISTER, "c");
        }
    }
}

#[test]
fn what_was_sent_before_it_was_asked_for_may_be_outdated_without_a_word() {
    let mut login = login("u", "p", None);
    answer(&mut login, r#"Digest realm="r", nonce="1""#, REGISTER, "c");
    for (nonce, outcome) in [("2", Ok(())), ("2", Err(Denied::Refused))] {
        let mut attempt = Attempt::default();
        assert_eq!(login.prove(&mut attempt, REGISTER, "c").len(), 1);
        let challenge = format!(r#"Digest realm="r", nonce="{nonce}""#);
        assert_eq!(login.challenged(&mut attempt, &refusal(401, &[&challenge])), outcome);
    }
    assert!(
        login.prove(&mut Attempt::default(), REGISTER, "c").is_empty(),
        "what was refused is not sent again"
    );
}

#[test]
fn a_proxy_and_a_registrar_are_both_answered() {
    let (mut login, mut attempt) = (login("u", "p", None), Attempt::default());
    let challenge = |realm: &str| format!(r#"Digest realm="{realm}", nonce="n""#);
    for (status, realm) in [(407, "proxy"), (401, "registrar")] {
        login.challenged(&mut attempt, &refusal(status, &[&challenge(realm)])).expect("answered");
    }
    let names: Vec<_> = login.prove(&mut attempt, REGISTER, "c").iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["Proxy-Authorization", "Authorization"]);
    for realm in ["3", "4"] {
        login.challenged(&mut attempt, &refusal(407, &[&challenge(realm)])).expect("answered");
    }
    assert_eq!(login.challenged(&mut attempt, &refusal(407, &[&challenge("5")])), Err(Denied::Unknown));
}

#[test]
fn a_realm_that_is_not_the_trunks_gets_no_answer() {
    let challenge = |realm: &str| format!(r#"Digest realm="{realm}", nonce="n""#);
    let (mut login, mut attempt) = (login("u", "p", Some("sip.example.com")), Attempt::default());
    let asked = login.challenged(&mut attempt, &refusal(401, &[&challenge("evil.example")]));
    assert_eq!(asked, Err(Denied::OtherRealm { asked: "evil.example".into() }));
    let both = [challenge("evil.example"), challenge("SIP.example.com")];
    let both: Vec<_> = both.iter().map(String::as_str).collect();
    login.challenged(&mut attempt, &refusal(401, &both)).expect("ours is among them");
    let answers = login.prove(&mut attempt, REGISTER, "c");
    assert_eq!(part(&answers, "realm"), "SIP.example.com", "the realm is given back as it was written");
}

#[test]
fn a_refusal_that_asks_for_nothing_we_know_says_so() {
    for lines in [vec![], vec![r#"Basic realm="r""#], vec![r#"Digest realm="r", nonce="n", algorithm=TOKEN"#]]
    {
        let outcome = login("u", "p", None).challenged(&mut Attempt::default(), &refusal(401, &lines));
        assert_eq!(outcome, Err(Denied::Unknown), "{lines:?}");
    }
}

#[test]
fn a_password_is_not_printed() {
    let login = login("rivera", "hunter2", None);
    assert!(!format!("{login:?}").contains("hunter2"));
    assert!(format!("{login:?}").contains("rivera"));
}

#[test]
fn mangled_challenges_never_break_a_line_or_a_quote() {
    const PIECES: [&str; 16] = [
        "\"", "\\", ",", "=", " ", "\t", "Digest ", "realm=", "nonce=\"", "\\\"", "é", "<", ">", ";",
        "\u{1}", "qop=",
    ];
    let sound = r#"Digest realm="Rivera \"East\"", nonce="abc", opaque="o\\", algorithm=SHA-256, qop="auth,auth-int", stale=true, Digest realm="b", nonce="x""#;
    let mut chance = crate::tokens::Tokens::new([3, 5]);
    let mut answered = 0;
    for _ in 0..20_000 {
        let mut text: Vec<char> = sound.chars().collect();
        for _ in 0..1 + chance.number() % 3 {
            let at = (chance.number() % (text.len() as u64 + 1)) as usize;
            let end = (at + (chance.number() % 12) as usize).min(text.len());
            match chance.number() % 3 {
                0 => drop(text.drain(at..end)),
                1 => drop(text.splice(at..at, PIECES[(chance.number() % 16) as usize].chars())),
                _ => text.extend_from_within(at..end),
            }
        }
        let text: String = text.into_iter().collect();
        let (mut login, mut attempt) = (login("u", "p", None), Attempt::default());
        if login.challenged(&mut attempt, &refusal(401, &[&text])).is_err() {
            continue;
        }
        answered += 1;
        for (_, value) in login.prove(&mut attempt, REGISTER, "c") {
            assert!(!value.contains(|char: char| char.is_control() && char != '\t'), "{text:?} -> {value:?}");
            assert!(crate::grammar::quotes_close(&value), "{text:?} -> {value:?}");
            let told = parse(format!("SIP/2.0 401 X\r\nWWW-Authenticate: {value}\r\n\r\n").as_bytes())
                .expect("framed");
            let (read, unusable) = challenge::read(&told, Name::WwwAuthenticate);
            assert_eq!((read.len(), unusable), (1, 0), "our answer reads as one: {value:?}");
        }
    }
    assert!((5_000..19_900).contains(&answered), "the mutations hurt, and not always: {answered}");
}
