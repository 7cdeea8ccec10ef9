//! What an owner reads when a configuration is wrong: the exact sentence, the exact place, the exact exit code.
//!
//! Runs the program as an owner does. Each case is one change to a configuration that works.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A configuration that works; each case changes one thing in it. Every line is numbered by where it stands.
const WORKS: &str = r#"[business]
name = "Rivera Plumbing"
trade = "plumbing"
timezone = "America/Chicago"

[sip]
listen = ["udp:127.0.0.1:0"]
rtp_ports = "20000-29999"

[web]
listen = "127.0.0.1:0"

[[trunk]]
name = "main"
accept_from = ["192.0.2.10"]
channels = 4
outbound_proxy = "192.0.2.10"
without_us = "forwards to +13125550143"

[[office]]
name = "main"
hours = "Mo-Fr 08:00-17:00; PH off"

[[person]]
name = "Dana"
reach = [{ to = "101", via = "main" }]

[[rota]]
name = "on-call"
people = ["Dana"]

[[line]]
number = "+13125550100"
plan = "front-door"

[[plan]]
name = "front-door"
[[plan.rule]]
when = "always"
steps = ["assistant", { ring = "on-call", for = "25s" }, "message"]

[[assistant]]
name = "Robin"

[[calendar]]
name = "jobs"
visit = "2h"

[compliance]
keep = "90d"
"#;

/// What is written, what is written instead, and what is said about it.
#[rustfmt::skip]
const CASES: &[(&str, &str, &str)] = &[
    // Keys.
    ("accept_from", "accept_form", r#"desk.toml:15: trunk.accept_form: [[trunk]] has no key "accept_form"; did you mean "accept_from"?"#),
    ("visit =", "viist =", r#"desk.toml:47: calendar.viist: [[calendar]] has no key "viist"; did you mean "visit"?"#),
    ("[sip]", "[sipp]", r#"desk.toml:6: sipp: this file has no key "sipp"; did you mean "sip"?"#),
    ("[web]", "[web]\ncolour = 1", r#"desk.toml:11: web.colour: [web] has no key "colour"; known are "listen" and "token""#),
    ("name = \"Rivera Plumbing\"\n", "", r#"desk.toml:1: business.name: is missing; write it like name = "Rivera Plumbing""#),
    ("channels = 4", "channels = 4\nname = \"x\"", "desk.toml:17: name is there already; take one of the two out"),
    ("[[line]]", "[line]", "desk.toml:32: line: this is a section that can come more than once; write [[line]]"),
    ("[[plan.rule]]", "[plan.rule]", "desk.toml:38: plan.rule: this is a section that can come more than once; write [[plan.rule]]"),
    ("[{ to = \"101\", via = \"main\" }]", "[\"101\"]", r#"desk.toml:26: person.reach: this is text in quotes; it must be a table, like { to = "101", via = "main" }"#),
    // Numbers and kinds.
    ("\"+13125550100\"", "\"ask Dana\"", "desk.toml:33: line.number: this is not a telephone number; write it like +13125550143"),
    ("\"+13125550100\"", "\"5550100\"", "desk.toml:33: line.number: the number is too short; write it whole, like +13125550143"),
    ("\"+13125550100\"", "13125550100", r#"desk.toml:33: line.number: this is a whole number; it must be text in quotes, like number = "+13125550100""#),
    ("channels = 4", "channels = \"four\"", "desk.toml:16: trunk.channels: this is text in quotes; it must be a whole number, like channels = 4"),
    ("channels = 4", "channels = 0", "desk.toml:16: trunk.channels: this must be a whole number from 1 to 10000"),
    ("channels = 4", "channels = -1", "desk.toml:16: trunk.channels: this must be a whole number from 1 to 10000"),
    ("[\"192.0.2.10\"]", "\"192.0.2.10\"", r#"desk.toml:15: trunk.accept_from: this is text in quotes; it must be a list in [ ], like accept_from = ["192.0.2.10"]"#),
    // Values with rules.
    ("Mo-Fr 08:00-17:00; PH off", "Mo-Fr 8 to 5", r#"desk.toml:22: office.hours: the hours "Mo-Fr 8 to 5" cannot be read from "8 to 5" on; write them like "Mo-Fr 08:00-17:00; Sa 09:00-12:00; PH off""#),
    ("America/Chicago", "Amerika/Chicago", r#"desk.toml:4: business.timezone: "Amerika/Chicago" is no time zone; did you mean "America/Chicago"?"#),
    ("America/Chicago", "Central", r#"desk.toml:4: business.timezone: "Central" is no time zone; did you mean "US/Central"?"#),
    ("America/Chicago", "new york", r#"desk.toml:4: business.timezone: "new york" is no time zone; did you mean "America/New_York"?"#),
    ("PH off", "SH off", r#"desk.toml:22: office.hours: the hours "Mo-Fr 08:00-17:00; SH off" depend on "SH", which is not known here; write the dates of school holidays, like "2026 Jul 01-2026 Aug 31 off""#),
    ("[\"udp:127.0.0.1:0\"]", "[\"udp:127.0.0.1:5060\", \"udp:127.0.0.1:5060\"]", "desk.toml:7: sip.listen: 127.0.0.1:5060 is listened on twice, and only one can have it; take one out"),
    ("America/Chicago", "where the river bends", r#"desk.toml:4: business.timezone: "where the river bends" is no time zone; write it like "America/Chicago""#),
    ("\"2h\"", "\"2 hours\"", r#"desk.toml:47: calendar.visit: "2 hours" is no duration; write a number and its unit, like "15s", "2h" or "90d""#),
    ("\"2h\"", "\"20000\"", r#"desk.toml:47: calendar.visit: "20000" is no duration; write a number and its unit, like "15s", "2h" or "90d""#),
    ("\"90d\"", "\"9000d\"", r#"desk.toml:50: compliance.keep: "9000d" is out of bounds; it can be from 1d to 3650d"#),
    ("\"25s\"", "\"25m\"", r#"desk.toml:40: plan.rule.steps.for: "25m" is out of bounds; it can be from 5s to 120s"#),
    ("udp:127.0.0.1:0", "ws:127.0.0.1:0", r#"desk.toml:7: sip.listen: ws is not available yet; udp, tcp and tls work, like "udp:0.0.0.0:5060""#),
    ("udp:127.0.0.1:0", "tls:127.0.0.1:0", r#"desk.toml:7: sip.listen: tls: needs a certificate to show; add [sip.tls] with certificate = "desk.pem" and key = "desk.key""#),
    ("udp:127.0.0.1:0", "tcp:127.0.0.1", r#"desk.toml:7: sip.listen: "127.0.0.1" is no address with a port; write it like "tcp:0.0.0.0:5060""#),
    ("udp:127.0.0.1:0", "udp:here", r#"desk.toml:7: sip.listen: "here" is no address with a port; write it like "udp:0.0.0.0:5060""#),
    ("20000-29999", "29999-20000", r#"desk.toml:8: sip.rtp_ports: "29999-20000" ends before it has two ports; write it like "20000-29999""#),
    ("\"127.0.0.1:0\"", "\"0.0.0.0:8080\"", "desk.toml:11: web.listen: everybody who reaches this address could listen in; add a token, or listen on 127.0.0.1"),
    ("[\"192.0.2.10\"]", "[\"192.0.2.999\"]", r#"desk.toml:15: trunk.accept_from: "192.0.2.999" is no address, range or host; write it like "192.0.2.10", "192.0.2.0/24" or "pbx.example.com""#),
    ("[\"192.0.2.10\"]", "[\"0.0.0.0/0\"]", r#"desk.toml:15: trunk.accept_from: "0.0.0.0/0" lets in too many strangers; name the carrier's addresses, at most a /8"#),
    ("[\"192.0.2.10\"]", "[]", r#"desk.toml:15: trunk.accept_from: nobody may send calls; name the carrier's addresses, like ["192.0.2.10"], or register = true"#),
    ("\"101\"", "\"911\"", "desk.toml:26: person.reach.to: 911 is an emergency service, which this desk never dials; name a person's number"),
    ("\"101\"", "\"988\"", "desk.toml:26: person.reach.to: 988 is an emergency service, which this desk never dials; name a person's number"),
    ("\"101\"", "\"sip:911@192.0.2.20\"", "desk.toml:26: person.reach.to: 911 is an emergency service, which this desk never dials; name a person's number"),
    ("\"101\"", "\"sip:+13125550100@192.0.2.20\"", "desk.toml:26: person.reach.to: +13125550100 is one of this desk's own lines, so the call would come back here; name another number"),
    ("\"101\"", "\"+13125550100\"", "desk.toml:26: person.reach.to: +13125550100 is one of this desk's own lines, so the call would come back here; name another number"),
    ("people = [\"Dana\"]", "people = [\"Dana\"]\nturn = \"monthly\"", r#"desk.toml:31: rota.turn: "monthly" is no turn; write "in-order", "daily from 2026-01-05" or "weekly from 2026-01-05""#),
    // Names that lead nowhere.
    ("plan = \"front-door\"", "plan = \"frontdoor\"", r#"desk.toml:34: line.plan: there is no plan named "frontdoor"; did you mean "front-door"?"#),
    ("plan = \"front-door\"", "plan = \"overflwo\"", r#"desk.toml:34: line.plan: there is no plan named "overflwo"; did you mean "overflow"?"#),
    ("plan = \"front-door\"", "trunk = \"spare\"", r#"desk.toml:34: line.trunk: there is no trunk named "spare"; only "main" is known"#),
    ("via = \"main\"", "via = \"mian\"", r#"desk.toml:26: person.reach.via: there is no trunk named "mian"; did you mean "main"?"#),
    ("people = [\"Dana\"]", "people = [\"Dena\"]", r#"desk.toml:30: rota.people: there is no person named "Dena"; did you mean "Dana"?"#),
    ("ring = \"on-call\"", "ring = \"oncall\"", r#"desk.toml:40: plan.rule.steps.ring: there is no person, office or rota named "oncall"; did you mean "on-call"?"#),
    ("plan = \"front-door\"", "assistant = \"Robyn\"", r#"desk.toml:34: line.assistant: there is no assistant named "Robyn"; did you mean "Robin"?"#),
    ("plan = \"front-door\"", "office = \"Main\"", r#"desk.toml:34: line.office: there is no office named "Main"; did you mean "main"?"#),
    ("PH off\"", "PH off\"\ncalendar = \"job\"", r#"desk.toml:23: office.calendar: there is no calendar named "job"; did you mean "jobs"?"#),
    ("name = \"Robin\"", "name = \"Robin\"\nintake = \"plumming\"", r#"desk.toml:44: assistant.intake: "plumming" is no intake of this desk and no file that ends in .toml; did you mean "plumbing"?"#),
    ("[[calendar]]", "[[assistant]]\nname = \"Wren\"\nintake = \"own.toml\"\n[[calendar]]", "desk.toml:32: line.assistant: there are several, so this must name one; known are \"Robin\" and \"Wren\"\ndesk.toml:47: assistant.intake: the intake own.toml cannot be read: there is no such file"),
    ("PH off\"", "PH off\"\nplan = \"overflwo\"", r#"desk.toml:23: office.plan: there is no plan named "overflwo"; did you mean "overflow"?"#),
    ("name = \"Robin\"", "name = \"Robin\"\nservices = [\"leek\"]", r#"desk.toml:44: assistant.services: there is no service "leek"; known are drain, leak, water_heater, toilet, faucet, other"#),
    ("\"assistant\",", "\"offices\",", "desk.toml:40: plan.rule.steps: callers can choose among 2 to 8 offices, and here are 0; give offices the words `known_as`"),
    ("for = \"25s\"", "for = \"25s\", only = \"urgnt\"", r#"desk.toml:40: plan.rule.steps.only: "urgnt" is not known here; did you mean "urgent"?"#),
    // The same name twice.
    ("[[calendar]]", "[[assistant]]\nname = \"Robin\"\n[[calendar]]", r#"desk.toml:46: assistant.name: there is an assistant named "Robin" in line 43 already; name this one otherwise"#),
    ("[compliance]", "[[target]]\nname = \"service\"\nto = \"102\"\n[[target]]\nname = \"service\"\nto = \"103\"\n[compliance]", r#"desk.toml:53: target.name: there is a target named "service" in line 50 already; name this one otherwise"#),
    ("[[plan]]", "[[line]]\nnumber = \"(312) 555-0100\"\n[[plan]]", "desk.toml:37: line.number: +13125550100 is the line in line 33 already; one number is one line"),
    ("[[assistant]]", "[[plan]]\nname = \"always\"\n[[plan.rule]]\nwhen = \"open\"\nsteps = [\"message\"]\n[[assistant]]", r#"desk.toml:43: plan.name: "always" is built in; name this plan otherwise"#),
    // Rules and steps that can never be.
    ("[[assistant]]", "[[plan.rule]]\nwhen = \"open\"\nsteps = [\"message\"]\n[[assistant]]", r#"desk.toml:43: plan.rule.when: this rule never holds: "always" above it holds first; move it up or take it out"#),
    ("\"assistant\",", "\"message\",", r#"desk.toml:40: plan.rule.steps: this step is never reached: "message" before it ends the call; take it out"#),
    ("\"always\"", "\"sometimes\"", r#"desk.toml:39: plan.rule.when: "sometimes" is not known here; known are "open", "closed", "holiday", "team-busy", "known-caller", "blocked", "suspect" and "always""#),
    // What the design names and this version does not do.
    ("channels = 4", "media = \"required\"", "desk.toml:16: trunk.media: the keys of encrypted sound stand in the signalling, where anybody on the way could read them without TLS; add transport = \"tls\", or write media = \"off\""),
    ("channels = 4", "media = \"srtp\"", r#"desk.toml:16: trunk.media: "srtp" is not known here; known are "off", "preferred" and "required""#),
    // Carriers and what is known of them.
    ("channels = 4", "carrier = \"telynx\"", r#"desk.toml:16: trunk.carrier: "telynx" is not known here; did you mean "telnyx"?"#),
    ("channels = 4", "carrier = \"twilio\"\nregister = true", "desk.toml:17: trunk.register: nobody registers at a Twilio trunk: it sends calls to the address in its origination URI; leave register out"),
    ("channels = 4", "carrier = \"bandwidth\"\nregister = true", "desk.toml:17: trunk.register: nobody registers at Bandwidth: it sends calls to the address of your location; leave register out"),
    ("accept_from = [\"192.0.2.10\"]", "carrier = \"bandwidth\"", "desk.toml:13: trunk.accept_from: Bandwidth tells each account which addresses it calls from; write them here, like [\"192.0.2.10\"]"),
    ("accept_from = [\"192.0.2.10\"]", "carrier = \"signalwire\"", "desk.toml:13: trunk.accept_from: SignalWire publishes no addresses it calls from; write register = true, so that it calls wherever we are"),
    ("accept_from = [\"192.0.2.10\"]", "carrier = \"twilio\"\naccept_from = []", "desk.toml:16: trunk.accept_from: nobody may send calls; leave this out"),
    ("outbound_proxy = \"192.0.2.10\"", "carrier = \"signalwire\"\nregister = true\nusername = \"rivera\"\npassword = \"file:desk.toml\"", "desk.toml:18: trunk.register: where to register is not known; add domain = \"YOURSPACE.sip.signalwire.com\""),
    ("channels = 4", "dial_prefix = \"nine\"", "desk.toml:16: trunk.dial_prefix: \"nine\" cannot be dialled; write digits, * and #, at most 16, like \"12345678*\""),
    ("channels = 4", "caller_id = \"preferred\"", "desk.toml:16: trunk.caller_id: From would name the account, and the trunk has none; add username and password, or write \"from\""),
    ("channels = 4", "numbers = \"e.164\"", "desk.toml:16: trunk.numbers: \"e.164\" is not known here; did you mean \"e164\"?"),
    ("channels = 4", "when_full = 486", "desk.toml:16: trunk.when_full: this is a whole number; it must be text in quotes"),
    // Accounts at a trunk.
    ("channels = 4", "register = true", "desk.toml:16: trunk.register: who registers is not known; add username and password"),
    ("channels = 4", "username = \"rivera\"", "desk.toml:16: trunk.username: a user name alone proves nothing; add password = \"env:NAME\" or \"file:PATH\""),
    ("channels = 4", "password = \"env:X\"", "desk.toml:16: trunk.password: nobody knows whose password this is; add username"),
    ("channels = 4", "username = \"rivera\"\npassword = \"hunter2\"", "desk.toml:17: trunk.password: a secret does not belong into this file; write \"env:NAME\" or \"file:PATH\", or set allow_plain_secrets = true"),
    ("channels = 4", "registrar = \"sip.example.com\"", "desk.toml:16: trunk.registrar: this is only used where the trunk registers; add register = true, or leave it out"),
    ("channels = 4", "auth_user = \"rivera\"", "desk.toml:16: trunk.auth_user: this is only used beside username and password; add both, or leave it out"),
    ("channels = 4", "their_username = \"pbx\"", "desk.toml:16: trunk.their_username: who calls could be anybody of this name; add their_password = \"env:NAME\" or \"file:PATH\""),
    ("channels = 4", "their_password = \"env:NOWHERE\"", "desk.toml:16: trunk.their_password: nobody knows who is to know this password; add their_username"),
    ("\"always\"", "\"known-caller\"", "desk.toml:39: plan.rule.when: this rule never holds: no caller is known; add a [[caller]] with name and numbers"),
    ("\"always\"", "\"blocked\"", "desk.toml:39: plan.rule.when: this rule never holds: no caller is blocked; add a [[caller]] with blocked = true"),
    ("\"assistant\",", "\"bot\",", r#"desk.toml:40: plan.rule.steps: "bot" is not available yet; available are "assistant", "offices", "message" and "refuse""#),
    ("when = \"always\"", "when = \"always\"\nafterwards = [\"text-back\"]", r#"desk.toml:40: plan.rule.afterwards: "text-back" is not available yet; available is "callback""#),
    ("{ ring = \"on-call\", for = \"25s\" }", "{ queue = \"on-cal\" }", "desk.toml:40: plan.rule.steps.queue: there is no person, office or rota named \"on-cal\"; did you mean \"on-call\"?"),
    ("{ ring = \"on-call\", for = \"25s\" }", "{ queue = \"on-call\", for = \"2h\" }", "desk.toml:40: plan.rule.steps.for: \"2h\" is out of bounds; it can be from 30s to 60m"),
    ("{ ring = \"on-call\", for = \"25s\" }", "{ forward = \"service\" }", "desk.toml:40: plan.rule.steps.forward: there is no target named \"service\"; add a [[target]] of this name"),
    ("[compliance]", "[[target]]\nname = \"service\"\nto = \"911\"\n[compliance]", "desk.toml:51: target.to: 911 is an emergency service, which this desk never dials; name a person's number"),
    ("{ ring = \"on-call\", for = \"25s\" }", "{ bot = \"vapi\" }", "desk.toml:40: plan.rule.steps.bot: other people's bots are not available yet; the step \"assistant\" works"),
    ("visit = \"2h\"", "kind = \"google\"", r#"desk.toml:47: calendar.kind: "google" is not available yet; available is "local""#),
    ("keep = \"90d\"", "calls = \"always\"", r#"desk.toml:50: compliance.calls: "always" is not known here; known are "never" and "announce""#),
    ("[web]", "[data]\nrecordings = \"s3://calls\"\n[data.s3]\naccess_key = \"desk\"\nsecret_key = \"file:desk.toml\"\n[web]", "desk.toml:11: data.recordings: no call is recorded, so nothing would lie there; write calls = \"announce\" under [compliance], or leave this out"),
    ("[compliance]", "[data.s3]\naccess_key = \"desk\"\nsecret_key = \"file:desk.toml\"\n[compliance]", "desk.toml:49: data.s3: nothing is brought there; add recordings = \"s3://BUCKET\" under [data], or take this out"),
    ("[compliance]", "[data]\nrecordings = \"/srv/calls\"\n[data.s3]\nendpoint = \"http://storage.example.com\"\naccess_key = \"desk\"\nsecret_key = \"hunter2\"\n[compliance]\ncalls = \"announce\"", "desk.toml:50: data.recordings: \"/srv/calls\" is no bucket; write it like \"s3://bucket/prefix\". Without it recordings lie in `recordings` below the data directory\ndesk.toml:52: data.s3.endpoint: over \"http://storage.example.com\" anybody on the way hears the recordings; use https\ndesk.toml:54: data.s3.secret_key: a secret does not belong into this file; write \"env:NAME\" or \"file:PATH\", or set allow_plain_secrets = true"),
    ("[compliance]", "[data]\nrecordings = \"s3://calls\"\n[compliance]\nbridged = \"announce\"", "desk.toml:50: data.recordings: nobody knows how this bucket is entered; add [data.s3] with access_key and secret_key"),
    ("name = \"Robin\"", "name = \"Robin\"\nhear = [\"deepgram\", \"local\"]", r#"desk.toml:44: assistant.hear: "deepgram" is not available yet; available is "local""#),
    ("[compliance]", "[engine.deepgram]\nkind = \"deepgram\"\n[compliance]", "desk.toml:49: engine: hosted engines are not available yet; `hear` and `speak` work with \"local\""),
    ("[compliance]", "[text]\ncarrier = \"twilio\"\n[compliance]", "desk.toml:49: text: texts are not available yet; a message is taken instead"),
    ("name = \"jobs\"", "name = \"\"", "desk.toml:46: calendar.name: this name is empty; give it one"),
    // Secrets.
    ("[web]", "[web]\ntoken = \"hunter2\"", "desk.toml:11: web.token: a secret does not belong into this file; write \"env:NAME\" or \"file:PATH\", or set allow_plain_secrets = true"),
    ("[web]", "[web]\ntoken = \"env:FIRSTRING_NO_SUCH_TOKEN\"", "desk.toml:11: web.token: the environment has no variable FIRSTRING_NO_SUCH_TOKEN; set it, or write file:PATH"),
    ("[web]", "[web]\ntoken = \"file:token\"", "desk.toml:11: web.token: the secret's file token cannot be read: there is no such file; name a file that this user can read"),
    ("[web]", "[web]\ntoken = \"file:/\"", "desk.toml:11: web.token: the secret's file / cannot be read: it is a directory; name a file that this user can read"),
    // Files beside it.
    ("visit = \"2h\"", "busy = \"taken.ics\"", "desk.toml:47: calendar.busy: taken.ics cannot be read: there is no such file"),
    // No TOML.
    ("name = \"Robin\"", "name = \"Robin", "desk.toml:43: this cannot be read as TOML: invalid basic string, expected `\"`"),
    ("channels = 4", "channels =", "desk.toml:16: this cannot be read as TOML: string values must be quoted, expected literal string"),
];

#[test]
fn each_slip_is_told_with_its_place_and_its_remedy() {
    let desk = Desk::new();
    let mut wrong = Vec::new();
    for (right, slip, says) in CASES {
        assert!(WORKS.contains(right), "{right:?} is not in the configuration");
        let told = desk.check(&WORKS.replacen(right, slip, 1));
        let expected = (Some(2), format!("{says}\n"));
        if told != expected {
            wrong.push(format!("{slip}\n  told {told:?}\n  not  {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_configuration_without_a_slip_is_not_refused() {
    let desk = Desk::new();
    let (code, told) = desk.check(WORKS);
    assert_eq!((code, told.as_str()), (Some(0), ""));
}

#[test]
fn several_slips_are_told_at_once_in_the_order_of_their_lines() {
    let slips = [
        ("90d", "90"),
        ("accept_from", "accept_form"),
        ("America", "Amerika"),
        ("channels = 4", "channels = 0"),
    ];
    let text = slips.iter().fold(WORKS.to_string(), |text, (right, slip)| text.replacen(right, slip, 1));
    let (code, told) = Desk::new().check(&text);
    let lines: Vec<&str> = told.lines().map(|line| line.split(": ").nth(1).unwrap_or_default()).collect();
    assert_eq!(code, Some(2));
    assert_eq!(
        lines,
        ["business.timezone", "trunk.accept_form", "trunk.channels", "compliance.keep"],
        "{told}"
    );
}

#[test]
fn a_file_that_is_missing_empty_or_no_text_is_told_apart() {
    let desk = Desk::new();
    assert_eq!(
        desk.run(Path::new("nowhere.toml")),
        (
            Some(2),
            "nowhere.toml: there is no such file; `firstring config example` prints one to start from\n"
                .into()
        )
    );
    assert_eq!(desk.run(Path::new("/")), (Some(2), "/: this cannot be read: it is a directory\n".into()));
    let empty = "desk.toml: the file says nothing; `firstring config example` prints one to start from\n";
    assert_eq!(desk.check(""), (Some(2), empty.into()));
    assert_eq!(desk.check("# nothing\n"), (Some(2), empty.into()));
    std::fs::write(desk.file(), b"[business]\nname = \"M\xfcller\"\n").unwrap();
    let says = "desk.toml: line 2 is not UTF-8 text; save the file as UTF-8\n";
    assert_eq!(desk.run(Path::new("desk.toml")), (Some(2), says.into()));
}

#[test]
fn a_secret_in_plain_sight_is_taken_only_when_the_owner_says_so() {
    let desk = Desk::new();
    let plain = WORKS.replacen("[web]", "[web]\ntoken = \"hunter2\"", 1);
    assert_eq!(desk.check(&format!("allow_plain_secrets = true\n{plain}")), (Some(0), String::new()));
    let (_, told) = desk.check(&plain);
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn a_refusal_for_programs_is_one_object_a_line_and_a_result() {
    let desk = Desk::new();
    std::fs::write(desk.file(), WORKS.replacen("\"90d\"", "\"90\"", 1)).unwrap();
    let output = desk.output(&["--json", "check", "--offline", "-c", "desk.toml"]);
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["line"], &lines[0]["key"]), (&50.into(), &"compliance.keep".into()));
    assert_eq!(lines[1]["type"], "result");
}

#[test]
fn an_intake_of_the_owners_own_is_judged_like_the_configuration() {
    const INTAKE: &str = include_str!("../../../desk/templates/plumbing.toml");
    let desk = Desk::new();
    let with_own = WORKS.replacen("name = \"Robin\"", "name = \"Robin\"\nintake = \"own.toml\"", 1);
    let missing =
        "desk.toml:44: assistant.intake: the intake own.toml cannot be read: there is no such file\n";
    assert_eq!(desk.check(&with_own), (Some(2), missing.into()));
    std::fs::write(desk.directory.path().join("own.toml"), INTAKE).unwrap();
    assert_eq!(desk.check(&with_own), (Some(0), String::new()));
    let undefined = INTAKE.replacen("\"<when>\"", "\"<whenever>\"", 1);
    std::fs::write(desk.directory.path().join("own.toml"), undefined).unwrap();
    let (code, told) = desk.check(&with_own);
    let rule =
        "\"<whenever>\" uses the rule <whenever>, which is not defined before it; define it under [rule]";
    assert_eq!(code, Some(2));
    assert!(
        told.starts_with("desk.toml:44: assistant.intake: the intake own.toml cannot be used: "),
        "{told}"
    );
    assert!(told.trim_end().ends_with(rule), "{told}");
}

#[test]
fn the_example_configurations_have_nothing_wrong() {
    for text in [
        include_str!("../../../../examples/plumber.toml"),
        include_str!("../../../../examples/law-firm.toml"),
    ] {
        // Only the ports are other people's.
        let text =
            text.replace("udp:0.0.0.0:5060", "udp:127.0.0.1:0").replace("127.0.0.1:8080", "127.0.0.1:0");
        assert_eq!(Desk::new().check(&text), (Some(0), String::new()));
    }
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let desk = Desk::new();
    for line in [&["check"][..], &["chekc", "-c", "x"], &["run", "-c", "x", "--now", "soon"], &[]] {
        assert_eq!(desk.output(line).status.code(), Some(2), "{line:?}");
    }
}

#[test]
fn what_would_keep_the_desk_from_working_is_told_before_the_first_caller() {
    let desk = Desk::new();
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (right, slip, says) in [
        (
            "udp:127.0.0.1:0",
            format!("udp:127.0.0.1:{port}"),
            format!("BROKEN udp:127.0.0.1:{port}: no call can be received here: another program has this port"),
        ),
        (
            "outbound_proxy = \"192.0.2.10\"",
            String::new(),
            "BROKEN plan front-door: ringing \"on-call\" reaches nobody, so callers go on to the next step at once".into(),
        ),
        (
            "channels = 4",
            "channels = 1".into(),
            "BROKEN plan front-door: a person rung over trunk \"main\" takes a channel of their own; of 1, the caller has \
             one: none is left, so nobody is ever rung"
                .into(),
        ),
        (
            "channels = 4",
            "channels = 4\nreserve = 3".into(),
            "BROKEN plan front-door: a person rung over trunk \"main\" takes a channel of their own; of 4, the caller has \
             one and 3 are kept for callers: none is left, so nobody is ever rung"
                .into(),
        ),
        ("[[trunk]]", "[data]\ndirectory = \"/dev/null/x\"\n[[trunk]]".into(), "BROKEN /dev/null/x: nothing can be remembered here: a part of the path is no directory".into()),
        ("20000-29999", "20000-20003".into(), "BROKEN sip.rtp_ports: 4 calls at once need 16 ports, and there are 4".into()),
    ] {
        std::fs::write(desk.file(), WORKS.replacen(right, &slip, 1)).unwrap();
        let output = desk.output(&["check", "--offline", "-c", "desk.toml"]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.lines().any(|line| line == says), "{says}\n{told}");
    }
}

#[test]
fn what_transfers_take_of_a_trunk_and_of_voicemail_is_told_in_words() {
    let desk = Desk::new();
    let (reach, ring) = ("{ to = \"101\", via = \"main\" }", "{ ring = \"on-call\", for = \"25s\" }");
    for (to, steps, says) in [
        (
            reach,
            ring,
            "plan front-door: a person rung over trunk \"main\" takes a channel of their own; of 4, 1 are kept for callers: \
             so many callers can be with a person at once: 1",
        ),
        (
            "{ to = \"101\" }, { to = \"102\" }, { to = \"103\" }",
            "{ ring = \"main\", for = \"15s\" }",
            "plan front-door: 3 phones ring at once over trunk \"main\", each on a channel of its own; of 4, the caller has \
             one and 1 are kept for callers: 2 can ring",
        ),
        (
            "{ to = \"+13125550143\", accept = \"pick-up\" }",
            ring,
            "plan front-door: Dana is rung for 25 s at a phone number where picking up is enough: voicemail may pick up \
             first and get the caller",
        ),
    ] {
        std::fs::write(desk.file(), WORKS.replacen(reach, to, 1).replacen(ring, steps, 1)).unwrap();
        let output = desk.output(&["check", "--offline", "-c", "desk.toml"]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains(says), "{says}\n{told}");
    }
}

#[test]
fn a_word_of_the_owners_intake_that_nobody_can_pronounce_is_named() {
    const INTAKE: &str = include_str!("../../../desk/templates/plumbing.toml");
    let desk = Desk::new();
    std::fs::write(
        desk.file(),
        WORKS.replacen("name = \"Robin\"", "name = \"Robin\"\nintake = \"own.toml\"", 1),
    )
    .unwrap();
    let own = INTAKE.replacen("\"drain cleaning\"", "\"zorblified cleaning\"", 1);
    std::fs::write(desk.directory.path().join("own.toml"), own).unwrap();
    let output = desk.output(&["check", "--offline", "-c", "desk.toml"]);
    let told = String::from_utf8(output.stdout).unwrap();
    let says = "BROKEN hearing: nobody knows how \"zorblified\" is pronounced, so the question \"plumbing_service\" is not understood";
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.lines().any(|line| line == says), "{told}");
}

/// Found only when the desk starts, and before the seconds in which prompts are rendered: exit code, the one line on
/// stderr, and for programs one object on stdout.
#[test]
fn a_desk_that_cannot_run_says_why_in_one_sentence_and_ends() {
    let desk = Desk::new();
    let phone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let phone = phone.local_addr().unwrap();
    let console = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let console = console.local_addr().unwrap();
    // Nobody else's network is touched by a desk that comes so far.
    let works = WORKS.replacen("outbound_proxy = \"192.0.2.10\"", "outbound_proxy = \"127.0.0.1\"", 1);
    std::fs::write(desk.directory.path().join("short"), "hunter2").unwrap();
    let taken = "Address already in use (os error 98)";
    for (right, slip, says) in [
        (
            "udp:127.0.0.1:0",
            format!("udp:{phone}"),
            format!(
                "SIP cannot listen on udp:{phone}; change [sip] listen, or end what listens there: {taken}"
            ),
        ),
        (
            "listen = \"127.0.0.1:0\"",
            format!("listen = \"{console}\""),
            format!("the console cannot listen on {console}; change [web] listen: {taken}"),
        ),
        (
            "[web]",
            "[web]\ntoken = \"file:short\"".to_owned(),
            "[web] token is shorter than 16 signs; make one with: openssl rand -hex 32".to_owned(),
        ),
        (
            "[[trunk]]",
            "[data]\ndirectory = \"/dev/null/x\"\n[[trunk]]".to_owned(),
            "/dev/null/x cannot be used to store calls: Not a directory (os error 20); name another \
             directory under [data]"
                .to_owned(),
        ),
    ] {
        std::fs::write(desk.file(), works.replacen(right, &slip, 1)).unwrap();
        for arguments in [&["run", "-c", "desk.toml"][..], &["--json", "run", "-c", "desk.toml"]] {
            let output = desk.output(arguments);
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{told}");
            assert_eq!(told, format!("firstring: {says}\n"), "nothing else is claimed");
            let printed = match arguments[0] {
                "--json" => format!("{}\n", serde_json::json!({"type": "result", "problem": says})),
                _ => String::new(),
            };
            assert_eq!(String::from_utf8(output.stdout).unwrap(), printed);
            assert!(!desk.directory.path().join("data/prompts").exists(), "prompts came first: {told}");
        }
    }
}

#[test]
fn a_desk_whose_secret_cannot_be_read_does_not_start() {
    let desk = Desk::new();
    std::fs::write(desk.file(), WORKS.replacen("[web]", "[web]\ntoken = \"file:/\"", 1)).unwrap();
    let says = "the secret's file / cannot be read: it is a directory; name a file that this user can read";
    let output = desk.output(&["run", "-c", "desk.toml"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told), (Some(2), format!("desk.toml:11: web.token: {says}\n")));
    let output = desk.output(&["--json", "run", "-c", "desk.toml"]);
    assert_eq!((output.status.code(), output.stderr.len()), (Some(2), 0));
    let lines = only_objects(&output.stdout);
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["key"], &lines[0]["says"]), (&"web.token".into(), &says.into()));
    assert_eq!(lines[1]["type"], "result");
}

/// What was printed: one object a line.
fn only_objects(stdout: &[u8]) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let printed = std::str::from_utf8(stdout).unwrap();
    printed.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// A directory with a configuration in it.
struct Desk {
    directory: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        Desk { directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("desk.toml")
    }

    /// The exit code, and what is told on stderr about this text.
    fn check(&self, text: &str) -> (Option<i32>, String) {
        std::fs::write(self.file(), text).unwrap();
        self.run(Path::new("desk.toml"))
    }

    fn run(&self, file: &Path) -> (Option<i32>, String) {
        let output = self.output(&["check", "--offline", "-c", &file.display().to_string()]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_firstring");
        Command::new(program).args(arguments).current_dir(self.directory.path()).output().unwrap()
    }
}
