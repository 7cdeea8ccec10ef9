//! What may come into the house from outside: `deny.toml` held over `cargo metadata`, with no further tool.
//!
//! Only what is built on this kind of machine is looked at; a crate for another operating system never reaches
//! the binary that is given away from here.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

#[test]
fn every_crate_has_a_licence_that_we_accept() {
    let rules = Rules::read();
    let packages = packages();
    let refused: Vec<_> = packages.iter().filter(|package| !rules.licenses.accept(package)).collect();
    assert!(refused.is_empty(), "neither in licenses.allow nor an exception: {refused:#?}");
}

#[test]
fn no_crate_that_we_refuse_has_come_in() {
    let banned = Rules::read().bans.deny;
    let packages = packages();
    let names: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    let found: Vec<_> = banned.iter().filter(|ban| names.contains(ban.name.as_str())).collect();
    assert!(found.is_empty(), "`cargo tree --invert NAME` tells who brings it: {found:#?}");
}

#[test]
fn every_refusal_says_why() {
    let unexplained: Vec<_> =
        Rules::read().bans.deny.into_iter().filter(|ban| ban.reason.trim().len() < 10).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}

#[test]
fn every_crate_comes_from_the_public_registry_or_is_ours() {
    let accepted: BTreeSet<_> =
        Rules::read().sources.allow_registry.into_iter().map(|index| format!("registry+{index}")).collect();
    let packages = packages();
    let foreign: Vec<_> = packages
        .iter()
        .filter(|package| package.source.as_ref().is_some_and(|source| !accepted.contains(source)))
        .collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
}

#[test]
fn a_licence_expression_is_read_as_spdx_means_it() {
    let cases = [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only", true),
        ("MIT AND GPL-3.0-only", false),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", true),
        ("MIT OR GPL-3.0-only AND LGPL-3.0-only", true), // AND binds closer
        ("GPL-3.0-only AND MIT OR LGPL-3.0-only", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT WITH Some-exception", false), // an exception is another licence
        ("MIT/Apache-2.0", true),           // the way it was written before SPDX
        ("MIT OR", false),
        ("(MIT", false),
        ("MIT)", false),
        ("MIT Apache-2.0", false),
        ("", false),
    ];
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"];
    for (expression, expected) in cases {
        let found = Expression::of(expression, &|licence| allowed.contains(&licence));
        assert_eq!(found, expected, "{expression:?}");
    }
}

#[test]
fn an_exception_counts_for_its_crate_alone() {
    let rules: Licences = toml::from_str(
        r#"allow = ["MIT"]
           exceptions = [{ crate = "odd", allow = ["MPL-2.0"] }]"#,
    )
    .unwrap();
    let package = |name: &str, license: Option<&str>| Package {
        name: name.to_owned(),
        license: license.map(str::to_owned),
        source: None,
    };
    assert!(rules.accept(&package("odd", Some("MPL-2.0"))));
    assert!(!rules.accept(&package("other", Some("MPL-2.0"))));
    assert!(!rules.accept(&package("silent", None)), "a crate that names no licence gives none");
}

/// The part of `deny.toml` that is held here.
#[derive(Deserialize)]
struct Rules {
    licenses: Licences,
    bans: Bans,
    sources: Sources,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    license: Option<String>,
    source: Option<String>,
}

impl Rules {
    fn read() -> Self {
        let text = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml stands in the root");
        toml::from_str(&text).expect("deny.toml has the sections that are held here")
    }
}

impl Licences {
    fn accept(&self, package: &Package) -> bool {
        let own = self.exceptions.iter().filter(|exception| exception.name == package.name);
        let allowed: BTreeSet<_> =
            self.allow.iter().chain(own.flat_map(|exception| &exception.allow)).map(String::as_str).collect();
        let expression = package.license.as_deref().unwrap_or_default();
        Expression::of(expression, &|licence| allowed.contains(licence))
    }
}

/// A licence expression, read from the left: `or = and {"OR" and}`, `and = one {"AND" one}`,
/// `one = "(" or ")" | licence ["WITH" exception]`.
struct Expression<'a> {
    words: Vec<&'a str>,
    accepts: &'a dyn Fn(&str) -> bool,
}

impl<'a> Expression<'a> {
    /// Whether what `accepts` holds is enough to satisfy `text`. One that cannot be read satisfies nobody.
    /// Source: SPDX 2.3 annex D.
    fn of(text: &'a str, accepts: &'a dyn Fn(&str) -> bool) -> bool {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let mut words: Vec<_> = spaced.split_whitespace().collect();
        words.reverse();
        let mut expression = Expression { words, accepts };
        let accepted = expression.or();
        accepted == Some(true) && expression.words.is_empty()
    }

    fn or(&mut self) -> Option<bool> {
        let mut accepted = self.and()?;
        while self.take("OR") {
            accepted |= self.and()?;
        }
        Some(accepted)
    }

    fn and(&mut self) -> Option<bool> {
        let mut accepted = self.one()?;
        while self.take("AND") {
            accepted &= self.one()?;
        }
        Some(accepted)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take("(") {
            let accepted = self.or()?;
            return self.take(")").then_some(accepted);
        }
        let licence = self.words.pop().filter(|word| !["AND", "OR", "WITH", ")"].contains(word))?;
        if self.take("WITH") {
            let exception = self.words.pop()?;
            return Some((self.accepts)(&format!("{licence} WITH {exception}")));
        }
        Some((self.accepts)(licence))
    }

    fn take(&mut self, word: &str) -> bool {
        let next = self.words.last() == Some(&word);
        if next {
            self.words.pop();
        }
        next
    }
}

/// Every package that a build for this machine is made of, tests included.
fn packages() -> Vec<Package> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let host = host();
    let asked = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", &host])
        .current_dir(root())
        .output()
        .expect("cargo runs, for it built this test");
    let said = String::from_utf8_lossy(&asked.stderr);
    assert!(asked.status.success(), "cargo metadata (after `cargo fetch` it needs no network): {said}");
    let metadata: Metadata = serde_json::from_slice(&asked.stdout).expect("cargo metadata speaks JSON");
    assert!(metadata.packages.len() > 20, "the whole tree, not only our own crates");
    metadata.packages
}

/// The name that the compiler has for this kind of machine.
fn host() -> String {
    let asked = Command::new("rustc").arg("-vV").output().expect("rustc runs, for it built this test");
    let said = String::from_utf8_lossy(&asked.stdout).into_owned();
    said.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
