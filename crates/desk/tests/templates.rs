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
fn mistakes_are_refused_with_place_and_remedy() {
    for (text, error) in [
        (with("name = \"plumbing\"", "nam = \"plumbing\""), "line 7: unknown field `nam`, expected one of"),
        (
            with("hang_ms = 700\n", "hang_ms = \"long\"\n"),
            "line 21: invalid type: string \"long\", expected u64",
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
