//! The walls of the house: what `cargo metadata` says about our crates, held against `ARCHITECTURE.md`.
//!
//! Clocks and sockets in the pure rooms are caught by the `clippy.toml` of each; here stands what lies between
//! crates: who may use whom, whose territory a third-party crate is, and whether the page still tells the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

#[test]
fn every_arrow_between_our_crates_is_one_the_architecture_page_allows() {
    let rooms = rooms(&read("ARCHITECTURE.md"));
    let house = House::from_cargo();
    let on_the_page: BTreeSet<_> = rooms.keys().map(String::as_str).collect();
    assert_eq!(house.ours(), on_the_page, "the crates of the workspace and the rooms of ARCHITECTURE.md");
    assert_eq!(house.arrows_outside(&rooms), Vec::<String>::new());
}

#[test]
fn an_arrow_that_the_table_does_not_name_is_found() {
    let rooms = rooms(
        "## The nine rooms\n| room | one line | may use of ours | kind |\n|---|---|---|---|\n\
         | `desk` | decides | nothing | pure |\n| `store` | remembers | `desk` | reaches the world |\n",
    );
    let house = House(BTreeMap::from([
        ("desk".to_owned(), BTreeSet::from(["store".to_owned()])),
        ("store".to_owned(), BTreeSet::from(["desk".to_owned()])),
    ]));
    assert_eq!(house.arrows_outside(&rooms), ["desk -> store"]);
}

#[test]
fn every_pure_room_forbids_clocks_sockets_and_unordered_maps() {
    let pure: Vec<_> = rooms(&read("ARCHITECTURE.md"))
        .into_iter()
        .filter_map(|(name, room)| (room.kind == Kind::Pure).then_some(name))
        .collect();
    assert_eq!(pure, ["desk", "line", "media", "sim", "sip"]);
    for room in pure {
        let wall: toml::Table = read(&format!("crates/{room}/clippy.toml")).parse().unwrap();
        let forbidden: BTreeSet<_> = ["disallowed-types", "disallowed-methods"]
            .iter()
            .flat_map(|list| wall.get(*list).and_then(toml::Value::as_array).into_iter().flatten())
            .filter_map(|entry| entry.get("path").and_then(toml::Value::as_str))
            .collect();
        for path in FORBIDDEN_IN_PURE_ROOMS {
            assert!(forbidden.contains(path), "crates/{room}/clippy.toml does not forbid {path}");
        }
    }
}

#[test]
fn no_pure_room_brings_in_a_runtime_a_socket_or_chance() {
    let house = House::from_cargo();
    let mut found = Vec::new();
    for (name, room) in rooms(&read("ARCHITECTURE.md")) {
        if room.kind == Kind::Pure {
            let brought = house.uses(&name).filter(|used| FOR_THE_SHELL.contains(used));
            found.extend(brought.map(|used| format!("{name} uses {used}")));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn a_third_party_crate_of_a_trade_stands_in_one_room_only() {
    let house = House::from_cargo();
    let mut misplaced = Vec::new();
    for (trade, home, crates) in TRADES {
        for third_party in *crates {
            let strangers = house.users_of(third_party).into_iter().filter(|room| room != home);
            misplaced
                .extend(strangers.map(|room| format!("{room} uses {third_party} ({trade}, for {home})")));
        }
    }
    assert_eq!(misplaced, Vec::<String>::new());
}

#[test]
fn every_path_named_in_the_architecture_page_exists() {
    let page = read("ARCHITECTURE.md");
    let named = paths_named_in(&page);
    assert!(named.len() > 10, "the page names paths, and they are recognised: {named:?}");
    let missing: Vec<_> = named.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
}

#[test]
fn a_path_is_told_from_a_word() {
    let page = "`desk` reads `crates/desk/src/lib.rs`, `Makefile`, [a page](docs/x.md) and `poll_action()`;\n\
                see [elsewhere](https://example.com/a) and `/api/v1/calls`, `MIT OR Apache-2.0`.\n\
                ```text\n`in/a/drawing.rs`\n```\n`clippy.toml` in each; `GONE.md`";
    let named: Vec<_> = paths_named_in(page).into_iter().collect();
    assert_eq!(named, ["GONE.md", "Makefile", "crates/desk/src/lib.rs", "docs/x.md"]);
}

#[test]
fn no_crate_is_a_drawer_for_leftovers() {
    let house = House::from_cargo();
    for drawer in ["common", "core", "helpers", "shared", "types", "util", "utils"] {
        assert!(!house.ours().contains(drawer), "`{drawer}` is not a subject");
    }
}

/// What a `clippy.toml` of a pure room must name, whatever else it names.
const FORBIDDEN_IN_PURE_ROOMS: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::net::UdpSocket",
    "std::net::TcpStream",
    "std::fs::File",
    "std::thread::spawn",
    "std::thread::sleep",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

/// Crates that reach the world or hold dice: only rooms that reach the world may use them.
const FOR_THE_SHELL: &[&str] = &[
    "async-std",
    "axum",
    "crossbeam-channel",
    "fastrand",
    "getrandom",
    "hyper",
    "mio",
    "nix",
    "rand",
    "rayon",
    "reqwest",
    "rustix",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "ureq",
];

/// Third-party crates of a trade, and the one room of ours that may know each: (trade, room, crates).
///
/// A crate of a trade that is missing here is added with the change that brings it in.
const TRADES: &[(&str, &str, &[&str])] = &[
    (
        "SIP",
        "sip",
        &[
            "digest_auth",
            "ezk-sip-core",
            "ezk-sip-types",
            "ezk-sip-ua",
            "rsip",
            "rsiprtp",
            "rsipstack",
            "sdp-types",
            "webrtc-sdp",
        ],
    ),
    ("name servers", "firstring", &["domain", "hickory-proto", "hickory-resolver", "simple-dns"]),
    (
        "sound",
        "media",
        &["audio-codec", "earshot", "neteq", "opus", "rtc-rtcp", "rtc-rtp", "rtc-srtp", "rubato", "rustrtc"],
    ),
    (
        "speech",
        "speech",
        &[
            "async-openai",
            "flite",
            "flite-sys",
            "ort",
            "pocketsphinx",
            "pocketsphinx-sys",
            "sherpa-rs",
            "tract-onnx",
            "vosk",
            "whisper-rs",
        ],
    ),
    (
        "calendars, texts and mail",
        "connectors",
        &["google-calendar3", "icalendar", "lettre", "libdav", "rrule", "twilio"],
    ),
    (
        "databases",
        "store",
        &["deadpool-postgres", "diesel", "libsqlite3-sys", "rusqlite", "sled", "sqlx", "tokio-postgres"],
    ),
];

/// Our crates by name, each with the names of the crates it declares, of every kind.
struct House(BTreeMap<String, BTreeSet<String>>);

impl House {
    /// Development dependencies count as well: an arrow that only a test has is an arrow all the same.
    fn from_cargo() -> Self {
        let metadata = cargo_metadata();
        let packages = list(&metadata["packages"]);
        let rooms = packages.map(|package| {
            let declared = list(&package["dependencies"]);
            (text(&package["name"]), declared.map(|dependency| text(&dependency["name"])).collect())
        });
        Self(rooms.collect())
    }

    fn ours(&self) -> BTreeSet<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    fn uses(&self, room: &str) -> impl Iterator<Item = &str> {
        self.0.get(room).into_iter().flatten().map(String::as_str)
    }

    fn users_of(&self, third_party: &str) -> Vec<&str> {
        self.0.iter().filter(|(_, uses)| uses.contains(third_party)).map(|(name, _)| name.as_str()).collect()
    }

    /// The arrows between our crates that `rooms` does not allow, as `from -> to`.
    fn arrows_outside(&self, rooms: &BTreeMap<String, Room>) -> Vec<String> {
        let mut outside = Vec::new();
        for from in self.0.keys() {
            for to in self.uses(from).filter(|to| self.0.contains_key(*to)) {
                let allowed = match rooms.get(from).map(|room| &room.may_use) {
                    Some(MayUse::Everything) => true,
                    Some(MayUse::Only(names)) => names.contains(to),
                    None => false,
                };
                if !allowed {
                    outside.push(format!("{from} -> {to}"));
                }
            }
        }
        outside
    }
}

/// One row of the table of rooms.
struct Room {
    may_use: MayUse,
    kind: Kind,
}

enum MayUse {
    Everything,
    Only(BTreeSet<String>),
}

#[derive(PartialEq)]
enum Kind {
    Pure,
    ReachesTheWorld,
}

/// Reads the table under "The nine rooms". A row that cannot be read fails the test that asked.
fn rooms(page: &str) -> BTreeMap<String, Room> {
    let (_, after) = page.split_once("## The nine rooms").expect("ARCHITECTURE.md has its table of rooms");
    let section = after.split("\n## ").next().unwrap_or(after);
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, may_use, kind] = cells[..] else { panic!("four cells in: {row}") };
        let may_use = match may_use {
            "everything" => MayUse::Everything,
            "nothing" => MayUse::Only(BTreeSet::new()),
            names => MayUse::Only(backticked(names).map(str::to_owned).collect()),
        };
        let kind = match kind {
            "pure" => Kind::Pure,
            "reaches the world" => Kind::ReachesTheWorld,
            other => panic!("a room is pure or reaches the world, not {other:?}"),
        };
        (name.trim_matches('`').to_owned(), Room { may_use, kind })
    })
    .collect()
}

/// Files and folders that a page names: in backticks, or as the target of a link within the repository.
fn paths_named_in(page: &str) -> BTreeSet<&str> {
    let links = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.chain(backticked(page)).filter(|name| is_a_path(name)).collect()
}

/// A word with a slash that is no web address and no route, or a page in the root. A bare `clippy.toml` is a kind of
/// file, of which there are many.
fn is_a_path(name: &str) -> bool {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let in_the_root = ["Makefile", "deny.toml"].contains(&name) || name.ends_with(".md");
    plain && !name.starts_with('/') && (in_the_root || name.contains('/'))
}

/// The words between single backticks, line by line, outside fenced blocks.
fn backticked(page: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    let prose = page.lines().filter(move |line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    prose.flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Our packages only: nothing is resolved, so nothing needs to be downloaded.
fn cargo_metadata() -> Value {
    let asked = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs, for it built this test");
    assert!(asked.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&asked.stderr));
    serde_json::from_slice(&asked.stdout).expect("cargo metadata speaks JSON")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("cargo lists packages and their dependencies").iter()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a name is a string").to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
