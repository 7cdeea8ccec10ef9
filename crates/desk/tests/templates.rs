//! What a template gets wrong is said where it stands.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use desk::intake::Template;

const PLUMBING: &str = include_str!("../templates/plumbing.toml");

fn with(from: &str, to: &str) -> String {
    assert!(PLUMBING.contains(from), "{from}");
    PLUMBING.replacen(from, to, 1)
}

#[test]
fn the_template_that_comes_with_the_desk_is_right() {
    let template = Template::parse(PLUMBING).unwrap();
    assert_eq!(template.name, "plumbing");
    assert_eq!(template.grammars().len(), 7);
    let prompts = template.prompts("Rivera Plumbing");
    assert!(prompts.contains(&"Thank you for calling Rivera Plumbing. Goodbye.".to_string()));
    assert!(prompts.contains(&"All right, a clogged drain.".to_string()));
    assert!(prompts.iter().all(|prompt| !prompt.contains(['{', '}']) && !prompt.is_empty()), "{prompts:?}");
    assert!(Template::built_in("plumbing").is_some());
    assert!(Template::built_in("astrology").is_none());
}

#[test]
fn an_assistant_may_take_on_some_services_of_an_intake_only() {
    let only = |services: &[&str]| {
        let services: Vec<String> = services.iter().map(|id| (*id).to_string()).collect();
        Template::law().only(&services)
    };
    let two = only(&["family", "estate"]).unwrap();
    assert_eq!(two.name, "law_15");
    let menu = "For a family matter, press 1. A will or an estate, press 5. For a person, press 0.";
    assert!(two.prompts("").contains(&menu.to_string()), "{:?}", two.prompts(""));
    assert!(!two.prompts("").iter().any(|prompt| prompt.contains("immigration")));
    assert_eq!(
        only(&["famly"]).unwrap_err().to_string(),
        "there is no service \"famly\"; known are family, criminal, injury, immigration, estate, housing, \
         employment, other"
    );
    assert!(only(&[]).unwrap_err().to_string().starts_with("name at least one; known are family"));
    let fixed = Template::parse(&with("For {services} For a person", "For a drain, press 1. For a person"));
    let refused = fixed.unwrap().only(&["drain".to_string()]).unwrap_err().to_string();
    assert!(refused.contains("write {services} where they are named"), "{refused}");
}

#[test]
fn mistakes_are_refused_with_place_and_remedy() {
    for (text, error) in [
        (with("name = \"plumbing\"", "nam = \"plumbing\""), "line 8: unknown field `nam`, expected one of"),
        (
            with("name = \"plumbing\"", "name = \"My Plumbing\""),
            "name: \"My Plumbing\" is no name for an intake; write a word in small letters, digits and _",
        ),
        (
            with("hang_ms = 700\n", "hang_ms = \"long\"\n"),
            "line 22: invalid type: string \"long\", expected u64",
        ),
        (with("gone = \"", "gon = \""), ": unknown field `gon`, expected one of"),
        (
            with(
                "robot = \"I am an automated assistant, not a person. To speak with a person, say agent, or press 0.\"\n",
                "",
            ),
            "missing field `robot`",
        ),
        (with("key = \"2\"", "key = \"1\""), "[[service]] \"leak\": its key answers another service already"),
        (
            with("key = \"2\"", "key = \"0\""),
            "[[service]] \"leak\": its key must be one of 1 to 8; 0 is a person and 9 a message",
        ),
        (
            with("id = \"leak\"", "id = \"drain\""),
            "[[service]] \"drain\": every service needs an id of its own",
        ),
        (
            with("today | tomorrow [<part>]", "today | tomorrow [<parts>]"),
            "uses the rule <parts>, which is not defined",
        ),
        (
            with("part = \"morning | afternoon\"", "part = \"morning | <part>\""),
            "uses the rule <part>, which is not defined",
        ),
        (
            with("\"drain cleaning\"", "\"Drain cleaning\""),
            "[[service]] \"drain\" words: 'D' cannot be spoken",
        ),
        (
            with("\"drain cleaning\"", "\"(drain cleaning\""),
            "[[service]] \"drain\" words: a bracket is not closed",
        ),
        (with("\"drain cleaning\"", "\"\""), "[[service]] \"drain\" words: there is nothing to say"),
        (
            with("hang_ms = 350", "hang_ms = 35000"),
            "[question.urgent] hang_ms: 35000 is not between 100 and 3000 milliseconds",
        ),
        (
            with("hang_ms = 400\nthreshold = -2.0", "hang_ms = 400\nthreshold = nan"),
            "[question.confirm] threshold: NaN is not between -20 and 20",
        ),
        (
            with("read_back_when = \"The visit would be {when}.\"", "read_back_when = \"Fine.\""),
            "[say] read_back_when: {when} must be in this sentence",
        ),
        (
            with("sure = \"Sure.\"", "sure = \"Sure, {name}.\""),
            "[say] sure: nothing but \"\" can be filled in here",
        ),
        (with("sure = \"Sure.\"", "sure = \" \""), "[say] sure: there is nothing to say"),
        (
            with(
                "menu = \"Press 1 to book it. Press 2 to change something. For a person, press 0.\"",
                "menu = \"Well?\"",
            ),
            "[question.confirm] menu: the menu names no key",
        ),
        ("".to_string(), "line 1: missing field"),
        ("\u{0}".to_string(), "line 1: "),
    ] {
        let said = Template::parse(&text).unwrap_err().to_string();
        assert!(said.contains(error), "{said}\nis not\n{error}");
        assert!(!said.contains('\n'), "{said}");
    }
}
