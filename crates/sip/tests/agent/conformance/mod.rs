//! What this endpoint promises, clause by clause, and which test holds each: `docs/conformance.md` is written from here.
//!
//! A clause is one sentence of what is asked of the user agent, in a table of its section below. To cover one, write a test
//! whose name is a sentence and name it: [`here`] for a test of this program, which is run when the page is made, [`elsewhere`]
//! for one in another file, which is looked for. A clause that is not built yet says so ([`not_yet`]), and [`NOT_YET`] is how
//! many there are: it only ever becomes smaller. `FIRSTRING_WRITE=1 cargo test -p sip conformance` writes the page anew.
//!
//! Rule: a clause that nothing holds and that is not owned up to does not pass.

mod dialog;
mod joining;
mod limits;
mod transports;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Clauses that nothing holds yet. Lower it with each one that is built; it is never raised.
const NOT_YET: usize = 0;

/// One promise.
struct Clause {
    says: &'static str,
    source: &'static str,
    held: &'static [Held],
}

/// What holds a clause.
enum Held {
    /// A test of this program, by its full name.
    Here(&'static str),
    /// A test in another file, by path and name.
    Elsewhere(&'static str, &'static str),
    /// Nothing yet, and what is missing.
    NotYet(&'static str),
}

const fn clause(says: &'static str, source: &'static str, held: &'static [Held]) -> Clause {
    Clause { says, source, held }
}

const fn here(name: &'static str) -> Held {
    Held::Here(name)
}

const fn elsewhere(file: &'static str, name: &'static str) -> Held {
    Held::Elsewhere(file, name)
}

const fn not_yet(missing: &'static str) -> Held {
    Held::NotYet(missing)
}

/// The sections: number, title, clauses. A clause is numbered by its section and its place.
const SECTIONS: [(u8, &str, &[Clause]); 4] = [
    (1, "Joining a trunk", joining::CLAUSES),
    (3, "Transports", transports::CLAUSES),
    (4, "The rest of the dialog", dialog::CLAUSES),
    (5, "Limits and floods", limits::CLAUSES),
];

#[test]
fn every_clause_is_held_by_a_test_or_owned_up_to() {
    let outcomes = outcomes();
    let mut failing = Vec::new();
    let mut missing = 0;
    for (number, _, clauses) in SECTIONS {
        for (place, clause) in (1..).zip(clauses) {
            failing.extend(
                clause.failings(&outcomes).into_iter().map(|what| format!("{number}.{place}: {what}")),
            );
            missing += usize::from(clause.is_missing());
        }
    }
    assert_eq!(failing, Vec::<String>::new());
    assert_eq!(missing, NOT_YET, "clauses that nothing holds yet; NOT_YET only ever becomes smaller");
    let page = page(missing);
    let path = root().join("docs/conformance.md");
    if from_environment("FIRSTRING_WRITE") {
        write(&path, &page);
    }
    let told = "docs/conformance.md is not what the tables say; FIRSTRING_WRITE=1 cargo test -p sip conformance writes it";
    assert!(read(&path) == page, "{told}");
}

#[test]
fn a_test_that_is_not_there_or_fails_is_found() {
    let outcomes = BTreeMap::from([("a::holds".to_owned(), true), ("a::fails".to_owned(), false)]);
    let file = "crates/sip/tests/agent/conformance/mod.rs";
    for (held, failings) in [
        (here("a::holds"), 0),
        (here("a::fails"), 1),
        (here("a::is_gone"), 1),
        (elsewhere(file, "a_test_that_is_not_there_or_fails_is_found"), 0),
        (elsewhere(file, "no_test_but_a_function"), 1),
        (elsewhere("crates/sip/tests/gone.rs", "x"), 1),
        (not_yet("a name"), 0),
        (not_yet(""), 1),
    ] {
        assert_eq!(held.failing(&outcomes).into_iter().count(), failings);
    }
    assert_eq!(clause("x", "y", &[]).failings(&outcomes).len(), 1, "nothing holds it");
}

impl Clause {
    fn failings(&self, outcomes: &BTreeMap<String, bool>) -> Vec<String> {
        if self.held.is_empty() {
            return vec!["nothing holds it, and nobody owns up to that".to_owned()];
        }
        self.held.iter().filter_map(|held| held.failing(outcomes)).collect()
    }

    fn is_missing(&self) -> bool {
        self.held.iter().any(|held| matches!(held, Held::NotYet(_)))
    }
}

impl Held {
    /// What is wrong with it, if anything is.
    fn failing(&self, outcomes: &BTreeMap<String, bool>) -> Option<String> {
        match self {
            Held::Here(name) => match outcomes.get(*name) {
                Some(true) => None,
                Some(false) => Some(format!("{name} fails")),
                None => Some(format!("there is no test {name}")),
            },
            Held::Elsewhere(file, name) => {
                (!has_test(&read(&root().join(file)), name)).then(|| format!("{file} has no test {name}"))
            }
            Held::NotYet(missing) => {
                missing.is_empty().then(|| "it says nothing of what is missing".to_owned())
            }
        }
    }

    /// A line of the page.
    fn shown(&self) -> String {
        match self {
            Held::Here(name) => format!("`{name}`"),
            Held::Elsewhere(file, name) => {
                let file = file.trim_start_matches("crates/").trim_end_matches(".rs");
                format!("`{file}`: `{name}`")
            }
            Held::NotYet(missing) => (*missing).to_owned(),
        }
    }
}

/// True if the text of a file holds a test of this name.
fn has_test(text: &str, name: &str) -> bool {
    let begin = format!("fn {name}(");
    let mut lines = text.lines().map(str::trim);
    let mut test = false;
    lines.any(|line| {
        let found = test && line.contains(&begin);
        // Further attributes may stand between.
        test = line == "#[test]" || line.ends_with("#[test]") || (test && line.starts_with("#["));
        found
    })
}

/// Runs every test of this program that a clause names, and says how it went.
fn outcomes() -> BTreeMap<String, bool> {
    let clauses = SECTIONS.iter().flat_map(|(_, _, clauses)| clauses.iter());
    let names = clauses.flat_map(|clause| clause.held).filter_map(|held| match held {
        Held::Here(name) => Some(*name),
        Held::Elsewhere(..) | Held::NotYet(_) => None,
    });
    let program = std::env::current_exe().expect("this program has a path");
    let run = Command::new(program).arg("--exact").args(names).output().expect("this program can be run");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let lines = said.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
    lines.map(|(name, outcome)| (name.to_owned(), outcome == "ok")).collect()
}

fn page(missing: usize) -> String {
    let all: usize = SECTIONS.iter().map(|(_, _, clauses)| clauses.len()).sum();
    let mut page = format!(
        "# Conformance\n\nWhat the user agent promises, clause by clause, and the test that holds each. {} of {all} clauses hold; {missing} are not\nbuilt yet, and say what is missing.\n\n\
         Written by the tests of `crates/sip` from the tables in `crates/sip/tests/agent/conformance`, which also say how a clause\n\
         is added. Tests named by a module (`placing::…`) speak with one agent in virtual time and are run while this page is made;\n\
         of those in other files it is checked that they are there. Every message of RFC 4475 and RFC 5118 has a row in\n\
         `docs/torture.md`.\n",
        all - missing
    );
    for (number, title, clauses) in SECTIONS {
        let _ = write!(
            page,
            "\n## {number}. {title}\n\n| no. | clause | source | result | scenario |\n|---|---|---|---|---|\n"
        );
        for (place, clause) in (1..).zip(clauses) {
            let result = if clause.is_missing() { "**not yet**" } else { "holds" };
            let held: Vec<_> = clause.held.iter().map(Held::shown).collect();
            let _ = writeln!(
                page,
                "| {number}.{place} | {} | {} | {result} | {} |",
                clause.says,
                clause.source,
                held.join("<br>")
            );
        }
    }
    page
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

// The page and the tests of other crates lie in files; a soak or a rewrite is asked for by the environment.
#[allow(clippy::disallowed_methods)]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[allow(clippy::disallowed_methods)]
fn write(path: &Path, page: &str) {
    std::fs::write(path, page).expect("the page can be written");
}

#[allow(clippy::disallowed_methods)]
fn from_environment(name: &str) -> bool {
    std::env::var(name).is_ok()
}
