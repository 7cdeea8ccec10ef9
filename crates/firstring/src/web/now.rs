//! How the desk stands at this moment: lines, trunks, refusals, health.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use desk::number::E164;
use jiff::Timestamp;
use line::Refuses;
use serde::Serialize;
use utoipa::ToSchema;

use super::Desk;
use super::refusals::Refusal;

/// How the desk stands, as the rest of the house tells it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// When this was.
    pub now: Timestamp,
    /// When the desk started.
    pub started: Timestamp,
    /// How long no call has been looked after, while the control thread hangs.
    pub hangs: Option<Duration>,
    /// What is refused to new callers while the machine is short of a core.
    pub refuses: Refuses,
    /// Calls at this moment.
    pub calls_up: u32,
    /// The numbers callers dial.
    pub lines: Vec<Line>,
    /// How calls reach us.
    pub trunks: Vec<Trunk>,
    /// What an owner should look at today, a sentence each.
    pub troubles: Vec<String>,
    /// The database.
    pub store: StoreHealth,
    /// Recordings of calls.
    pub recordings: RecordingHealth,
    /// SIP packets of nobody we know, which got no answer, since the start.
    pub strange_packets: u64,
    /// Packets of trunks that were no SIP, or too broken to be answered, since the start.
    pub unreadable_packets: u64,
    /// Lines missing in journals, since the start.
    pub journal_lines_dropped: u64,
}

/// How recording calls goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordingHealth {
    /// Calls cannot be recorded at this moment.
    pub failing: bool,
    /// Recordings that wait for their bucket.
    pub waiting: usize,
    /// Recordings that were finished, since the start.
    pub finished: u64,
    /// Recordings of which nothing or not everything could be kept, since the start.
    pub failed: u64,
}

/// How storing goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoreHealth {
    /// Why nothing can be stored; none while it works.
    pub failing: Option<String>,
    /// What could not be stored and is tried again.
    pub kept: usize,
    /// What could not be stored and was given up, since the start.
    pub lost: u64,
    /// What was stored since the start.
    pub stored: u64,
}

impl From<store::Health> for StoreHealth {
    fn from(health: store::Health) -> Self {
        let failing = health.failing.map(|why| why.to_string());
        StoreHealth { failing, kept: health.kept, lost: health.lost, stored: health.stored }
    }
}

/// A number that callers dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Line {
    /// E.164.
    #[schema(value_type = String, examples("+13125550100"))]
    pub number: E164,
    /// The trunk it comes over.
    pub trunk: String,
    /// Whose hours and people count.
    pub office: String,
    /// What happens to a call.
    pub plan: String,
    /// Whose voice answers.
    pub assistant: String,
    /// Whether the office is open at this moment.
    pub open: OpenNow,
}

/// Whether an office is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpenNow {
    /// Within its hours.
    Open,
    /// Outside of them.
    Closed,
    /// A public holiday, or a day the owner excepted.
    Holiday,
}

/// How calls reach us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// Who runs it.
    pub carrier: String,
    /// Who may send calls.
    pub accept_from: Vec<String>,
    /// Calls it carries at once.
    pub channels: u32,
    /// Of these, in use.
    pub channels_up: u32,
    /// How its registration stands, if it registers.
    pub registration: Option<Registration>,
    /// What the carrier does when this machine is gone.
    pub without_us: Option<String>,
}

/// How a registration stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Registration {
    /// `pending`, `registered`, `interrupted` (tried again soon), `refused` (somebody has to look) or `unregistered`.
    pub state: &'static str,
    /// The registrar's last status, if it gave one.
    pub status: Option<u16>,
    /// What happened and what helps; empty while registered.
    pub reason: String,
}

impl Registration {
    /// Nothing has been tried.
    pub fn not_yet() -> Registration {
        Registration { state: "pending", status: None, reason: String::new() }
    }

    /// As the user agent tells it.
    pub fn of(told: &sip::Registration) -> Registration {
        let state = match told.state {
            sip::RegistrationState::Registered => "registered",
            sip::RegistrationState::Interrupted => "interrupted",
            sip::RegistrationState::Refused => "refused",
            sip::RegistrationState::Unregistered => "unregistered",
        };
        Registration { state, status: told.status, reason: told.reason.clone() }
    }
}

/// All lines.
#[derive(Serialize, ToSchema)]
pub(super) struct Lines {
    items: Vec<Line>,
}

/// All trunks.
#[derive(Serialize, ToSchema)]
pub(super) struct Trunks {
    items: Vec<Trunk>,
}

/// Kinds of refusals, the latest first.
#[derive(Serialize, ToSchema)]
pub(super) struct RefusalList {
    items: Vec<Refusal>,
}

/// How the desk is doing.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: HealthStatus,
    /// What an owner should look at today, a sentence each.
    troubles: Vec<String>,
    version: &'static str,
    started: Timestamp,
    /// Calls at this moment.
    calls_up: u32,
    store: StoreHealth,
}

/// In one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    /// Everything works.
    Well,
    /// Calls are answered; something needs a look.
    Troubled,
    /// Calls are answered; nothing can be promised.
    NotStoring,
    /// Calls get no answer: the thread that looks after them hangs.
    Hanging,
}

/// The numbers callers dial, and what happens to a call.
#[utoipa::path(get, path = "/lines", responses((status = 200, description = "All lines", body = Lines)))]
pub(super) async fn lines(State(desk): State<Desk>) -> Json<Lines> {
    Json(Lines { items: (desk.view.standing)().lines })
}

/// How calls reach us, and how much is in use.
#[utoipa::path(get, path = "/trunks", responses((status = 200, description = "All trunks", body = Trunks)))]
pub(super) async fn trunks(State(desk): State<Desk>) -> Json<Trunks> {
    Json(Trunks { items: (desk.view.standing)().trunks })
}

/// Calls that were turned away since the start, equal ones counted, with what would help.
#[utoipa::path(get, path = "/refusals", responses((status = 200, description = "Latest first", body = RefusalList)))]
pub(super) async fn refusals(State(desk): State<Desk>) -> Json<RefusalList> {
    Json(RefusalList { items: desk.view.refusals.all() })
}

/// How the desk is doing; 503 while nothing can be stored or no call is looked after.
#[utoipa::path(
    get,
    path = "/health",
    responses(
        (status = 200, description = "Calls are served", body = Health),
        (status = 503, description = "Nothing can be stored, or no call is looked after", body = Health),
    )
)]
pub(super) async fn health(State(desk): State<Desk>) -> (StatusCode, Json<Health>) {
    let Standing { started, hangs, calls_up, troubles, store, .. } = (desk.view.standing)();
    let (code, status) = match (hangs, &store.failing, troubles.is_empty()) {
        (Some(_), ..) => (StatusCode::SERVICE_UNAVAILABLE, HealthStatus::Hanging),
        (None, Some(_), _) => (StatusCode::SERVICE_UNAVAILABLE, HealthStatus::NotStoring),
        (None, None, false) => (StatusCode::OK, HealthStatus::Troubled),
        (None, None, true) => (StatusCode::OK, HealthStatus::Well),
    };
    let version = env!("CARGO_PKG_VERSION");
    (code, Json(Health { status, troubles, version, started, calls_up, store }))
}
