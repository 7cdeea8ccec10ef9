//! The page that shows what every message gets.

use std::fmt::Write as _;

use sipx_testkit::{rfc4475, rfc5118};

use crate::{Row, ipv4, ipv6};

const HEAD: &str = "# Messages made to break parsers\n\n\
    RFC 4475 and RFC 5118 collect messages that are legal and look broken, or broken and look legal. Each is sent to the\n\
    user agent from an address it accepts. A stranger's gets no answer, whatever it is.\n\n\
    *rings*: taken as a call. A number: answered with that status, and nothing remembered. *dropped*: no answer, nothing\n\
    remembered. Where the method alone is refused, the second result is that of the same message as an OPTIONS.\n\n\
    Written by `make torture` (`FIRSTRING_WRITE=1` writes the page anew); a result that differs fails it.\n";

/// The page, from the tables.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    let named = |name: &str| rfc4475::case(name).map(|case| (case.section, case.title));
    table(&mut page, "RFC 4475", ipv4::ROWS, named);
    let named = |name: &str| {
        let case = rfc5118::CASES.iter().find(|case| case.name == name)?;
        Some((case.section, case.title))
    };
    table(&mut page, "RFC 5118", ipv6::ROWS, named);
    page
}

fn table(
    page: &mut String,
    title: &str,
    rows: &[Row],
    named: impl Fn(&str) -> Option<(&'static str, &'static str)>,
) {
    let _ = write!(page, "\n## {title}\n\n| section | message | result | why |\n|---|---|---|---|\n");
    for row in rows {
        let (section, title) = named(row.name).unwrap_or(("-", ""));
        let title = title.replace('<', "\\<");
        let result = match row.as_options {
            Some(second) => format!("{}, then {second}", row.fate),
            None => row.fate.to_string(),
        };
        let _ = writeln!(page, "| {section} | `{}` {title} | {result} | {} |", row.name, row.why);
    }
}
