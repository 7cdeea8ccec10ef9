//! Every message of both RFCs, held against the tables.

use firstring_torture::{Row, as_options, fate, ipv4, ipv6, page};
use sipx_testkit::{rfc4475, rfc5118};

/// Every message whose fate is another than its row says.
fn differing(rows: &[Row], bytes: impl Fn(&str) -> Vec<u8>, v6: bool) -> Vec<String> {
    let mut differing = Vec::new();
    for row in rows {
        let bytes = bytes(row.name);
        let found = fate(&bytes, v6);
        let second = row.as_options.map(|_| fate(&as_options(&bytes), v6));
        if (found, second) != (row.fate, row.as_options) {
            differing.push(format!(
                "{}: {found} {second:?}, expected {} {:?}",
                row.name, row.fate, row.as_options
            ));
        }
    }
    differing
}

#[test]
fn every_message_of_rfc_4475_meets_the_fate_that_was_meant_for_it() {
    let names: Vec<_> = rfc4475::CASES.iter().map(|case| case.name).collect();
    assert_eq!(sorted(ipv4::ROWS), sorted_names(names), "one row for each message");
    let bytes = |name: &str| rfc4475::case(name).expect("it has a row").bytes.to_vec();
    assert_eq!(differing(ipv4::ROWS, bytes, false), Vec::<String>::new());
}

#[test]
fn every_message_of_rfc_5118_meets_the_fate_that_was_meant_for_it() {
    let names: Vec<_> = rfc5118::CASES.iter().map(|case| case.name).collect();
    assert_eq!(sorted(ipv6::ROWS), sorted_names(names), "one row for each message");
    let bytes = |name: &str| {
        let case = rfc5118::CASES.iter().find(|case| case.name == name).expect("it has a row");
        case.wire().to_vec()
    };
    assert_eq!(differing(ipv6::ROWS, bytes, true), Vec::<String>::new());
}

#[test]
fn the_page_says_what_the_tables_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/torture.md");
    if std::env::var_os("FIRSTRING_WRITE").is_some() {
        std::fs::write(path, page()).expect("the page can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == page(),
        "docs/torture.md is not what the tables say; FIRSTRING_WRITE=1 make torture writes it"
    );
}

fn sorted(rows: &[Row]) -> Vec<&'static str> {
    sorted_names(rows.iter().map(|row| row.name).collect())
}

fn sorted_names(mut names: Vec<&'static str>) -> Vec<&'static str> {
    names.sort_unstable();
    names
}
