//! Transports: UDP, TCP, TLS, both kinds of address, and what we call ourselves.

use super::{Clause, clause, elsewhere, here};

const STREAM: &str = "crates/sip/src/stream.rs";
const ADDRESSES: &str = "crates/firstring/tests/wire/addresses.rs";
const WIRE: &str = "crates/firstring/tests/wire/transports.rs";
const TRUST: &str = "crates/firstring/tests/wire/trust.rs";
const PHONES: &str = "crates/firstring/tests/wire/phones.rs";

pub const CLAUSES: &[Clause] = &[
    clause(
        "Calls come and go over UDP, resent until they are answered",
        "RFC 3261 section 17 and 18",
        &[
            here("answering::a_call_is_answered_and_ended_and_leaves_nothing_behind"),
            here("placing::a_person_is_called_answers_and_is_hung_up_on"),
            here("lossy::three_hundred_calls_end_once_each_on_a_bad_network"),
        ],
    ),
    clause(
        "Calls come and go over TCP, along the connection they came by, said once",
        "RFC 3261 section 18",
        &[
            here("connections::a_caller_is_answered_along_the_connection_it_came_by"),
            here("connections::a_request_over_a_connection_goes_out_once"),
            here("connections::a_reply_whose_connection_has_ended_goes_to_where_its_asker_listens"),
            elsewhere(STREAM, "messages_are_the_same_however_the_stream_is_cut"),
        ],
    ),
    clause(
        "The desk listens on TCP sockets, opens connections, and registers anew when one is lost",
        "RFC 3261 section 18, RFC 5626 section 4.5",
        &[
            elsewhere(WIRE, "calls_come_and_people_are_rung_over_a_connection_to_the_carrier"),
            elsewhere(WIRE, "callers_come_over_one_connection_or_over_one_each"),
            elsewhere(WIRE, "a_desk_that_no_connection_can_be_made_to_is_called_over_its_own"),
            elsewhere(WIRE, "a_carrier_that_goes_and_comes_back_finds_the_desk_registered_again"),
        ],
    ),
    clause(
        "Calls come and go over TLS",
        "RFC 3261 section 26.3.1",
        &[elsewhere(
            WIRE,
            "calls_come_over_tls_from_a_carrier_that_an_authority_or_a_fingerprint_vouches_for",
        )],
    ),
    clause(
        "Kamailio, baresip and linphone register, are answered and are rung with us over UDP, TCP and TLS, IPv4 and IPv6",
        "RFC 3261",
        &[elsewhere(PHONES, "telephones_of_others_are_answered_and_rung_over_every_transport")],
    ),
    clause(
        "A request too long for a datagram goes over TCP",
        "RFC 3261 section 18.1.1",
        &[here("connections::a_request_too_long_for_a_datagram_goes_over_a_connection_where_we_have_any")],
    ),
    clause(
        "Over TLS, a far end is trusted by a file or a pin, and checked against the SIP domain",
        "RFC 5922 section 7",
        &[
            elsewhere(
                WIRE,
                "calls_come_over_tls_from_a_carrier_that_an_authority_or_a_fingerprint_vouches_for",
            ),
            elsewhere(WIRE, "nothing_is_said_to_a_carrier_that_shows_the_wrong_certificate"),
        ],
    ),
    clause(
        "Over TLS, a far end is trusted by public roots",
        "RFC 5922 section 7",
        &[
            elsewhere(
                TRUST,
                "an_authority_of_this_machine_vouches_for_the_host_that_was_named_and_for_no_other",
            ),
            elsewhere(TRUST, "a_machine_that_does_not_know_the_authority_is_told_to_name_it"),
        ],
    ),
    clause(
        "Over TLS, we show a certificate to those who ask for one",
        "RFC 8446 section 4.4.2",
        &[
            elsewhere(TRUST, "a_carrier_that_asks_for_a_certificate_is_shown_ours_and_is_missed_without"),
            here("connections::a_registrar_that_is_not_trusted_is_told_with_what_helps_and_asked_again"),
        ],
    ),
    clause(
        "Certificate files are read anew without dropping a connection",
        "our own rule",
        &[elsewhere(
            "crates/firstring/src/shell/tls.rs",
            "new_files_are_taken_up_and_broken_ones_change_nothing",
        )],
    ),
    clause(
        "IPv4 and IPv6 are spoken alike, in SIP and in descriptions",
        "RFC 3261 section 19.1, RFC 4566 section 5.7, RFC 5118",
        &[
            here("connections::an_address_of_the_new_kind_is_written_with_its_brackets"),
            elsewhere(WIRE, "ipv6_carries_calls_and_their_sound_over_both_transports"),
            elsewhere("crates/sip/src/sdp/negotiate.rs", "the_newer_address_family_is_spoken_as_well"),
            elsewhere(
                "torture/tests/messages.rs",
                "every_message_of_rfc_5118_meets_the_fate_that_was_meant_for_it",
            ),
        ],
    ),
    clause(
        "We are advertised by our public address, as configured or as a registrar sees us, and never by a wildcard",
        "RFC 3261 section 8.1.1.8, RFC 3581",
        &[
            elsewhere("crates/sip/src/peer.rs", "a_wildcard_address_is_never_advertised"),
            here("joining::the_registrar_tells_us_where_it_sees_us"),
            here("answering::nobody_is_told_to_call_back_at_a_wildcard_address"),
        ],
    ),
    clause(
        "A public address that nobody names is asked of a STUN server, and only its own answer counts",
        "RFC 8489",
        &[
            elsewhere("crates/sip/src/stun.rs", "the_examples_of_rfc_5769_are_read"),
            elsewhere(
                "crates/sip/src/stun.rs",
                "a_server_that_is_silent_is_asked_seven_times_and_again_a_minute_after_it_was_given_up",
            ),
            elsewhere("crates/sip/src/stun.rs", "only_the_server_s_own_answer_to_the_open_question_counts"),
            elsewhere(
                ADDRESSES,
                "a_stun_server_is_asked_from_the_socket_of_our_calls_and_only_its_own_answer_counts",
            ),
        ],
    ),
    clause(
        "Via and Contact of everything we send name the advertised address",
        "RFC 3261 section 8.1.1.7 and 8.1.1.8",
        &[here("answering::behind_a_router_we_are_called_back_at_its_address")],
    ),
    clause(
        "The session description names the same address as Contact",
        "RFC 4566 section 5.7",
        &[
            elsewhere(ADDRESSES, "our_messages_tell_one_address_whether_it_is_our_own_or_a_written_one"),
            elsewhere(ADDRESSES, "over_tcp_a_person_is_told_the_same_address_everywhere"),
            elsewhere(ADDRESSES, "our_messages_tell_the_address_at_which_a_registrar_sees_us"),
        ],
    ),
    clause(
        "No password is proved to a realm that is not the trunk's, nor to whom the call did not go to",
        "RFC 3261 section 22",
        &[
            here("login::another_realm_gets_no_answer_and_the_operator_a_sentence"),
            here("login::whom_the_call_did_not_go_to_is_given_nothing_to_guess_from"),
            here("login::a_call_without_an_account_is_never_proved"),
        ],
    ),
    clause(
        "Nobody but registered and accepted peers gets state or an answer",
        "our own rule",
        &[
            here("answering::strangers_get_no_answer_no_state_and_one_line_a_minute"),
            here("answering::right_ids_from_a_wrong_source_end_no_call"),
            here("placing::whom_we_call_may_not_call_us"),
            here("connections::nobody_but_who_may_speak_is_let_in_and_a_connection_shut_unread_is_counted"),
            elsewhere(WIRE, "a_stranger_is_closed_unread_and_a_question_is_answered_along_its_connection"),
            elsewhere("crates/firstring/tests/wire/faults.rs", "strangers_get_no_answer_and_leave_no_call"),
        ],
    ),
];
