//! Joining a trunk: passwords, registrations, who is let in, and where calls go.

use super::{Clause, clause, elsewhere, here};

const DIGEST: &str = "crates/sip/src/digest/tests.rs";
const CHALLENGE: &str = "crates/sip/src/digest/challenge.rs";
const REGISTRATION: &str = "crates/sip/src/registration.rs";
const LOCATE: &str = "crates/sip/src/locate.rs";
const WIRE: &str = "crates/firstring/tests/wire/registration.rs";
const FAILOVER: &str = "crates/line/tests/failover.rs";
const FINDING: &str = "crates/firstring/tests/wire/finding_hosts.rs";
const RESOLVING: &str = "crates/firstring/src/shell/resolving.rs";
const CARRIER: &str = "crates/firstring/src/config/carrier.rs";
const ASKED: &str = "crates/firstring/tests/wire/carriers_asked.rs";

const TRUST: &str = "crates/firstring/tests/wire/trust.rs";
const CERTIFICATE: &str = "crates/firstring/src/shell/certificate.rs";

pub const CLAUSES: &[Clause] = &[
    clause(
        "A password is proved by MD5, SHA-256 and SHA-512-256, each as other libraries do it",
        "RFC 7616, RFC 8760",
        &[
            elsewhere("crates/sip/src/digest/algorithm.rs", "the_hashes_are_the_published_ones"),
            elsewhere(DIGEST, "the_examples_of_rfc_7616_and_rfc_2617_come_out_as_printed"),
            elsewhere(DIGEST, "every_way_of_asking_is_answered_as_another_library_does"),
        ],
    ),
    clause(
        "Lists of qop are read, in whatever spelling of the algorithm",
        "RFC 7616 section 3.3",
        &[
            elsewhere(CHALLENGE, "what_is_protected_follows_the_offer"),
            elsewhere(
                "crates/sip/src/digest/algorithm.rs",
                "algorithms_are_known_in_any_case_and_others_are_not",
            ),
        ],
    ),
    clause(
        "Of several challenges the strongest that we know is answered",
        "RFC 8760 section 2.4",
        &[
            elsewhere(DIGEST, "of_several_challenges_the_strongest_understood_is_taken"),
            elsewhere(CHALLENGE, "several_challenges_are_told_apart_in_one_line_and_in_several"),
        ],
    ),
    clause(
        "A nonce that went stale is replaced once, without asking anybody for a password",
        "RFC 7616 section 3.3",
        &[here("login::a_nonce_that_went_stale_is_replaced_once")],
    ),
    clause(
        "A nonce is counted each time it is used, and used again without being asked for",
        "RFC 7616 section 3.4",
        &[
            elsewhere(DIGEST, "a_nonce_is_counted_each_time_it_is_used_and_a_new_one_starts_again"),
            here("joining::a_password_is_given_and_the_next_time_without_being_asked"),
        ],
    ),
    clause(
        "423: the longer time is asked for at once",
        "RFC 3261 section 10.2.8",
        &[here("joining::a_registrar_that_wants_a_longer_time_gets_it_at_once")],
    ),
    clause(
        "403 and a wrong password raise an alarm, and are tried again too rarely to lock an account",
        "RFC 3261 section 10.2",
        &[
            here("joining::a_wrong_password_is_alarmed_and_tried_so_rarely_that_no_account_is_locked"),
            elsewhere(REGISTRATION, "a_refused_account_is_tried_too_rarely_to_be_locked"),
            elsewhere(WIRE, "a_wrong_password_is_told_and_not_tried_again_and_again"),
        ],
    ),
    clause(
        "503 and silence: tried again after 2 to 5 s at first, later up to 60 s apart with jitter, and as Retry-After says",
        "RFC 3261 section 21.5.4, RFC 5626 section 4.5",
        &[
            elsewhere(
                REGISTRATION,
                "a_registrar_that_is_away_is_tried_soon_for_a_minute_and_then_up_to_a_minute_apart",
            ),
            here("joining::each_answer_leads_to_its_state_and_to_the_next_try_in_its_time"),
            here(
                "joining::a_registrar_that_stays_away_is_told_within_thirty_seconds_and_asked_about_once_a_minute",
            ),
        ],
    ),
    clause(
        "A registrar that returns within the first minute has us again within 5 s",
        "our own bound",
        &[
            here("joining::a_registrar_that_is_back_within_a_minute_has_us_within_five_seconds"),
            elsewhere(WIRE, "a_registrar_that_comes_up_after_the_desk_is_found"),
        ],
    ),
    clause(
        "A registration is renewed in good time, and taken back when the desk stops",
        "RFC 3261 section 10.2.2 and 10.2.4",
        &[
            here("joining::the_desk_registers_renews_and_leaves"),
            elsewhere(REGISTRATION, "a_registration_is_renewed_well_before_it_ends"),
        ],
    ),
    clause(
        "After a restart there is one Contact, the same as before",
        "RFC 3261 section 10.2.1",
        &[
            here("joining::what_a_former_life_left_at_the_registrar_is_taken_back_once"),
            elsewhere(REGISTRATION, "a_contact_is_the_same_after_a_restart_and_another_for_each_trunk"),
            elsewhere(WIRE, "a_desk_that_is_killed_and_starts_again_has_one_contact"),
        ],
    ),
    clause(
        "Another address of ours is registered, and the old one taken back",
        "RFC 3261 section 10.2.2",
        &[here("joining::another_address_is_registered_and_the_old_one_taken_back")],
    ),
    clause(
        "We say that we support Path, so that edge proxies may stand between",
        "RFC 3327 section 5.1",
        &[here("joining::edge_proxies_may_stand_between")],
    ),
    clause(
        "Calls over a registration take the Service-Route that it was told",
        "RFC 3608 section 6",
        &[here("joining::a_call_placed_over_a_registration_takes_the_route_it_was_told")],
    ),
    clause(
        "A call over a registration is known by a Contact user that nobody can guess, and by nothing else",
        "RFC 3261 section 10.2.1",
        &[
            here("joining::a_call_over_a_registration_is_known_as_its_own_and_no_other_gets_in"),
            elsewhere(CARRIER, "a_registered_trunk_lets_in_nobody_else"),
            elsewhere(WIRE, "calls_come_over_a_registration_and_people_are_rung_with_its_password"),
        ],
    ),
    clause(
        "User to prove, domain, registrar and proxy are each their own",
        "RFC 3261 section 10.2",
        &[here("joining::user_domain_registrar_and_proxy_are_each_their_own")],
    ),
    clause(
        "Several registrations live beside each other, at one carrier too",
        "RFC 3261 section 10",
        &[
            here("joining::many_registrations_live_beside_each_other"),
            here("joining::of_two_trunks_at_one_carrier_the_registration_tells_which_was_called"),
        ],
    ),
    clause(
        "A trunk without registration is let in by address range",
        "our own rule",
        &[
            elsewhere("crates/sip/src/peer.rs", "a_network_holds_its_addresses_and_no_others"),
            elsewhere(CARRIER, "a_known_carrier_may_call_without_a_word_about_its_addresses"),
        ],
    ),
    clause(
        "A trunk is let in by name, whatever addresses that has today",
        "our own rule",
        &[elsewhere(FINDING, "a_host_in_accept_from_lets_in_its_addresses_and_nobody_else")],
    ),
    clause(
        "A trunk is let in by its TLS identity",
        "RFC 5922 section 7",
        &[
            here("proofs::whoever_proves_to_be_the_carrier_is_the_carrier_wherever_it_calls_from"),
            here("proofs::nobody_else_is_let_in_by_a_certificate_and_nothing_is_kept_of_them"),
            here("proofs::what_was_proved_holds_for_that_connection_only_and_as_long_as_it_is_up"),
            elsewhere(
                CERTIFICATE,
                "a_certificate_is_for_its_sip_domains_or_else_for_its_hosts_and_nobody_else",
            ),
            elsewhere(TRUST, "a_carrier_that_shows_its_certificate_may_call_from_anywhere"),
            elsewhere(TRUST, "a_certificate_for_somebody_else_or_of_somebody_else_lets_nobody_in"),
        ],
    ),
    clause(
        "A telephone system that logs in to us proves its password against nonces of ours, each used once",
        "RFC 3261 section 22.1, RFC 7616 section 3.3",
        &[
            here("guards::a_caller_who_knows_the_password_gets_in_and_nothing_is_remembered_of_who_does_not"),
            here("guards::what_was_overheard_opens_nothing"),
            here("guards::a_nonce_is_ours_and_no_older_than_five_minutes"),
            here("guards::however_many_nonces_are_in_use_none_is_used_twice"),
        ],
    ),
    clause(
        "A host is found by NAPTR, SRV and addresses, and calls are spread by weight",
        "RFC 3263 section 4, RFC 2782",
        &[
            elsewhere(LOCATE, "a_carrier_is_found_by_naptr_then_srv_then_addresses"),
            elsewhere(LOCATE, "calls_are_spread_by_weight_and_never_across_priorities"),
            elsewhere("crates/firstring/src/shell/asking.rs", "services_and_addresses_are_read"),
            elsewhere(
                FINDING,
                "people_are_called_at_the_next_target_when_the_first_refuses_and_still_when_dns_is_out",
            ),
        ],
    ),
    clause(
        "A registration goes on to the next target after 503, silence or a refused connection, and spares the one that failed",
        "RFC 3263 section 4.3",
        &[here("joining::the_next_server_is_taken_when_one_fails_and_the_failed_one_is_spared")],
    ),
    clause(
        "A placed call goes on to the next target after 503, silence or a refused connection",
        "RFC 3263 section 4.3",
        &[
            elsewhere(
                FAILOVER,
                "a_call_that_meets_503_or_silence_goes_on_to_the_next_target_within_its_time",
            ),
            elsewhere(FAILOVER, "who_failed_is_called_last_for_a_while_and_first_again_when_it_serves"),
            elsewhere(FAILOVER, "a_person_is_unreachable_when_every_target_fails_and_each_was_called_once"),
            elsewhere(LOCATE, "who_failed_is_tried_last_until_the_penalty_is_over"),
        ],
    ),
    clause(
        "What name servers said is used past its time when none of them answers",
        "our own rule",
        &[
            elsewhere(RESOLVING, "what_was_found_last_counts_until_something_else_is_found"),
            elsewhere(RESOLVING, "records_are_asked_for_again_when_they_end_within_bounds"),
            elsewhere(
                "crates/firstring/tests/wire/faults.rs",
                "a_desk_that_starts_while_names_cannot_be_looked_up_answers_all_the_same",
            ),
        ],
    ),
    clause(
        "OPTIONS are answered as long as calls would be, within a call in the order of its requests, and asked of trunks",
        "RFC 3261 section 11 and 12.2.2",
        &[
            here("answering::options_are_answered_as_long_as_we_live_and_cost_nothing"),
            here("answering::options_within_a_call_keep_the_order_of_its_requests"),
            here("login::a_far_end_is_asked_whether_it_is_there"),
            elsewhere(ASKED, "a_registrar_that_wants_a_password_is_there_and_is_given_none"),
        ],
    ),
    clause(
        "The way to a registrar is kept open through routers",
        "RFC 5626 section 3.5.1",
        &[here("joining::routers_on_the_way_are_kept_open")],
    ),
];
