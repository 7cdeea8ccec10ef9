//! Everything the recogniser can hear is understood, can be pronounced, and is nothing it must not be.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use desk::booking::Slot;
use desk::intake::{Grammar, Guest, Intake, Move, Template, WhyPerson, Words};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Where Debian's pocketsphinx-en-us keeps the dictionary.
const DICTIONARY: &str = "/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict";

fn now() -> Timestamp {
    "2026-11-30T13:00:00Z".parse().unwrap()
}

fn slots() -> Vec<Slot> {
    let zone = TimeZone::get("America/Chicago").unwrap();
    let slot = |hours: i64| {
        let start = now() + SignedDuration::from_hours(hours);
        Slot { start, end: start + SignedDuration::from_hours(2), crew: 1, zone: zone.clone() }
    };
    vec![slot(3), slot(5), slot(25)]
}

/// A conversation at the moment when the grammar's question is open.
fn at_question(name: &str, template: &Arc<Template>) -> Intake {
    let zone = TimeZone::get("America/Chicago").unwrap();
    let caller = (name != "number").then(|| "+13125550143".parse().unwrap());
    let guest = Guest { business: "Rivera Plumbing".to_string(), caller, zone };
    let mut intake = Intake::new(template.clone(), guest);
    intake.open(now());
    let keys = match name {
        "service" => "",
        // The leak of a plumber, the criminal charge of a law firm.
        "urgent" => "2",
        "slot" => "1S",
        "number" | "confirm" => "1S1H",
        "change" => "1S1H2",
        "returned" => "0R",
        other => panic!("a question this test does not know: {other}"),
    };
    for key in keys.chars() {
        match key {
            'S' => drop(intake.slots_found(slots(), now())),
            'H' => drop(intake.slot_held(now())),
            'R' => drop(intake.resume(desk::intake::Returned::NoAnswer, now())),
            key => drop(intake.press(key, now())),
        }
    }
    intake
}

fn is_misunderstood(moves: &[Move]) -> bool {
    moves.iter().any(|step| match step {
        Move::Say(phrase) => phrase.text.contains("did not get that"),
        Move::HandOver(why) => *why == WhyPerson::NotUnderstood,
        _ => false,
    })
}

#[test]
fn everything_the_recogniser_can_hear_means_something_to_the_open_question() {
    let mut heard = BTreeMap::new();
    let mut misunderstood = Vec::new();
    for template in [Template::plumbing(), Template::law()].map(Arc::new) {
        for grammar in template.grammars() {
            let fresh = at_question(&grammar.name, &template);
            for phrase in grammar.phrases(200) {
                let mut intake = fresh.clone();
                let moves = intake.hear(&Words::typed(&phrase), now());
                if moves.is_empty() || is_misunderstood(&moves) {
                    misunderstood.push(format!("{}: {phrase}", grammar.id));
                }
                *heard.entry(grammar.id.clone()).or_insert(0) += 1;
            }
        }
    }
    assert!(misunderstood.is_empty(), "{misunderstood:#?}");
    assert!(heard.values().all(|count| *count > 50), "{heard:?}");
}

#[test]
fn only_a_firm_yes_of_the_confirm_grammar_books() {
    let template = Arc::new(Template::plumbing());
    let grammars = template.grammars();
    let confirm = grammars.iter().find(|grammar| grammar.name == "confirm").unwrap();
    let fresh = at_question("confirm", &template);
    let books = |phrase: &str| {
        let moves = fresh.clone().hear(&Words::typed(phrase), now());
        moves.iter().any(|step| matches!(step, Move::Book(_)))
    };
    let booking: BTreeSet<_> = confirm.phrases(1000).into_iter().filter(|phrase| books(phrase)).collect();
    let expected = ["yes book it", "yes please book it", "yes that is correct", "yes that's right"];
    assert_eq!(booking, expected.map(String::from).into());
}

#[test]
fn every_service_is_reached_by_its_own_phrases() {
    let template = Arc::new(Template::plumbing());
    for (said, service) in [
        ("my kitchen sink is clogged", "drain"),
        ("the shower is not draining", "drain"),
        ("there is a slow leak under the sink", "leak"),
        ("i have no hot water", "water_heater"),
        ("my water heater is leaking", "water_heater"),
        ("the toilet is running", "toilet"),
        ("i have a leaky faucet in the bathroom", "faucet"),
        ("the garbage disposal is stuck", "faucet"),
        ("the sump pump is not working", "other"),
        ("clogged toilet", "toilet"),
        ("my toilet is leaking", "toilet"),
    ] {
        let mut intake = at_question("service", &template);
        intake.hear(&Words::typed(said), now());
        assert_eq!(
            intake.filled().get("service").map(ToString::to_string).as_deref(),
            Some(service),
            "{said}"
        );
    }
}

#[test]
fn the_custody_of_a_child_is_a_family_matter_and_police_custody_cannot_wait() {
    let template = Arc::new(Template::law());
    let lead = |said: &str| {
        let mut intake = at_question("service", &template);
        let moves = intake.hear(&Words::typed(said), now());
        let service = intake.filled().get("service").map(ToString::to_string);
        match moves.last() {
            Some(Move::HandOver(WhyPerson::Emergency { word })) => word.clone(),
            _ => service.unwrap_or_default(),
        }
    };
    for (said, to) in [
        ("it is about custody of my son", "family"),
        ("child custody", "family"),
        ("my son was arrested", "police custody"),
        ("my husband is in custody", "police custody"),
        ("the police are at my door", "police custody"),
        ("immigration took my father", "immigration detention"),
        ("i need a lawyer for a drunk driving charge", "criminal"),
        ("my landlord gave me an eviction notice", "housing"),
        ("i had a car accident", "injury"),
        ("i want to make a will", "estate"),
        ("bankruptcy", "other"),
    ] {
        assert_eq!(lead(said), to, "{said}");
    }
}

#[test]
fn a_person_and_every_danger_can_be_heard_in_every_state() {
    for grammar in Template::plumbing().grammars() {
        let phrases: BTreeSet<String> = grammar.phrases(1000).into_iter().collect();
        for phrase in [
            "agent",
            "operator",
            "talk to a person",
            "gas leak",
            "burst pipe",
            "flooding",
            "emergency",
            "leave a message",
        ] {
            assert!(phrases.contains(phrase), "{}: {phrase}", grammar.name);
        }
    }
}

#[test]
fn grammars_are_whole_jsgf_without_fillers() {
    for grammar in [Template::plumbing(), Template::law()].iter().flat_map(Template::grammars) {
        let Grammar { id: name, jsgf, vocabulary, .. } = &grammar;
        assert!(jsgf.starts_with(&format!("#JSGF V1.0;\ngrammar {name};\n")), "{jsgf}");
        assert_eq!(jsgf.matches("public <").count(), 1);
        for (used, _) in jsgf.match_indices('<') {
            let rule = &jsgf[used..=used + jsgf[used..].find('>').unwrap()];
            assert!(jsgf.contains(&format!("{rule} = ")), "{rule} is used and not defined");
        }
        for filler in ["uh", "um", "oh", "well", "hm"] {
            assert!(!vocabulary.contains(filler), "{name}: {filler}");
        }
        // Twenty callers listening at once must stay cheap: see the recogniser's cost per state.
        assert!(jsgf.len() < 40_000, "{name}: {}", jsgf.len());
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test reads the recogniser's dictionary")]
fn every_word_has_a_pronunciation() {
    let Ok(bytes) = std::fs::read(DICTIONARY) else {
        eprintln!("skipped: {DICTIONARY} is missing; install pocketsphinx-en-us");
        return;
    };
    let dictionary = String::from_utf8_lossy(&bytes);
    let known: BTreeSet<&str> =
        dictionary.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for template in [Template::plumbing(), Template::law()] {
        for grammar in template.grammars() {
            for word in &grammar.vocabulary {
                let pronounced =
                    known.contains(word.as_str()) || template.pronunciations().contains_key(word);
                assert!(pronounced, "{}: {word:?} is in no dictionary; add it under [pronounce]", grammar.id);
            }
        }
    }
}
