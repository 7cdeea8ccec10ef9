//! A drill: for a short while the desk is gone toward one trunk, so that its owner sees what the carrier then does.
//!
//! The one thing here that can be changed from outside. It ends by itself, whatever becomes of whoever asked for it;
//! calls that are up go on, and other trunks notice nothing.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Desk;
use super::problem::{Kind, Problem};

/// A desk is never gone for longer.
const LONGEST: Duration = Duration::from_secs(180);

/// How the desk is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gone {
    /// Nothing answers, as without power or network.
    Silent,
    /// New calls are answered 486.
    Busy,
    /// New calls and OPTIONS are answered 503.
    Unavailable,
    /// Our contact at the registrar is taken back.
    Unregistered,
}

/// What is asked for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The trunk's name.
    pub trunk: String,
    /// How the desk is gone.
    pub how: Gone,
    /// For how long at most, 1 to 180 seconds.
    pub seconds: u64,
}

/// A drill that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drill {
    /// The trunk's name.
    pub trunk: String,
    /// How the desk is gone.
    pub how: Gone,
    /// Since when.
    pub began: Timestamp,
    /// It is back then.
    pub until: Timestamp,
    /// When the carrier brought the first call that met nobody.
    pub missed: Option<Timestamp>,
}

/// The drill that goes on, if one does: asked for here, carried out by the control thread.
#[derive(Clone)]
pub struct Drills {
    current: Arc<Mutex<Option<Drill>>>,
    /// Tells the control thread to look again.
    changed: Arc<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Drills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.current().fmt(f)
    }
}

impl Drills {
    /// No drill yet; `changed` is called whenever one was asked for or ended.
    pub fn new(changed: impl Fn() + Send + Sync + 'static) -> Drills {
        Drills { current: Arc::default(), changed: Arc::new(changed) }
    }

    /// The drill that goes on.
    pub fn current(&self) -> Option<Drill> {
        self.lock().clone()
    }

    /// A new call met nobody at `at`.
    pub fn missed(&self, trunk: &str, at: Timestamp) {
        if let Some(drill) = self.lock().as_mut().filter(|drill| drill.trunk == trunk) {
            drill.missed.get_or_insert(at);
        }
    }

    /// It is over.
    pub fn end(&self) -> Option<Drill> {
        self.lock().take()
    }

    fn begin(&self, drill: Drill) -> Result<Drill, Drill> {
        let mut current = self.lock();
        match &*current {
            Some(already) => Err(already.clone()),
            None => Ok(current.insert(drill).clone()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Drill>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a drill goes on.
#[derive(Serialize, ToSchema)]
pub(super) struct GoesOn {
    /// The drill; none while the desk answers.
    drill: Option<Drill>,
}

/// The drill that goes on, if one does.
#[utoipa::path(get, path = "/drill", responses((status = 200, description = "A drill, or none", body = GoesOn)))]
pub(super) async fn drill(State(desk): State<Desk>) -> Json<GoesOn> {
    Json(GoesOn { drill: desk.view.drills.current() })
}

/// From now on the desk is gone toward one trunk, until it is told otherwise or the time is up.
#[utoipa::path(
    post,
    path = "/drill",
    request_body = Wanted,
    responses(
        (status = 200, description = "The desk is gone", body = Drill),
        (status = 400, description = "What is wanted is not understood", body = Problem),
        (status = 404, description = "There is no such trunk", body = Problem),
        (status = 409, description = "Another drill goes on", body = Problem),
    )
)]
pub(super) async fn begin_drill(
    State(desk): State<Desk>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Json<Drill>, Problem> {
    let Json(wanted) = wanted.map_err(|why| Kind::BadQuery.because(why.body_text()))?;
    let Wanted { trunk, how, seconds } = wanted;
    let standing = (desk.view.standing)();
    let Some(known) = standing.trunks.iter().find(|known| known.name == trunk) else {
        let names: Vec<&str> = standing.trunks.iter().map(|known| known.name.as_str()).collect();
        return Err(
            Kind::NoSuchThing.because(format!("there is no trunk {trunk:?}; there is: {}", names.join(", ")))
        );
    };
    if how == Gone::Unregistered && known.registration.is_none() {
        return Err(Kind::BadQuery.because(format!("trunk {trunk:?} does not register; be gone otherwise")));
    }
    let length = Duration::from_secs(seconds);
    if seconds == 0 || length > LONGEST {
        return Err(Kind::BadQuery.because(format!("seconds is 1 to {}", LONGEST.as_secs())));
    }
    let began = standing.now;
    let until = began.checked_add(length).map_err(|_| Kind::Broken.because("the clock is at its end"))?;
    let drill =
        desk.view.drills.begin(Drill { trunk, how, began, until, missed: None }).map_err(|already| {
            Kind::Ambiguous
                .because(format!("trunk {:?} is in a drill until {}", already.trunk, already.until))
        })?;
    (desk.view.drills.changed)();
    Ok(Json(drill))
}

/// The desk is back.
#[utoipa::path(
    delete,
    path = "/drill",
    responses((status = 204, description = "The desk answers, and did or did not before"))
)]
pub(super) async fn end_drill(State(desk): State<Desk>) -> StatusCode {
    desk.view.drills.end();
    (desk.view.drills.changed)();
    StatusCode::NO_CONTENT
}
