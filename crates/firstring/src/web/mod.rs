//! What the desk shows: calls, visits, messages and how it is doing, for the console and for programs.
//!
//! Everything here only looks, but for a [`drill`]. What is stored is read from the database beside the one who writes it; what is
//! going on now comes from the rest of the house through a [`View`]. Nothing here decides anything about a call.
//!
//! Invariant: who is not allowed in sees nothing; every error is a problem (RFC 9457); no request waits for the
//! disk on the threads that serve others.

mod access;
mod drill;
mod live;
pub mod metrics;
mod now;
mod problem;
mod recordings;
pub mod refusals;
mod shown;
mod stored;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use utoipa::openapi::{Info, License};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use access::Access;
pub use drill::{Drill, Drills, Gone, Wanted};
pub use live::Feed;
pub use now::{Line, OpenNow, RecordingHealth, Registration, Standing, StoreHealth, Trunk};

use metrics::Metrics;
use refusals::Refusals;

/// Readers of the database at once; more wait, and after [`PATIENCE`] are told to come again.
const READERS: usize = 4;

/// How long a request waits for its turn at the database.
const PATIENCE: Duration = Duration::from_secs(5);

/// Listeners to live events at once.
const LISTENERS: usize = 64;

/// How long requests under way may take after the desk was told to stop.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where everything that is shown comes from. Cheap to clone.
#[derive(Clone)]
pub struct View {
    /// The data directory: database and recordings.
    pub directory: PathBuf,
    /// Where recordings lie that are not there.
    pub bucket: Option<Arc<store::bucket::Bucket>>,
    /// What happens in calls, as it happens.
    pub live: Feed,
    /// How the desk stands at this moment; asked for each request, so it must be quick.
    pub standing: Arc<dyn Fn() -> Standing + Send + Sync>,
    /// The drill that goes on.
    pub drills: Drills,
    /// Calls that were turned away.
    pub refusals: Arc<Refusals>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// A view as the handlers use it.
#[derive(Clone)]
struct Desk {
    view: View,
    readers: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
    /// True once the desk stops: live events end, so that nothing keeps the server open.
    stopping: watch::Receiver<bool>,
}

/// Serves until `until` is ready, then lets requests under way end.
///
/// `listener` is bound by the caller, who has told the operator if that was not possible.
pub async fn serve(
    listener: TcpListener,
    view: View,
    access: Access,
    until: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let router = router(view, access, stopping.clone());
    let until = async move {
        until.await;
        stop.send_replace(true);
    };
    let served = axum::serve(listener, router).with_graceful_shutdown(until).into_future();
    let mut stopped = stopping;
    let too_late = async move {
        let _ = stopped.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        served = served => served,
        () = too_late => Ok(()),
    }
}

/// Binds the console's address.
pub async fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(listen).await
}

/// Every route, with who may see it.
fn router(view: View, access: Access, stopping: watch::Receiver<bool>) -> Router {
    let desk = Desk {
        view,
        readers: Arc::new(Semaphore::new(READERS)),
        listeners: Arc::new(Semaphore::new(LISTENERS)),
        stopping,
    };
    let (api, document) = api();
    let document: Arc<str> = document.to_json().unwrap_or_default().into();
    let serve_document = move || {
        let document = Arc::clone(&document);
        async move { ([(axum::http::header::CONTENT_TYPE, "application/json")], document.to_string()) }
    };
    api.route("/api/v1/openapi.json", get(serve_document))
        .fallback(problem::no_such_page)
        .method_not_allowed_fallback(problem::only_looking)
        .with_state(desk)
        .layer(axum::middleware::from_fn_with_state(Arc::new(access), access::check))
}

/// The routes and their description, from the same handlers.
fn api() -> (Router<Desk>, utoipa::openapi::OpenApi) {
    let mut info = Info::new("Firstring", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "What the desk knows about calls. Times are RFC 3339, numbers E.164, errors RFC 9457. Everything but a \
         drill only reads."
            .to_string(),
    );
    let mut license = License::new("MIT OR Apache-2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_string());
    info.license = Some(license);
    let v1 = OpenApiRouter::new()
        .routes(routes!(stored::calls))
        .routes(routes!(stored::call))
        .routes(routes!(recordings::recording))
        .routes(routes!(stored::bookings))
        .routes(routes!(stored::messages))
        .routes(routes!(stored::sound))
        .routes(routes!(stored::callbacks))
        .routes(routes!(now::lines))
        .routes(routes!(now::trunks))
        .routes(routes!(now::refusals))
        .routes(routes!(now::health))
        .routes(routes!(drill::drill, drill::begin_drill, drill::end_drill))
        .routes(routes!(live::events));
    let document = utoipa::openapi::OpenApiBuilder::new().info(info).build();
    OpenApiRouter::with_openapi(document)
        .nest("/api/v1", v1)
        .routes(routes!(metrics::metrics))
        .split_for_parts()
}
