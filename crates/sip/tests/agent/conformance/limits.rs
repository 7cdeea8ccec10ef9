//! Limits and floods: channels, what is answered when there are none, and who may cost us anything.

use super::{Clause, clause, elsewhere, here};

const ARRIVING: &str = "crates/line/tests/arriving.rs";
const FAULTS: &str = "crates/firstring/tests/wire/faults.rs";
const SWITCHBOARD: &str = "crates/desk/src/switchboard.rs";

pub const CLAUSES: &[Clause] = &[
    clause(
        "Channels are counted exactly: what is refused, half dead or cancelled gives its channel back",
        "our own rule",
        &[
            elsewhere(SWITCHBOARD, "a_third_call_on_two_channels_waits_until_one_is_given_back"),
            elsewhere(SWITCHBOARD, "fewer_channels_after_a_change_are_honoured_once_calls_have_ended"),
            elsewhere(FAULTS, "a_call_beyond_the_channels_is_told_busy_until_one_is_free"),
            elsewhere(
                "crates/sim/tests/days.rs",
                "no_line_leaks_when_lines_break_people_are_out_and_the_desk_is_stopped",
            ),
        ],
    ),
    clause(
        "A full trunk answers 486, or what its carrier makes more of",
        "RFC 3261 section 21.4.24",
        &[
            elsewhere(ARRIVING, "a_full_trunk_answers_as_its_carrier_likes_it"),
            elsewhere(FAULTS, "a_call_beyond_the_channels_is_told_busy_until_one_is_free"),
        ],
    ),
    clause(
        "A desk that stops answers new calls 503 and keeps the old ones",
        "RFC 3261 section 21.5.4",
        &[
            here("answering::a_desk_that_closes_sends_new_calls_elsewhere_and_keeps_the_old_ones"),
            elsewhere(FAULTS, "a_stop_lets_people_finish_and_sends_new_calls_elsewhere"),
        ],
    ),
    clause(
        "At overload new calls are answered 503 without any state",
        "RFC 3261 section 21.5.4",
        &[
            here("answering::a_call_too_many_is_shed_without_any_state"),
            here("answering::in_a_crowd_new_calls_are_shed_without_any_state_and_calls_that_are_up_go_on"),
        ],
    ),
    clause(
        "Retry-After is said at true overload only, for each carrier as it likes it",
        "RFC 3261 section 20.33",
        &[
            here("answering::a_call_too_many_is_shed_without_any_state"),
            here("answering::a_desk_that_closes_sends_new_calls_elsewhere_and_keeps_the_old_ones"),
            elsewhere("crates/line/tests/arriving.rs", "a_full_trunk_answers_as_its_carrier_likes_it"),
        ],
    ),
    clause(
        "Strangers have a budget before anything of theirs is read, and cost one table entry a minute",
        "our own rule",
        &[
            here("answering::ten_thousand_strangers_are_not_remembered"),
            elsewhere(
                "crates/firstring/tests/wire/floods.rs",
                "strangers_get_nothing_and_keep_no_caller_waiting",
            ),
        ],
    ),
    clause(
        "Each trunk has a budget of its own, which neither strangers nor other trunks can use up",
        "our own rule",
        &[here("answering::a_trunk_that_calls_without_end_leaves_the_other_its_share")],
    ),
    clause(
        "Calls, dialogs and transactions are bounded",
        "our own rule",
        &[
            here("answering::a_call_too_many_is_shed_without_any_state"),
            here("early::more_phones_than_we_follow_are_not_remembered"),
            here("early::ringing_without_end_is_acknowledged_no_further_than_stated"),
            elsewhere("crates/sip/tests/mutation.rs", "mutated_messages_do_not_stop_the_desk"),
        ],
    ),
    clause(
        "Headers, hops, routes, bodies and messages are bounded, and what is beyond is refused without a crash",
        "RFC 3261 section 21.4.11",
        &[
            here("torture::headers_beyond_any_bound_are_refused_and_not_fatal"),
            elsewhere(
                "crates/sip/src/message.rs",
                "what_is_wrong_with_a_request_is_named_and_the_rest_still_read",
            ),
        ],
    ),
    clause(
        "Connections are bounded in number and in what they may leave unsaid; slow senders are shut out",
        "our own rule",
        &[
            elsewhere(
                "crates/firstring/tests/wire/transports.rs",
                "five_hundred_slow_senders_keep_nobody_waiting_and_are_gone_soon",
            ),
            elsewhere("crates/sip/src/stream.rs", "a_stream_that_nobody_reads_does_not_grow"),
        ],
    ),
    clause(
        "Log lines about strangers are bounded to a few a minute",
        "our own rule",
        &[
            here("answering::strangers_get_no_answer_no_state_and_one_line_a_minute"),
            elsewhere(
                "crates/firstring/tests/wire/floods.rs",
                "strangers_get_nothing_and_keep_no_caller_waiting",
            ),
        ],
    ),
];
