//! The rest of the dialog: what happens before, inside and after a call, wanted or not.

use super::{Clause, clause, elsewhere, here};

const VET: &str = "crates/sip/src/vet.rs";
const NEGOTIATE: &str = "crates/sip/src/sdp/negotiate.rs";

pub const CLAUSES: &[Clause] = &[
    clause(
        "A caller's session timer is agreed to, kept by whoever should keep it, and ends a call whose far end vanished",
        "RFC 4028 section 9 and 10",
        &[
            here("sessions::the_timer_a_caller_asks_for_is_agreed_to"),
            here("sessions::an_interval_that_is_too_short_is_refused_with_ours"),
            here("sessions::a_caller_who_keeps_its_word_keeps_the_call_and_one_who_vanishes_loses_it"),
        ],
    ),
    clause(
        "Calls that we place ask for a session timer and keep what is agreed, by UPDATE or by an INVITE",
        "RFC 4028 section 7",
        &[
            here("sessions::a_call_we_place_asks_for_half_an_hour_and_takes_what_is_agreed"),
            here("sessions::a_person_whose_phone_wants_a_longer_session_gets_it_once"),
            here("sessions::we_repeat_our_word_by_update_or_by_what_we_said_last"),
            here("sessions::a_refresh_that_is_never_accepted_ends_the_call_in_time"),
        ],
    ),
    clause(
        "Callers who require reliable ringing get it: repeated until its PRACK, never in the way of the answer",
        "RFC 3262 section 3",
        &[
            here("reliable::ringing_is_repeated_until_it_is_acknowledged_and_the_call_then_answered"),
            here("reliable::an_answer_does_not_wait_for_the_acknowledgement_of_ringing"),
            here("reliable::a_caller_who_never_acknowledges_ringing_is_let_go"),
            here("reliable::an_acknowledgement_of_something_else_is_none"),
            here("reliable::a_caller_who_requires_it_and_wants_our_offer_is_not_rung_without_one"),
        ],
    ),
    clause(
        "Reliable ringing of those we call is acknowledged in the order of its RSeq, once, in the dialog of each phone",
        "RFC 3262 section 4",
        &[
            here("early::ringing_that_wants_to_be_acknowledged_is_acknowledged_in_its_order"),
            here("early::ringing_without_a_number_or_a_tag_is_only_heard_or_not_at_all"),
            here("early::phones_that_ring_at_once_are_acknowledged_each_in_its_dialog"),
            here("early::an_acknowledgement_that_is_refused_or_lost_does_not_end_the_call"),
        ],
    ),
    clause(
        "UPDATE is served: an offer is decided upon, a target moves, a session is refreshed",
        "RFC 3311 section 5, RFC 3261 section 14.2",
        &[
            here("sessions::an_offer_by_update_is_decided_like_any_other"),
            here("answering::what_a_caller_offers_anew_before_we_have_answered_is_put_off"),
            here("sessions::an_update_moves_where_the_far_end_is_reached"),
        ],
    ),
    clause(
        "A phone that still rings may describe itself anew by UPDATE once our offer is answered reliably, and not before",
        "RFC 3311 section 5.2, RFC 6337 section 2.2",
        &[
            here("early::a_phone_that_rings_may_describe_itself_anew_once_our_offer_is_answered"),
            here("early::an_early_offer_that_is_refused_or_left_over_changes_nothing"),
            here("early::a_phone_that_rings_cannot_do_much_else"),
        ],
    ),
    clause(
        "Hold is answered `recvonly` or `inactive`, in the dialect of RFC 2543 too, and the call resumes",
        "RFC 3264 section 8.4, RFC 6337 section 5.3",
        &[
            here("holding::a_call_is_held_resumed_moved_and_given_another_codec"),
            elsewhere(NEGOTIATE, "hold_is_understood_in_every_dialect"),
        ],
    ),
    clause(
        "Codec and address may change inside a call; numbers of payloads stay as they were offered",
        "RFC 3264 section 8.3",
        &[
            here("holding::a_call_is_held_resumed_moved_and_given_another_codec"),
            here("offers::a_caller_puts_us_on_hold_and_is_answered"),
            elsewhere(NEGOTIATE, "dynamic_payload_numbers_stay_as_they_were_offered"),
        ],
    ),
    clause(
        "An offer that is refused, theirs or ours, leaves the call as it was",
        "RFC 3261 section 14.1 and 14.2",
        &[
            here("offers::an_offer_that_is_refused_leaves_the_call_as_it_was"),
            here("offers::our_offer_that_is_refused_is_told_and_the_call_goes_on"),
            here("offers::an_offer_nobody_decides_upon_is_refused_by_itself"),
            here("offers::a_cancelled_offer_leaves_the_call_as_it_was"),
        ],
    ),
    clause(
        "A caller may leave the offer to us, when it calls and inside the call",
        "RFC 3261 section 13.2.1 and 14.2",
        &[
            here("holding::a_far_end_may_let_us_offer_first_before_and_inside_the_call"),
            here("answering::an_invitation_without_an_offer_gets_ours_and_its_answer_is_told"),
        ],
    ),
    clause(
        "Offers that cross are refused with 491 and made again: after 2.1 to 4 s by who made the call, up to 2 s by the other",
        "RFC 3261 section 14.1",
        &[
            here("holding::offers_that_cross_are_told_apart_by_who_made_the_call"),
            here("offers::offers_that_cross_are_made_again_a_little_later"),
            here("offers::their_offer_that_meets_ours_waits"),
            here("offers::one_offer_at_a_time"),
        ],
    ),
    clause(
        "Of several phones that answer one call the first is kept; each other is acknowledged and hung up",
        "RFC 3261 section 13.2.2.4",
        &[
            here("placing::a_second_phone_that_answers_is_acknowledged_and_hung_up"),
            here("early::phones_that_ring_at_once_are_acknowledged_each_in_its_dialog"),
            here("early::more_phones_than_we_follow_are_not_remembered"),
        ],
    ),
    clause(
        "What a phone plays before it answers is told, and is the answer if none comes later",
        "RFC 3261 section 13.2.1, RFC 3960",
        &[
            here("placing::an_answer_given_early_counts_if_the_200_is_bare"),
            here("early::ringing_that_wants_to_be_acknowledged_is_acknowledged_in_its_order"),
            here("early::an_answer_that_overtakes_the_ringing_needs_no_acknowledgement_of_it"),
        ],
    ),
    clause(
        "A caller's CANCEL ends a call that is not answered, and means nothing to one that is",
        "RFC 3261 section 9.2",
        &[
            here("answering::a_caller_who_gives_up_gets_487_and_the_call_is_gone"),
            here("answering::a_cancel_that_comes_too_late_or_for_nothing_changes_nothing"),
            here("reliable::a_cancelled_call_rings_no_more"),
        ],
    ),
    clause(
        "Our CANCEL waits for a provisional reply; an answer that crosses it is acknowledged and hung up",
        "RFC 3261 section 9.1",
        &[
            here("placing::a_cancel_waits_for_the_first_reply"),
            here("placing::an_answer_that_crosses_the_cancel_is_taken_and_hung_up"),
            here("placing::a_cancelled_call_that_says_nothing_more_is_let_go"),
            here("placing::a_late_answer_to_a_call_long_given_up_is_hung_up"),
        ],
    ),
    clause(
        "A lost ACK has the 200 repeated, and ends the call by BYE after 64*T1",
        "RFC 3261 section 13.3.1.4",
        &[
            here("answering::the_200_is_resent_ever_more_slowly_until_the_ack"),
            here("answering::a_call_whose_ack_never_comes_is_hung_up_after_32_seconds"),
            here("offers::an_offer_whose_ack_never_comes_ends_the_call"),
            here("answering::hanging_up_waits_for_the_ack"),
        ],
    ),
    clause(
        "A lost BYE ends nothing later than it would have: ours by itself, theirs by the session timer or the longest call",
        "RFC 3261 section 15.1, RFC 4028 section 10",
        &[
            here("answering::a_bye_of_ours_that_is_lost_ends_the_call_all_the_same"),
            here("answering::a_call_whose_end_got_lost_is_ended_by_the_longest_call"),
            here("sessions::a_caller_who_keeps_its_word_keeps_the_call_and_one_who_vanishes_loses_it"),
            here("lossy::calls_end_once_each_on_a_hopeless_network"),
        ],
    ),
    clause(
        "What is repeated gets its answer again and happens once",
        "RFC 3261 section 17.2, RFC 6026",
        &[
            here("answering::a_retransmitted_invite_does_not_ring_twice"),
            here("answering::a_bye_that_is_repeated_gets_its_answer_again"),
            here("answering::keys_pressed_are_told_once_each"),
            here("torture::a_shed_or_broken_request_gets_the_same_answer_each_time"),
        ],
    ),
    clause(
        "A call that arrives by two ways rings once; the second gets 482",
        "RFC 3261 section 8.2.2.2",
        &[here("answering::a_call_that_arrives_by_two_ways_rings_once")],
    ),
    clause(
        "An extension that we lack and a request requires gets 420, with its name in Unsupported",
        "RFC 3261 section 8.2.2.3",
        &[
            here("torture::odd_messages_are_answered_or_dropped_on_purpose"),
            here("torture::what_is_refused_says_what_would_be_right"),
        ],
    ),
    clause(
        "Keys told by INFO (application/dtmf-relay, application/dtmf) are heard, each once",
        "RFC 6086 section 4",
        &[
            here("answering::keys_pressed_are_told_once_each"),
            here("answering::a_key_pressed_before_the_answer_does_not_lose_its_ack"),
        ],
    ),
    clause(
        "Numbers are read from `tel:` addresses too, with their parameters",
        "RFC 3966, RFC 3261 section 19.1.6",
        &[
            here("numbers::a_number_is_read_from_tel_and_sip_addresses_alike"),
            here("numbers::a_number_without_brackets_keeps_its_parameters_out_of_the_tag"),
            here("numbers::no_number_at_all_is_a_broken_address"),
        ],
    ),
    clause(
        "Replaces: a call of the same trunk takes the place of one that is up, or that we place and that is not answered; it is \
         answered first, and then the other is hung up",
        "RFC 3891 section 3",
        &[
            here("replacing::a_call_of_the_same_trunk_takes_the_place_of_one_that_is_up"),
            here("replacing::a_phone_that_rings_is_let_go_when_another_takes_the_call"),
            here("replacing::a_call_that_is_not_acknowledged_yet_is_hung_up_once_it_is"),
            here(
                "replacing::a_call_over_a_registration_is_taken_over_from_where_it_speaks_and_from_nowhere_else",
            ),
        ],
    ),
    clause(
        "Replaces: what cannot be taken over changes nothing: one that is up and named `early-only` (486), one that is over (603), any \
         other and everybody else's (481), a broken or second header, Join beside it, and any request but an INVITE (400)",
        "RFC 3891 section 3",
        &[
            here("replacing::nobody_else_takes_a_callers_place_and_nothing_that_is_not_there_is_taken"),
            here("replacing::a_call_that_is_over_is_not_taken_over"),
            here("replacing::a_call_that_does_not_come_to_be_leaves_the_other_as_it_was"),
            here("replacing::nothing_but_a_call_takes_a_place"),
        ],
    ),
    clause(
        "`replaces` is supported: it may be required, and stands in our INVITE, our 200 to one, and in the answer to OPTIONS",
        "RFC 3891 section 5 and 6.2",
        &[here("replacing::it_is_told_that_places_may_be_taken")],
    ),
    clause(
        "REFER outside a call is refused (403), to a stranger there is nothing; inside one it is declined (603) unless it is decided \
         upon",
        "RFC 3515 section 2.4.2",
        &[
            here("moved::nobody_makes_us_call_someone"),
            here("referred::what_is_no_wish_that_can_be_read_is_refused"),
        ],
    ),
    clause(
        "A REFER that is taken gets 202, and NOTIFYs with what comes of it, the last of them final; our BYE waits for it",
        "RFC 3515 section 2.4.4 and 2.4.5, RFC 3420",
        &[
            here("referred::a_phone_that_wants_somebody_else_called_is_told_what_comes_of_it"),
            here("referred::a_wish_that_is_refused_changes_nothing"),
        ],
    ),
    clause(
        "Replaces in Refer-To is passed on as it was written, and stands in the INVITE that follows it",
        "RFC 5589 section 7.3",
        &[here("referred::a_call_that_is_to_be_replaced_there_is_named_in_ours")],
    ),
    clause(
        "REFER of ours: Refer-To and Referred-By, proved where a password is asked for; what comes of it is told once, and a refusal \
         or silence leaves the call as it was",
        "RFC 3515 section 2.4.1, RFC 5589 section 6",
        &[
            here("referring::a_trunk_that_is_asked_to_put_a_caller_through_tells_when_they_are"),
            here("referring::a_trunk_that_does_not_put_callers_through_keeps_them_with_us"),
            here("referring::a_trunk_that_asks_for_a_password_first_gets_it"),
            here("referring::nobody_can_be_joined_with_whoever_is_not_there"),
        ],
    ),
    clause(
        "NOTIFY is taken for a REFER of ours that is under way, by the number of that request, before its 202 too; others get 481, \
         other packages 489",
        "RFC 6665 section 4.1.3, RFC 3515 section 2.4.4 to 2.4.6, RFC 3420",
        &[
            here("referring::whatever_comes_of_it_is_told_once_and_the_call_goes_on"),
            here("referring::several_wishes_are_told_apart_by_the_number_of_their_request"),
            here("referring::words_that_nobody_asked_for_change_nothing"),
            here("referring::a_trunk_that_says_nothing_more_is_not_waited_for_longer_than_a_phone_may_ring"),
        ],
    ),
    clause(
        "Attended transfer: Refer-To names the dialog to be replaced as the other end knows it",
        "RFC 5589 section 7, RFC 3891 section 3",
        &[here("referring::a_caller_is_joined_with_the_person_in_our_place")],
    ),
    clause(
        "A BYE that overtakes the word about a transfer is answered, and told when that word has come, after 2 s at most",
        "RFC 5057 section 4",
        &[here("referring::a_goodbye_waits_a_moment_for_the_word_that_explains_it")],
    ),
    clause(
        "A 3xx is followed only to targets that were named before, in our own words; else the call is told refused with it",
        "RFC 3261 section 8.1.3.4",
        &[
            here("moved::a_call_that_is_sent_elsewhere_is_refused_unless_we_said_where_it_may_go"),
            here("moved::a_call_is_placed_anew_where_it_may_go_and_in_our_own_words"),
            here("moved::a_telephone_system_may_name_its_own_address_for_what_is_behind_it"),
            here("moved::a_call_given_up_is_not_followed"),
            elsewhere(
                "crates/line/tests/arriving.rs",
                "a_phone_may_send_its_call_on_to_people_of_ours_and_to_nobody_else",
            ),
        ],
    ),
    clause(
        "Malformed requests get 400, 405, 413, 414, 415, 416, 420, 481, 501 or 505, or are dropped, by a table",
        "RFC 3261 section 8.2 and 21.4",
        &[
            here("torture::odd_messages_are_answered_or_dropped_on_purpose"),
            here("torture::every_prefix_of_a_call_is_survived"),
            elsewhere(VET, "what_is_not_served_is_turned_away_with_the_right_status"),
            elsewhere(VET, "a_request_without_one_of_its_pillars_is_bad"),
        ],
    ),
    clause(
        "Every message of RFC 4475 and RFC 5118 is taken, answered or dropped as its row says",
        "RFC 4475, RFC 5118",
        &[
            elsewhere(
                "torture/tests/messages.rs",
                "every_message_of_rfc_4475_meets_the_fate_that_was_meant_for_it",
            ),
            elsewhere(
                "torture/tests/messages.rs",
                "every_message_of_rfc_5118_meets_the_fate_that_was_meant_for_it",
            ),
        ],
    ),
    clause(
        "Thousands of mutated messages, three of ten of them for live calls, leave everything as it was",
        "our own rule",
        &[elsewhere("crates/sip/tests/mutation.rs", "mutated_messages_do_not_stop_the_desk")],
    ),
];
