//! What happens in calls, as it happens, to whoever listens (server-sent events).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::Desk;
use super::problem::{Kind, Problem};

/// A quiet line is told apart from a broken one by a comment this often.
const ALIVE: Duration = Duration::from_secs(15);

/// Where live events come from, whatever their type.
#[derive(Clone)]
pub struct Feed(Arc<dyn Fn() -> BoxStream<'static, Told> + Send + Sync>);

/// One event, written out.
enum Told {
    Event(String),
    /// This listener was too slow for so many.
    Missed(u64),
}

impl Feed {
    /// Everything sent on a channel from the moment somebody listens. A slow listener misses events, and is told.
    pub fn of<T: Serialize + Clone + Send + 'static>(sender: broadcast::Sender<T>) -> Feed {
        Feed(Arc::new(move || {
            let events = stream::unfold(sender.subscribe(), |mut receiver| async move {
                loop {
                    match receiver.recv().await {
                        // An event that cannot be written out is left out; the next one may do.
                        Ok(event) => match serde_json::to_string(&event) {
                            Ok(json) => return Some((Told::Event(json), receiver)),
                            Err(error) => tracing::warn!(%error, "A live event cannot be shown"),
                        },
                        Err(RecvError::Lagged(count)) => return Some((Told::Missed(count), receiver)),
                        Err(RecvError::Closed) => return None,
                    }
                }
            });
            events.boxed()
        }))
    }
}

/// What happens in calls, as it happens.
///
/// Each event is one JSON object with `call`, `at`, `ms` since the call arrived, and `what` happened. An event named
/// `missed` says how many did not get through because the listener was too slow. Nothing is sent again.
#[utoipa::path(
    get,
    path = "/events",
    responses(
        (status = 200, description = "Live events", body = String, content_type = "text/event-stream"),
        (status = 503, description = "Too many listen", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(desk): State<Desk>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let seat = Arc::clone(&desk.listeners).try_acquire_owned();
    let seat = seat.map_err(|_| Kind::Busy.because("as many listen to live events as can"))?;
    let mut stopping = desk.stopping.clone();
    let stopped = async move {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let events = (desk.view.live.0)().map(move |told| {
        // The seat is held for as long as this listener is served.
        let _ = &seat;
        Ok(match told {
            Told::Event(json) => Event::default().data(json),
            Told::Missed(count) => Event::default().event("missed").data(count.to_string()),
        })
    });
    Ok(Sse::new(events.take_until(stopped)).keep_alive(KeepAlive::new().interval(ALIVE)))
}
