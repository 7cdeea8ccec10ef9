//! Callers the owner has told of, by number.
//!
//! Invariant: a number stands for one caller, and a plan of their own is one that the file has.

use std::collections::BTreeMap;

use desk::business::{Front, KnownCaller};
use desk::number::{Country, E164};

use super::document::At;
use super::file::CallerForm;
use super::meaning::Reading;
use super::refusal::instead;

/// Everybody the file tells of.
pub(super) fn callers(reading: &mut Reading<'_>, country: Country) -> BTreeMap<E164, KnownCaller> {
    let mut callers = BTreeMap::new();
    let mut names: BTreeMap<E164, &str> = BTreeMap::new();
    for (index, form) in reading.file.caller.iter().enumerate() {
        let at = At::top().key("caller").item(index);
        let known = known(reading, form, &at);
        if form.numbers.is_empty() {
            reading.refuse(&at.key("numbers"), "name a number, like [\"+13125550143\"]".to_string());
        }
        for (index, number) in form.numbers.iter().enumerate() {
            let at = at.key("numbers").item(index);
            let Some(number) = reading.taken(E164::parse(number, country), &at) else { continue };
            if let Some(name) = names.insert(number.clone(), &form.name) {
                let says = format!("{number} belongs to caller {name:?} already; take it out of one of them");
                reading.refuse(&at, says);
            }
            callers.insert(number, known.clone());
        }
    }
    callers
}

fn known(reading: &mut Reading<'_>, form: &CallerForm, at: &At) -> KnownCaller {
    match (&form.plan, &form.office, form.blocked) {
        (None, None, true) => KnownCaller::Blocked,
        (None, None, false) => KnownCaller::Known { plan: None },
        (Some(_), _, true) => {
            let says = "a blocked caller has no plan; take one of the two out".to_string();
            reading.refuse(&at.key("plan"), says);
            KnownCaller::Blocked
        }
        (None, Some(_), true) => {
            let says = "a blocked caller has no office; take one of the two out".to_string();
            reading.refuse(&at.key("office"), says);
            KnownCaller::Blocked
        }
        (Some(plan), None, false) => KnownCaller::Known { plan: own_plan(reading, plan, &at.key("plan")) },
        (plan, Some(office), false) => {
            let front = reading.front(office, &at.key("office"));
            let own = plan.as_ref().and_then(|plan| own_plan(reading, plan, &at.key("plan")));
            match front {
                Some(front) => KnownCaller::Client(Front { plan: own.unwrap_or(front.plan), ..front }),
                None => KnownCaller::Known { plan: None },
            }
        }
    }
}

/// Built-in plans ring the office of the line called, so that a caller's own plan is one of the owner's.
fn own_plan(reading: &mut Reading<'_>, name: &str, at: &At) -> Option<String> {
    let known: Vec<&str> = reading.file.plan.iter().map(|plan| plan.name.as_str()).collect();
    if known.contains(&name) {
        return Some(name.to_string());
    }
    let says = format!(
        "there is no [[plan]] named {name:?}; {}",
        instead(name, &known, "add a [[plan]] of this name")
    );
    reading.refuse(at, says);
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    const DESK: &str = r#"
        [business]
        name = "Rivera Plumbing"
        trade = "plumbing"
        timezone = "America/Chicago"
        [[trunk]]
        name = "main"
        accept_from = ["192.0.2.10"]
        [[assistant]]
        name = "Robin"
        [[line]]
        number = "(312) 555-0100"
        office = "main"
        [[office]]
        name = "main"
        hours = "Mo-Fr 08:00-17:00"
        [[office]]
        name = "north"
        hours = "24/7"
        [[plan]]
        name = "best"
        [[plan.rule]]
        when = "always"
        steps = ["assistant"]
    "#;

    fn read(more: &str) -> Result<BTreeMap<E164, KnownCaller>, String> {
        let config = Config::from_text("desk", &format!("{DESK}{more}"), Path::new(""));
        config.map(|config| config.business.callers.clone()).map_err(|refusals| refusals.to_string())
    }

    #[test]
    fn callers_are_known_have_plans_of_their_own_or_are_blocked() {
        let more = "[[caller]]\nname = \"A\"\nnumbers = [\"(312) 555-0143\", \"+13125550144\"]\nplan = \"best\"\n\
                    [[caller]]\nname = \"B\"\nnumbers = [\"+13125550145\"]\nblocked = true\n";
        let more =
            format!("{more}[[caller]]\nname = \"C\"\nnumbers = [\"+13125550146\"]\noffice = \"north\"\n");
        let callers = read(&more).unwrap();
        let plan = Some("best".to_string());
        let known: Vec<(&str, &KnownCaller)> =
            callers.iter().map(|(number, caller)| (number.as_str(), caller)).collect();
        let best = KnownCaller::Known { plan };
        let north = Front {
            office: "north".to_string(),
            plan: "overflow at north".to_string(),
            assistant: "Robin".to_string(),
        };
        assert_eq!(
            known,
            [
                ("+13125550143", &best),
                ("+13125550144", &best),
                ("+13125550145", &KnownCaller::Blocked),
                ("+13125550146", &KnownCaller::Client(north))
            ]
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_remedy() {
        let caller = |keys: &str| read(&format!("[[caller]]\nname = \"A\"\n{keys}")).unwrap_err();
        for (keys, says) in [
            ("numbers = []", "name a number"),
            ("numbers = [\"12\"]", "numbers"),
            ("numbers = [\"+13125550143\", \"3125550143\"]", "belongs to caller \"A\" already"),
            (
                "numbers = [\"+13125550143\"]\nplan = \"bets\"",
                "there is no [[plan]] named \"bets\"; did you mean",
            ),
            ("numbers = [\"+13125550143\"]\nplan = \"best\"\nblocked = true", "a blocked caller has no plan"),
            (
                "numbers = [\"+13125550143\"]\noffice = \"main\"\nblocked = true",
                "a blocked caller has no office",
            ),
            (
                "numbers = [\"+13125550143\"]\noffice = \"nort\"",
                "there is no office named \"nort\"; did you mean",
            ),
        ] {
            assert!(caller(keys).contains(says), "{keys}: {}", caller(keys));
        }
    }
}
