//! Tables of what calendars of all makers say, and what it means for an office in Chicago.

use super::*;

fn chicago() -> TimeZone {
    TimeZone::get("America/Chicago").unwrap()
}

fn range(from: &str, to: &str) -> Range {
    Range { from: from.parse().unwrap(), to: to.parse().unwrap() }
}

/// The year around the change to winter time on 2026-11-01.
fn always() -> Range {
    range("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
}

fn calendar(inside: &str) -> Result<Calendar, IcsError> {
    Calendar::parse(&format!("BEGIN:VCALENDAR\nVERSION:2.0\n{}\nEND:VCALENDAR\n", inside.trim()), &chicago())
}

fn event(inside: &str) -> String {
    format!("BEGIN:VEVENT\nUID:1@example.com\n{}\nEND:VEVENT", inside.replace(" | ", "\n"))
}

fn busy(inside: &str, range: Range) -> Vec<String> {
    let busy = calendar(inside).and_then(|calendar| calendar.busy(range)).unwrap();
    busy.iter().map(|stretch| format!("{} {}", stretch.start, stretch.end)).collect()
}

#[test]
fn an_event_is_busy_for_as_long_as_it_says() {
    for (event_says, expected) in [
        ("DTSTART:20261203T140000Z | DTEND:20261203T153000Z", "2026-12-03T14:00:00Z 2026-12-03T15:30:00Z"),
        (
            "DTSTART;TZID=America/Chicago:20261203T080000 | DURATION:PT1H30M",
            "2026-12-03T14:00:00Z 2026-12-03T15:30:00Z",
        ),
        ("DTSTART:20261203T080000 | DURATION:PT90M", "2026-12-03T14:00:00Z 2026-12-03T15:30:00Z"),
        (
            "DTSTART;TZID=America/Chicago:20261203T080000 | DTEND;TZID=America/New_York:20261203T100000",
            "2026-12-03T14:00:00Z 2026-12-03T15:00:00Z",
        ),
        (
            "DTSTART;TZID=Central Standard Time:20261203T080000 | DURATION:PT1H",
            "2026-12-03T14:00:00Z 2026-12-03T15:00:00Z",
        ),
        (
            "DTSTART;TZID=\"/example.org/2026a/America/Chicago\":20260703T080000 | DURATION:PT1H",
            "2026-07-03T13:00:00Z 2026-07-03T14:00:00Z",
        ),
        ("DTSTART;VALUE=DATE:20261203", "2026-12-03T06:00:00Z 2026-12-04T06:00:00Z"),
        (
            "DTSTART;VALUE=DATE:20261203 | DTEND;VALUE=DATE:20261205",
            "2026-12-03T06:00:00Z 2026-12-05T06:00:00Z",
        ),
        // The day the clocks go back has 25 hours, and the one they go forward has 23.
        ("DTSTART;VALUE=DATE:20261101", "2026-11-01T05:00:00Z 2026-11-02T06:00:00Z"),
        ("DTSTART;VALUE=DATE:20260308 | DURATION:P1D", "2026-03-08T06:00:00Z 2026-03-09T05:00:00Z"),
        // P1D is the same time tomorrow; PT24H is twenty-four hours.
        ("DTSTART:20261031T080000 | DURATION:P1D", "2026-10-31T13:00:00Z 2026-11-01T14:00:00Z"),
        ("DTSTART:20261031T080000 | DURATION:PT24H", "2026-10-31T13:00:00Z 2026-11-01T13:00:00Z"),
        // Skipped by the clocks: read with the clock before. Shown twice: the first.
        ("DTSTART:20260308T023000 | DURATION:PT1H", "2026-03-08T08:30:00Z 2026-03-08T09:30:00Z"),
        ("DTSTART:20261101T013000 | DURATION:PT1H", "2026-11-01T06:30:00Z 2026-11-01T07:30:00Z"),
        ("DTSTART:20261203T235960Z | DURATION:PT1S", "2026-12-03T23:59:59Z 2026-12-04T00:00:00Z"),
    ] {
        assert_eq!(busy(&event(event_says), always()), [expected], "{event_says}");
    }
}

#[test]
fn what_takes_no_time_is_free() {
    for free in [
        "DTSTART:20261203T140000Z | DURATION:PT1H | TRANSP:TRANSPARENT",
        "DTSTART:20261203T140000Z | DURATION:PT1H | STATUS:CANCELLED",
        "DTSTART:20261203T140000Z | DURATION:PT1H | STATUS:cancelled | RRULE:FREQ=DAILY",
        "DTSTART:20261203T140000Z",
        "DTSTART:20251203T140000Z | DURATION:PT1H",
        "DTSTART:20270101T000000Z | DURATION:PT1H",
    ] {
        assert_eq!(busy(&event(free), always()), [""; 0], "{free}");
    }
    let todo = "BEGIN:VTODO\nDTSTART:20261203T140000Z\nDURATION:PT1H\nEND:VTODO";
    assert_eq!(busy(todo, always()), [""; 0]);
}

#[test]
fn an_alarm_inside_an_event_does_not_change_it() {
    let inside = event(
        "DTSTART:20261203T140000Z | DURATION:PT1H | BEGIN:VALARM | DURATION:PT9H | STATUS:CANCELLED | END:VALARM",
    );
    assert_eq!(busy(&inside, always()), ["2026-12-03T14:00:00Z 2026-12-03T15:00:00Z"]);
}

#[test]
fn a_weekly_job_stays_at_eight_when_the_clocks_change() {
    let inside =
        event("DTSTART;TZID=America/Chicago:20251007T080000 | DURATION:PT2H | RRULE:FREQ=WEEKLY;BYDAY=TU");
    assert_eq!(
        busy(&inside, range("2026-10-26T00:00:00Z", "2026-11-08T00:00:00Z")),
        ["2026-10-27T13:00:00Z 2026-10-27T15:00:00Z", "2026-11-03T14:00:00Z 2026-11-03T16:00:00Z"]
    );
}

#[test]
fn rules_repeat_as_written() {
    let december = range("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    for (rule, days) in [
        ("DTSTART:20261201T090000 | RRULE:FREQ=DAILY;COUNT=3", vec![1, 2, 3]),
        ("DTSTART:20261201T090000 | RRULE:FREQ=DAILY;UNTIL=20261203T150000Z", vec![1, 2, 3]),
        ("DTSTART:20261201T090000 | RRULE:FREQ=DAILY;UNTIL=20261203T145959Z", vec![1, 2]),
        ("DTSTART:20261201T090000 | RRULE:FREQ=DAILY;UNTIL=20261203", vec![1, 2, 3]),
        ("DTSTART:20261201T090000 | RRULE:FREQ=DAILY;UNTIL=20261203T090000", vec![1, 2, 3]),
        ("DTSTART:20261201T090000 | RRULE:FREQ=DAILY;UNTIL=20251203", vec![1]),
        ("DTSTART:20261201T090000 | RRULE:FREQ=DAILY;INTERVAL=10", vec![1, 11, 21, 31]),
        ("DTSTART:20260105T090000 | RRULE:FREQ=MONTHLY;BYDAY=1MO,-1FR", vec![7, 25]),
        ("DTSTART:20260105T090000 | RRULE:FREQ=MONTHLY;BYMONTHDAY=-1", vec![31]),
        ("DTSTART:20260105T090000 | RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", vec![31]),
        ("DTSTART:20201225T090000 | RRULE:FREQ=YEARLY;WKST=SU", vec![25]),
        (
            "DTSTART:20261201T090000 | RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=TU,TH | EXDATE:20261203T090000,20261208T150000Z",
            vec![1, 10],
        ),
        ("DTSTART:20261201T090000 | RRULE:FREQ=WEEKLY;COUNT=3 | EXDATE;VALUE=DATE:20261208", vec![1, 15]),
        ("DTSTART:20261201T090000 | RDATE:20261205T090000,20261207T090000", vec![1, 5, 7]),
        // A start its own rule does not name is still the first.
        ("DTSTART:20261202T090000 | RRULE:FREQ=WEEKLY;BYDAY=FR;UNTIL=20261212", vec![2, 4, 11]),
        // There is no 30 February.
        ("DTSTART:20261201T090000 | RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", vec![1]),
    ] {
        let inside = event(&format!("{rule} | DURATION:PT1H"));
        let found: Vec<String> =
            days.iter().map(|day| format!("2026-12-{day:02}T15:00:00Z 2026-12-{day:02}T16:00:00Z")).collect();
        assert_eq!(busy(&inside, december), found, "{rule}");
    }
}

#[test]
fn all_day_series_are_days_of_the_office() {
    let inside =
        event("DTSTART;VALUE=DATE:20261030 | RRULE:FREQ=DAILY;UNTIL=20261102 | EXDATE;VALUE=DATE:20261031");
    assert_eq!(
        busy(&inside, always()),
        ["2026-10-30T05:00:00Z 2026-10-31T05:00:00Z", "2026-11-01T05:00:00Z 2026-11-03T06:00:00Z"]
    );
}

const DAILY: &str = "DTSTART:20261201T090000 | DURATION:PT1H | RRULE:FREQ=DAILY;COUNT=4";

#[test]
fn a_changed_occurrence_replaces_its_own_and_only_its_own() {
    let first_and_last =
        ["2026-12-01T15:00:00Z 2026-12-01T16:00:00Z", "2026-12-04T15:00:00Z 2026-12-04T16:00:00Z"];
    let third = "2026-12-03T15:00:00Z 2026-12-03T16:00:00Z";
    for (change, second) in [
        (
            "RECURRENCE-ID:20261202T090000 | DTSTART:20261202T120000 | DURATION:PT2H",
            Some("2026-12-02T18:00:00Z 2026-12-02T20:00:00Z"),
        ),
        ("RECURRENCE-ID:20261202T150000Z | DTSTART:20261202T110000 | DURATION:PT1H | STATUS:CANCELLED", None),
        (
            "RECURRENCE-ID;VALUE=DATE:20261202 | DTSTART:20261202T110000 | DURATION:PT1H | TRANSP:TRANSPARENT",
            None,
        ),
    ] {
        let inside = format!("{}\n{}", event(change), event(DAILY));
        let mut expected = vec![first_and_last[0], third, first_and_last[1]];
        second.into_iter().for_each(|second| expected.insert(1, second));
        assert_eq!(busy(&inside, always()), expected, "{change}");
    }
    let foreign =
        event("RECURRENCE-ID:20261202T090000 | DTSTART:20261202T150000 | DURATION:PT1H").replace("1@", "2@");
    assert_eq!(
        busy(&format!("{}\n{foreign}", event(DAILY)), always()).len(),
        5,
        "another series' change stands alone"
    );
}

#[test]
fn a_change_of_all_following_moves_them_too() {
    let change =
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20261203T090000 | DTSTART:20261203T140000 | DURATION:PT2H";
    assert_eq!(
        busy(&format!("{}\n{}", event(DAILY), event(change)), always()),
        [
            "2026-12-01T15:00:00Z 2026-12-01T16:00:00Z",
            "2026-12-02T15:00:00Z 2026-12-02T16:00:00Z",
            "2026-12-03T20:00:00Z 2026-12-03T22:00:00Z",
            "2026-12-04T20:00:00Z 2026-12-04T22:00:00Z",
        ]
    );
    let ended = format!("{change} | STATUS:CANCELLED");
    assert_eq!(busy(&format!("{}\n{}", event(DAILY), event(&ended)), always()).len(), 2);
}

#[test]
fn a_busy_event_in_a_free_series_is_busy() {
    let series = event(&format!("{DAILY} | TRANSP:TRANSPARENT"));
    let change = event("RECURRENCE-ID:20261202T090000 | DTSTART:20261202T090000 | DURATION:PT1H");
    assert_eq!(busy(&format!("{series}\n{change}"), always()), ["2026-12-02T15:00:00Z 2026-12-02T16:00:00Z"]);
}

#[test]
fn free_busy_lists_are_read_in_both_forms_and_what_is_free_is_not_busy() {
    let list = "BEGIN:VFREEBUSY\nFREEBUSY;FBTYPE=BUSY;VALUE=PERIOD:20261203T140000Z/PT1H30M,20261204T140000Z/20261204T150000Z\n\
                FREEBUSY;FBTYPE=FREE:20261205T140000Z/PT1H\nFREEBUSY;FBTYPE=BUSY-TENTATIVE:20261206T140000Z/PT1H\n\
                FREEBUSY:20261207T14\n 0000Z/PT1H\nEND:VFREEBUSY";
    assert_eq!(
        busy(list, always()),
        [
            "2026-12-03T14:00:00Z 2026-12-03T15:30:00Z",
            "2026-12-04T14:00:00Z 2026-12-04T15:00:00Z",
            "2026-12-06T14:00:00Z 2026-12-06T15:00:00Z",
            "2026-12-07T14:00:00Z 2026-12-07T15:00:00Z",
        ]
    );
}

#[test]
fn what_touches_is_joined() {
    let inside = [
        "DTSTART:20261203T160000Z | DURATION:PT1H",
        "DTSTART:20261203T140000Z | DURATION:PT1H",
        "DTSTART:20261203T150000Z | DURATION:PT30M",
        "DTSTART:20261203T140000Z | DURATION:PT10M",
    ];
    let inside: Vec<String> = inside.iter().map(|inside| event(inside)).collect();
    assert_eq!(
        busy(&inside.join("\n"), always()),
        ["2026-12-03T14:00:00Z 2026-12-03T15:30:00Z", "2026-12-03T16:00:00Z 2026-12-03T17:00:00Z"]
    );
}

#[test]
fn a_zone_the_calendar_describes_by_a_place_is_known() {
    let inside = format!(
        "BEGIN:VTIMEZONE\nTZID:Our Clock\nX-LIC-LOCATION:America/Chicago\nEND:VTIMEZONE\n{}",
        event("DTSTART;TZID=Our Clock:20261203T080000 | DURATION:PT1H")
    );
    assert_eq!(busy(&inside, always()), ["2026-12-03T14:00:00Z 2026-12-03T15:00:00Z"]);
}

#[test]
fn what_is_not_understood_is_told_with_its_line() {
    for (inside, says) in [
        (event("DTSTART:tomorrow"), "line 5: \"tomorrow\" is not a time; write 20261203T140000 or 20261203"),
        (event("DTSTART:20261301"), "line 5: \"20261301\" is not a time; write 20261203T140000 or 20261203"),
        (event("SUMMARY:x"), "line 3: the event has no DTSTART"),
        (
            event("DTSTART:20261203 | DURATION:2 hours"),
            "line 6: \"2 hours\" is not a length of time; write PT2H or P1D",
        ),
        (
            event("DTSTART:20261203 | DURATION:-PT2H"),
            "line 6: \"-PT2H\" is not a length of time; write PT2H or P1D",
        ),
        (
            event("DTSTART;TZID=Our Clock:20261203T080000"),
            "line 5: the time zone \"Our Clock\" is not known; use a name like America/Chicago",
        ),
        (event("DTSTART:20261203T100000 | DTEND:20261203T090000"), "line 6: the event ends before it starts"),
        (
            event("DTSTART:20261203T100000Z | DURATION:PT1H | RRULE:FREQ=SOMETIMES"),
            "line 7: the rule for repeating is not understood: RRule parsing error: `SOMETIMES` is not a valid frequency",
        ),
        (
            event("DTSTART:20261203T100000Z | DURATION:PT1H | RRULE:FREQ=SECONDLY"),
            "line 7: the entries repeat too often; end old series with an UNTIL",
        ),
        (
            "BEGIN:VEVENT\nDTSTART:20261203".to_string(),
            "line 5: VEVENT is not closed; the file was not exported whole",
        ),
    ] {
        let error = calendar(&inside).and_then(|calendar| calendar.busy(always())).unwrap_err();
        assert_eq!(error.to_string(), says, "{inside}");
    }
    for text in ["", "hello", "BEGIN:VCARD\nEND:VCARD", "\u{feff}<html>", "END:VCALENDAR"] {
        let error = Calendar::parse(text, &chicago()).unwrap_err().to_string();
        assert_eq!(
            error, "line 1: this is not a calendar in iCalendar form; it would begin with BEGIN:VCALENDAR",
            "{text}"
        );
    }
}

#[test]
fn a_rule_that_never_ends_costs_a_bounded_time() {
    let hourly = event("DTSTART:19700101T000000Z | DURATION:PT1M | RRULE:FREQ=HOURLY");
    let many = vec![hourly; 3].join("\n");
    let error = calendar(&many).unwrap().busy(always()).unwrap_err();
    assert_eq!(error.fault, Fault::RepeatsTooOften);
}

/// Every entry form there is, changed at random by a seeded generator: an answer or an error, never a panic.
#[test]
fn no_file_makes_the_desk_panic() {
    let whole = [
        DAILY,
        "DTSTART;VALUE=DATE:20261203 | DTEND;VALUE=DATE:20261205 | RRULE:FREQ=MONTHLY;BYDAY=-1FR;BYSETPOS=1;COUNT=9",
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20261203T090000 | DTSTART:20261203T140000 | DURATION:P1DT2H",
        "DTSTART;TZID=America/Chicago:20251007T080000 | RDATE:20261101T010000/PT1H | EXDATE:20251008T080000 | RRULE:FREQ=WEEKLY;UNTIL=20270101T000000Z",
    ];
    let whole = whole.map(event).join("\n");
    let whole = format!(
        "BEGIN:VCALENDAR\n{whole}\nBEGIN:VFREEBUSY\nFREEBUSY:20261203T140000Z/PT1H\nEND:VFREEBUSY\nEND:VCALENDAR\n"
    );
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let signs = b"0123456789;:=,-+/TZPDHWMS\n \"AaXx\xff";
    let mut understood = 0;
    for _ in 0..3_000 {
        let mut bytes = whole.clone().into_bytes();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = signs[random(signs.len())],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, signs[random(signs.len())]),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let busy = Calendar::parse(&text, &chicago()).and_then(|calendar| calendar.busy(always()));
        understood += usize::from(busy.is_ok());
    }
    assert!(understood > 300, "most changes are small enough to leave a calendar: {understood}");
}
