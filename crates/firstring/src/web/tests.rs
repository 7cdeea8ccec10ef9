use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use desk::booking::{Booking, Slot, Status};
use desk::business::When;
use desk::number::E164;
use desk::private::Private;
use desk::record::{
    CallId, Callback, CallbackReason, EndedBy, Message, Outcome, Part, Record, Recording, Urgency,
};
use http_body_util::BodyExt as _;
use jiff::{SignedDuration, Timestamp};
use line::Refuses;
use serde_json::{Value, json};
use store::{CallStarted, Store, Write, Written};
use tokio::sync::broadcast;
use tower::ServiceExt as _;

use super::*;

fn at(minute: i64) -> Timestamp {
    "2026-11-20T15:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

fn number(text: &str) -> E164 {
    text.parse().unwrap()
}

fn started(id: &str, minute: i64) -> CallStarted {
    CallStarted {
        id: CallId(id.into()),
        line: number("+13125550100"),
        office: "main".to_string(),
        from: Some(Private::new(number("+13125550143"))),
        diverted_by: None,
        diverted_because: None,
        verification: None,
        started: at(minute),
        plan: "front-door".to_string(),
        rule: When::Open,
        because: Vec::new(),
    }
}

fn record(id: &str, minute: i64) -> Record {
    let call = started(id, minute);
    Record {
        id: call.id,
        line: call.line,
        office: call.office,
        from: call.from,
        diverted_by: None,
        diverted_because: None,
        verification: None,
        started: call.started,
        answered: Some(call.started),
        ended: call.started,
        outcome: Outcome::Booked,
        ended_by: EndedBy::Caller,
        plan: call.plan,
        rule: call.rule,
        because: Vec::new(),
        steps: Vec::new(),
        turns: Vec::new(),
        slots: BTreeMap::new(),
        booking: None,
        message: None,
        callback: None,
        answer_ms: Some(3),
        first_word_ms: Some(120),
        longest_silence_ms: 900,
        codec: Some("PCMU".to_string()),
        quality: None,
        troubles: Vec::new(),
        recording: None,
    }
}

fn recorded() -> Recording {
    let parts = vec![Part { from_ms: 4_000, to_ms: 16_500 }];
    Recording { parts, place: Some("recordings/2026-11-20/c-1.wav".to_string()), troubles: Vec::new() }
}

fn booking() -> Booking {
    let zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    Booking {
        id: "b-1".to_string(),
        key: "key".to_string(),
        calendar: "jobs".to_string(),
        slot: Slot { start: at(60), end: at(180), crew: 1, zone },
        caller: None,
        callback: number("+13125550143"),
        service: "leak".to_string(),
        urgency: desk::booking::Urgency::Ordinary,
        note: String::new(),
        clips: BTreeMap::new(),
        call: "c-2".to_string(),
        made: at(2),
        status: Status::Confirmed,
    }
}

fn callback() -> Callback {
    Callback {
        id: "cb-1".to_string(),
        call: CallId("c-1".into()),
        number: Some(Private::new(number("+13125550143"))),
        line: number("+13125550100"),
        reason: CallbackReason::Emergency,
        urgency: Urgency::Alert,
        slots: BTreeMap::new(),
        created: at(1),
    }
}

fn message() -> Message {
    Message {
        id: "m-1".to_string(),
        call: CallId("c-1".into()),
        from: None,
        line: number("+13125550100"),
        seconds: 0.01,
        urgency: Urgency::Normal,
        created: at(1),
    }
}

fn standing() -> Standing {
    Standing {
        now: at(60),
        started: at(0),
        hangs: None,
        refuses: Refuses::Voices,
        calls_up: 1,
        lines: vec![Line {
            number: number("+13125550100"),
            trunk: "main".to_string(),
            office: "main".to_string(),
            plan: "overflow".to_string(),
            assistant: "Robin".to_string(),
            open: OpenNow::Holiday,
        }],
        trunks: vec![Trunk {
            name: "ma\"in".to_string(),
            carrier: "generic".to_string(),
            accept_from: vec!["192.0.2.0/24".to_string()],
            registration: None,
            channels: 4,
            channels_up: 1,
            without_us: None,
        }],
        troubles: Vec::new(),
        store: StoreHealth::default(),
        recordings: RecordingHealth { failing: true, waiting: 2, finished: 3, failed: 1 },
        strange_packets: 12,
        unreadable_packets: 1,
        journal_lines_dropped: 0,
    }
}

/// A desk that has served three calls and has one on the line.
struct House {
    home: tempfile::TempDir,
    _store: Store<()>,
    standing: Standing,
    live: broadcast::Sender<Value>,
    token: Option<&'static str>,
    refusals: Arc<Refusals>,
}

impl House {
    fn new() -> House {
        let home = tempfile::tempdir().unwrap();
        let (answer, answers) = std::sync::mpsc::channel();
        let tell = move |written: Written<()>| answer.send(written.result).unwrap();
        let (store, _) = Store::open(home.path(), at(0), tell).unwrap();
        let mut writes: Vec<Write> = [("c-1", 0), ("c-2", 1), ("c-30", 2)]
            .map(|(id, minute)| Write::Record(Box::new(record(id, minute))))
            .into();
        writes.push(Write::CallStarted(Box::new(started("c-31", 3))));
        writes.push(Write::Booking(Box::new(booking())));
        writes.push(Write::Callback(Box::new(callback())));
        writes.push(Write::Message(Box::new(message())));
        writes.push(Write::Recording { call: CallId("c-1".into()), started: at(0), recording: recorded() });
        for write in writes {
            store.try_write((), write).unwrap();
            answers.recv().unwrap().unwrap();
        }
        let mut sound = store::sound::MessageWriter::create(home.path(), "m-1").unwrap();
        sound.append(&[7; 80]).unwrap();
        sound.close().unwrap();
        let call = CallId("c-1".into());
        let recording = store::recording::WaveWriter::create(home.path(), at(0), &call, false).unwrap();
        recording.close(100_000).unwrap();
        let refusals = Arc::new(Refusals::default());
        House {
            home,
            _store: store,
            standing: standing(),
            live: broadcast::channel(2).0,
            token: None,
            refusals,
        }
    }

    fn view(&self) -> View {
        let standing = self.standing.clone();
        View {
            directory: self.home.path().to_path_buf(),
            bucket: None,
            live: Feed::of(self.live.clone()),
            standing: Arc::new(move || standing.clone()),
            drills: Drills::new(|| {}),
            refusals: Arc::clone(&self.refusals),
            metrics: Arc::new(Metrics::default()),
        }
    }

    fn router(&self) -> Router {
        let token = self.token.map(|token| Private::new(token.to_string()));
        let access = Access::decide("127.0.0.1:8080".parse().unwrap(), token.as_ref()).unwrap();
        // Dropping the sender would be a desk that stops.
        let (stop, stopping) = watch::channel(false);
        std::mem::forget(stop);
        router(self.view(), access, stopping)
    }

    async fn ask(&self, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
        let response = self.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let (status, headers, body) = self.ask(request(path).body(Body::empty()).unwrap()).await;
        let kind = headers[header::CONTENT_TYPE].to_str().unwrap();
        let expected = if status.is_success() || path.ends_with("health") {
            "application/json"
        } else {
            "application/problem+json"
        };
        assert_eq!(kind, expected, "{path}");
        (status, serde_json::from_slice(&body).unwrap())
    }
}

fn request(path: &str) -> axum::http::request::Builder {
    Request::get(path).header(header::HOST, "127.0.0.1:8080")
}

fn ids(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn calls_are_shown_newest_first_page_by_page_with_those_under_way() {
    let house = House::new();
    let (status, first) = house.get("/api/v1/calls?limit=2").await;
    assert_eq!((status, ids(&first)), (StatusCode::OK, vec!["c-30", "c-2"]));
    assert_eq!(first["under_way"][0]["id"], "c-31");
    assert_eq!(first["next"], "c-2");
    let (_, second) = house.get("/api/v1/calls?limit=2&before=c-2").await;
    assert_eq!(ids(&second), ["c-1"]);
    assert_eq!((&second["next"], &second["under_way"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn a_call_is_shown_whole_with_times_and_numbers_in_their_standard_forms() {
    let (status, call) = House::new().get("/api/v1/calls/c-1").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(call["started"], "2026-11-20T15:00:00Z");
    assert_eq!((&call["line"], &call["from"]), (&json!("+13125550100"), &json!("+13125550143")));
    assert_eq!(
        (&call["outcome"], &call["rule"], &call["answer_ms"]),
        (&json!("booked"), &json!("open"), &json!(3))
    );
}

#[tokio::test]
async fn visits_messages_and_callbacks_are_shown() {
    let house = House::new();
    let (_, bookings) = house.get("/api/v1/bookings").await;
    assert_eq!(bookings["items"][0]["start"], "2026-11-20T16:00:00Z");
    assert_eq!(
        (&bookings["items"][0]["zone"], &bookings["items"][0]["status"]),
        (&json!("America/Chicago"), &json!("confirmed"))
    );
    let (_, messages) = house.get("/api/v1/messages").await;
    assert_eq!(messages["items"][0]["sound"], "/api/v1/messages/m-1/sound");
    let (_, callbacks) = house.get("/api/v1/callbacks").await;
    assert_eq!(
        (&callbacks["items"][0]["reason"], &callbacks["items"][0]["urgency"]),
        (&json!("emergency"), &json!("alert"))
    );
}

#[tokio::test]
async fn a_recording_can_be_heard_whole_and_from_the_middle() {
    let house = House::new();
    let (_, call) = house.get("/api/v1/calls/c-1").await;
    assert_eq!(call["recording"]["sound"], "/api/v1/calls/c-1/recording", "{call}");
    assert_eq!(
        (&call["recording"]["ms"], &call["recording"]["parts"][0]["from_ms"]),
        (&json!(12_500), &json!(4_000))
    );
    let sound = "/api/v1/calls/c-1/recording";
    let (status, headers, whole) = house.ask(request(sound).body(Body::empty()).unwrap()).await;
    assert_eq!((status, whole.len()), (StatusCode::OK, 200_058));
    assert_eq!(
        (&headers[header::CONTENT_TYPE], &headers[header::CONTENT_LENGTH]),
        (&"audio/wav".parse().unwrap(), &200_058.into())
    );
    let asked = request(sound).header(header::RANGE, "bytes=100000-").body(Body::empty()).unwrap();
    let (status, headers, rest) = house.ask(asked).await;
    assert_eq!((status, rest.len()), (StatusCode::PARTIAL_CONTENT, 100_058));
    assert_eq!(headers[header::CONTENT_RANGE], "bytes 100000-200057/200058");
    let asked = request(sound).header(header::RANGE, "bytes=200058-").body(Body::empty()).unwrap();
    assert_eq!(house.ask(asked).await.0, StatusCode::RANGE_NOT_SATISFIABLE);
    let (status, problem) = house.get("/api/v1/calls/c-2/recording").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(problem["detail"].as_str().unwrap().contains("was not recorded"), "{problem}");
    std::fs::remove_dir_all(house.home.path().join("recordings")).unwrap();
    assert_eq!(house.get(sound).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_message_can_be_heard_whole_and_in_parts() {
    let house = House::new();
    let sound = "/api/v1/messages/m-1/sound";
    let (status, headers, whole) = house.ask(request(sound).body(Body::empty()).unwrap()).await;
    assert_eq!((status, whole.len()), (StatusCode::OK, 44 + 160));
    assert_eq!(headers[header::CONTENT_TYPE], "audio/wav");
    for (range, status, part) in [
        ("bytes=0-3", 206, Some(("bytes 0-3/204", 0..4))),
        ("bytes=44-", 206, Some(("bytes 44-203/204", 44..204))),
        ("bytes=-4", 206, Some(("bytes 200-203/204", 200..204))),
        ("bytes=200-999", 206, Some(("bytes 200-203/204", 200..204))),
        ("bytes=204-", 416, None),
        ("bytes=3-1", 200, Some(("", 0..204))),
        ("pages=1-2", 200, Some(("", 0..204))),
    ] {
        let asked = request(sound).header(header::RANGE, range).body(Body::empty()).unwrap();
        let (found, headers, bytes) = house.ask(asked).await;
        assert_eq!(found.as_u16(), status, "{range}");
        if let Some((says, part)) = part {
            assert_eq!(bytes, whole[part], "{range}");
            let about = headers.get(header::CONTENT_RANGE).map_or("", |about| about.to_str().unwrap());
            assert_eq!(about, says, "{range}");
        }
    }
    assert_eq!(house.get("/api/v1/messages/m-2/sound").await.0, StatusCode::NOT_FOUND);
    std::fs::remove_file(house.home.path().join("messages/m-1.wav")).unwrap();
    assert_eq!(house.get(sound).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_error_is_a_problem_in_a_sentence() {
    let house = House::new();
    for (path, status, detail) in [
        ("/api/v1/calls/c-9", 404, "there is nothing with the id c-9"),
        ("/api/v1/calls/c-", 409, "more than one id begins with c-; write more of it"),
        ("/api/v1/calls?limit=0", 400, "limit is 1 to 1000"),
        ("/api/v1/calls?limit=1001", 400, "limit is 1 to 1000"),
        ("/api/v1/calls?before=c-9", 404, "there is nothing with the id c-9"),
        ("/api/v1/nothing", 404, "/api/v1/nothing leads nowhere; /api/v1/openapi.json names every page"),
        ("/", 404, "/ leads nowhere; /api/v1/openapi.json names every page"),
    ] {
        let (found, problem) = house.get(path).await;
        assert_eq!((found.as_u16(), &problem["detail"]), (status, &json!(detail)), "{path}");
        assert_eq!(problem["status"], status, "{path}");
        assert!(problem["type"].as_str().unwrap().starts_with("urn:firstring:problem:"), "{path}");
        assert!(problem["title"].is_string());
    }
    for path in [
        "/api/v1/calls/%ff",
        "/api/v1/calls?limit=many",
        "/api/v1/calls?limit=-1",
        "/api/v1/calls?sort=up",
        "/api/v1/messages?limit=",
    ] {
        assert_eq!(house.get(path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
    let asked = Request::post("/api/v1/calls").header(header::HOST, "localhost").body(Body::empty()).unwrap();
    let (status, headers, _) = house.ask(asked).await;
    assert_eq!(
        (status, &headers[header::CONTENT_TYPE]),
        (StatusCode::METHOD_NOT_ALLOWED, &"application/problem+json".parse().unwrap())
    );
}

#[tokio::test]
async fn without_a_database_the_answer_is_a_problem_and_not_an_empty_list() {
    let mut house = House::new();
    house.home = tempfile::tempdir().unwrap();
    let (status, problem) = house.get("/api/v1/calls").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(problem["detail"].as_str().unwrap().contains("no database there"));
}

#[tokio::test]
async fn a_page_under_a_foreign_name_gets_nothing_from_a_desk_on_loopback() {
    let house = House::new();
    for host in ["evil.example.com", "evil.example.com:8080", "192.0.2.1:8080"] {
        let asked = Request::get("/api/v1/calls").header(header::HOST, host).body(Body::empty()).unwrap();
        assert_eq!(house.ask(asked).await.0, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    let nameless = Request::get("/api/v1/calls").body(Body::empty()).unwrap();
    assert_eq!(house.ask(nameless).await.0, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn with_a_token_nobody_sees_anything_without_it() {
    let mut house = House::new();
    house.token = Some("a long enough token");
    let encoded = "YW55Ym9keTphIGxvbmcgZW5vdWdoIHRva2Vu";
    for (path, authorization, status) in [
        ("/api/v1/calls", None, 401),
        ("/api/v1/nothing", None, 401),
        ("/metrics", None, 401),
        ("/api/v1/openapi.json", None, 401),
        ("/api/v1/calls", Some("Bearer a wrong enough token".to_string()), 401),
        ("/api/v1/calls", Some("Bearer a long enough token".to_string()), 200),
        ("/api/v1/calls", Some(format!("Basic {encoded}")), 200),
        ("/api/v1/calls", Some("Basic ****".to_string()), 401),
        ("/api/v1/calls", Some("Digest x".to_string()), 401),
    ] {
        let mut asked = Request::get(path).header(header::HOST, "desk.example.com");
        if let Some(authorization) = &authorization {
            asked = asked.header(header::AUTHORIZATION, authorization);
        }
        let (found, headers, _) = house.ask(asked.body(Body::empty()).unwrap()).await;
        assert_eq!(found.as_u16(), status, "{path} {authorization:?}");
        assert_eq!(headers.contains_key(header::WWW_AUTHENTICATE), status == 401);
    }
}

#[tokio::test]
async fn what_callers_said_is_kept_by_no_cache_and_shown_in_no_frame() {
    let (_, headers, _) = House::new().ask(request("/api/v1/calls").body(Body::empty()).unwrap()).await;
    for (name, value) in
        [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")]
    {
        assert_eq!(headers[name], value);
    }
}

#[tokio::test]
async fn live_events_arrive_and_a_slow_listener_is_told_what_it_missed() {
    let house = House::new();
    let response =
        house.router().oneshot(request("/api/v1/events").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = response.into_body();
    house.live.send(json!({"call": "c-1", "what": "answered"})).unwrap();
    let mut next = async || {
        String::from_utf8(body.frame().await.unwrap().unwrap().into_data().unwrap().to_vec()).unwrap()
    };
    assert_eq!(next().await, "data: {\"call\":\"c-1\",\"what\":\"answered\"}\n\n");
    for n in 0..5 {
        house.live.send(json!(n)).unwrap();
    }
    assert_eq!(next().await, "event: missed\ndata: 3\n\n");
    assert_eq!(next().await, "data: 3\n\n");
}

#[tokio::test]
async fn a_desk_that_stops_ends_live_events() {
    let house = House::new();
    let (stop, stopping) = watch::channel(false);
    let access = Access::decide("127.0.0.1:1".parse().unwrap(), None).unwrap();
    let router = router(house.view(), access, stopping);
    let response = router.oneshot(request("/api/v1/events").body(Body::empty()).unwrap()).await.unwrap();
    stop.send_replace(true);
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[tokio::test]
async fn more_listeners_than_seats_are_told_to_come_again() {
    let house = House::new();
    let router = house.router();
    let mut listening = Vec::new();
    for _ in 0..LISTENERS {
        listening.push(
            router.clone().oneshot(request("/api/v1/events").body(Body::empty()).unwrap()).await.unwrap(),
        );
    }
    let late = async || {
        router.clone().oneshot(request("/api/v1/events").body(Body::empty()).unwrap()).await.unwrap()
    };
    assert_eq!(late().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    listening.pop();
    assert_eq!(late().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn lines_trunks_and_refusals_are_shown_as_they_stand() {
    let house = House::new();
    house.refusals.note(at(1), Some("main"), Some(486), "every channel is taken; raise channels");
    let (_, lines) = house.get("/api/v1/lines").await;
    assert_eq!(
        (&lines["items"][0]["number"], &lines["items"][0]["open"]),
        (&json!("+13125550100"), &json!("holiday"))
    );
    let (_, trunks) = house.get("/api/v1/trunks").await;
    assert_eq!(trunks["items"][0]["channels_up"], 1);
    let (_, refusals) = house.get("/api/v1/refusals").await;
    assert_eq!((&refusals["items"][0]["status"], &refusals["items"][0]["count"]), (&json!(486), &json!(1)));
}

#[tokio::test]
async fn health_is_bad_while_nothing_can_be_stored_or_no_call_is_looked_after() {
    let mut house = House::new();
    let (status, health) = house.get("/api/v1/health").await;
    assert_eq!((status, &health["status"]), (StatusCode::OK, &json!("well")));
    house.standing.troubles.push("trunk main has not been heard of for an hour".to_string());
    let (status, health) = house.get("/api/v1/health").await;
    assert_eq!((status, &health["status"]), (StatusCode::OK, &json!("troubled")));
    house.standing.store.failing =
        Some("the disk of the data directory is full; free some space".to_string());
    let (status, health) = house.get("/api/v1/health").await;
    assert_eq!((status, &health["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("not_storing")));
    house.standing.hangs = Some(Duration::from_secs(5));
    let (status, health) = house.get("/api/v1/health").await;
    assert_eq!((status, &health["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("hanging")));
}

#[tokio::test]
async fn what_is_counted_reads_as_prometheus_expects() {
    let house = House::new();
    let view = house.view();
    view.metrics.count(&record("c-1", 0));
    let access = Access::decide("127.0.0.1:1".parse().unwrap(), None).unwrap();
    let router = router(view, access, watch::channel(false).1);
    let response = router.oneshot(request("/metrics").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    let page = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    for line in [
        "# TYPE firstring_calls_total counter",
        "firstring_calls_total{outcome=\"booked\"} 1",
        "firstring_calls_total{outcome=\"lost\"} 0",
        "firstring_answer_seconds_bucket{le=\"0.002\"} 0",
        "firstring_answer_seconds_bucket{le=\"0.005\"} 1",
        "firstring_answer_seconds_bucket{le=\"+Inf\"} 1",
        "firstring_answer_seconds_sum 0.003",
        "firstring_longest_silence_seconds_count 1",
        "firstring_packets_dropped_total{why=\"stranger\"} 12",
        "firstring_calls_up 1",
        "firstring_trunk_channels{trunk=\"ma\\\"in\"} 4",
        "firstring_voice_refused 1",
        "firstring_calls_refused 0",
        "firstring_store_failing 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
    }
}

#[tokio::test]
async fn the_description_names_every_page_and_every_page_answers() {
    let house = House::new();
    let (_, document) = house.get("/api/v1/openapi.json").await;
    let pages: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        pages,
        [
            "/api/v1/bookings",
            "/api/v1/callbacks",
            "/api/v1/calls",
            "/api/v1/calls/{id}",
            "/api/v1/calls/{id}/recording",
            "/api/v1/drill",
            "/api/v1/events",
            "/api/v1/health",
            "/api/v1/lines",
            "/api/v1/messages",
            "/api/v1/messages/{id}/sound",
            "/api/v1/refusals",
            "/api/v1/trunks",
            "/metrics",
        ]
    );
    for page in pages {
        let path = page.replace("calls/{id}", "calls/c-1").replace("{id}", "m-1");
        let response = house.router().oneshot(request(&path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
    let call = &document["components"]["schemas"]["Call"];
    assert_eq!(call["properties"]["started"]["format"], "date-time");
    let (_, shown) = house.get("/api/v1/calls/c-1").await;
    for field in shown.as_object().unwrap().keys() {
        assert!(call["properties"][field].is_object(), "{field} is not described");
    }
    let text = document.to_string();
    for schema in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(
            text.contains(&format!("#/components/schemas/{schema}")),
            "{schema} is described and never used"
        );
    }
}

#[tokio::test]
async fn a_desk_that_stops_lets_go_of_its_port() {
    let house = House::new();
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let access = Access::decide(address, None).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let until = async move { drop(stopped.await) };
    let served = tokio::spawn(serve(listener, house.view(), access, until));
    // A browser that listens and never goes away.
    let mut browser = tokio::net::TcpStream::connect(address).await.unwrap();
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    browser.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    browser.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_drill_is_asked_for_once_and_ended_by_anybody_who_may_look() {
    let (house, drills) = (House::new(), Drills::new(|| {}));
    let access = || Access::decide("127.0.0.1:1".parse().unwrap(), None).unwrap();
    let view = View { drills: drills.clone(), ..house.view() };
    let ask = async |method: &str, body: &str| {
        let (stop, stopping) = watch::channel(false);
        let request =
            Request::builder().method(method).uri("/api/v1/drill").header(header::HOST, "localhost");
        let request =
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()));
        let response = router(view.clone(), access(), stopping).oneshot(request.unwrap()).await.unwrap();
        drop(stop);
        (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
    };
    let wanted = r#"{"trunk": "ma\"in", "how": "silent", "seconds": 60}"#;
    for (method, body, status) in [
        ("POST", "{}", 400),
        ("POST", r#"{"trunk": "other", "how": "silent", "seconds": 60}"#, 404),
        ("POST", r#"{"trunk": "ma\"in", "how": "silent", "seconds": 0}"#, 400),
        ("POST", r#"{"trunk": "ma\"in", "how": "silent", "seconds": 181}"#, 400),
        ("POST", r#"{"trunk": "ma\"in", "how": "unregistered", "seconds": 60}"#, 400),
        ("POST", wanted, 200),
        ("POST", wanted, 409),
        ("GET", "", 200),
        ("DELETE", "", 204),
        ("DELETE", "", 204),
        ("GET", "", 200),
    ] {
        let (got, answer) = ask(method, body).await;
        assert_eq!(got, status, "{method} {body}: {answer:?}");
    }
    assert_eq!(drills.current(), None);
}
