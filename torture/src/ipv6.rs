//! RFC 5118.

use crate::Fate::{Gets, Rings};
use crate::{Row, refused, row};

/// What every message of RFC 5118 gets, in the order of its sections.
pub const ROWS: &[Row] = &[
    refused("ipv6-good", Gets(200), "an address in brackets; we are no registrar"),
    refused("ipv6-bad", Gets(400), "an address without brackets is no host"),
    refused(
        "port-ambiguous",
        Gets(200),
        "what looks like a port is the end of the address; we are no registrar",
    ),
    refused("port-unambiguous", Gets(200), "a port behind the bracket; we are no registrar"),
    row(
        "via-received-param-with-delim",
        Gets(481),
        "`received` may stand in brackets; no dialog of ours is ended",
    ),
    row("via-received-param-no-delim", Gets(200), "`received` may stand without brackets"),
    row("ipv6-in-sdp", Rings, "sound at an IPv6 address"),
    row("mult-ip-in-header", Gets(481), "both kinds of address in one Via path; no dialog of ours is ended"),
    row("mult-ip-in-sdp", Rings, "sound over one kind of address, another medium over the other"),
    row("ipv4-mapped-ipv6", Rings, "an IPv4 address in the dress of IPv6"),
    row("ipv6-bug-abnf-3-colons", Gets(200), "one colon too many was right by the letter of RFC 3261"),
    row("ipv6-correct-abnf-2-colons", Gets(200), "the same address as it should be written"),
];
