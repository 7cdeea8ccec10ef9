//! What is stored: calls, visits, messages with their sound, callbacks.

use std::io::{Read, Seek, SeekFrom};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use store::{Page, ReadError, Reader};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Asked, Id, Kind, Problem};
use super::shown::{CallUnderWay, ShownBooking, ShownCall, ShownCallback, ShownMessage};
use super::{Desk, PATIENCE};

/// Entries on one page, at most.
const MOST: usize = 1_000;

/// The largest recording: ten minutes of telephone sound.
const MOST_SOUND: u64 = 10 << 20;

/// Which part of a list, newest first.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// How many entries, 1 to 1000.
    #[serde(default = "fifty")]
    #[param(default = 50, minimum = 1, maximum = 1000)]
    limit: usize,
    /// Only what is older than this entry: `next` of the page before.
    before: Option<String>,
}

fn fifty() -> usize {
    Page::default().limit
}

impl Which {
    fn page(self) -> Result<Page, Problem> {
        match self.limit {
            1..=MOST => Ok(Page { limit: self.limit, before: self.before }),
            _ => Err(Kind::BadQuery.because(format!("limit is 1 to {MOST}"))),
        }
    }
}

/// Finished calls, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct CallList {
    /// On the first page: calls at this moment.
    under_way: Vec<CallUnderWay>,
    items: Vec<ShownCall>,
    /// What to send as `before` for older ones; none on the last page.
    next: Option<String>,
}

/// Visits, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct BookingList {
    items: Vec<ShownBooking>,
    /// What to send as `before` for older ones; none on the last page.
    next: Option<String>,
}

/// Messages, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageList {
    items: Vec<ShownMessage>,
    /// What to send as `before` for older ones; none on the last page.
    next: Option<String>,
}

/// Callbacks, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct CallbackList {
    items: Vec<ShownCallback>,
    /// What to send as `before` for older ones; none on the last page.
    next: Option<String>,
}

/// Calls, newest first.
#[utoipa::path(
    get,
    path = "/calls",
    params(Which),
    responses(
        (status = 200, description = "Newest first", body = CallList),
        (status = 400, description = "The query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No entry to go on from", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn calls(
    State(desk): State<Desk>,
    Asked(which): Asked<Which>,
) -> Result<Json<CallList>, Problem> {
    let page = which.page()?;
    let list = desk.read(move |reader| {
        let under_way = if page.before.is_none() { reader.under_way()? } else { Vec::new() };
        let (calls, next) = with_next(reader.calls(&page)?, &page, |call| &*call.id.0);
        let items = calls.into_iter().map(ShownCall::from).collect();
        Ok(CallList { under_way: under_way.into_iter().map(CallUnderWay::from).collect(), items, next })
    });
    list.await.map(Json)
}

/// One call; the beginning of its id is enough.
#[utoipa::path(
    get,
    path = "/calls/{id}",
    params(("id" = String, Path, description = "The call's id, or its beginning")),
    responses(
        (status = 200, description = "The call", body = ShownCall),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "More than one begins like this", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn call(State(desk): State<Desk>, Id(id): Id) -> Result<Json<ShownCall>, Problem> {
    desk.read(move |reader| reader.call(&id).map(ShownCall::from)).await.map(Json)
}

/// Visits, newest first by when they were booked.
#[utoipa::path(
    get,
    path = "/bookings",
    params(Which),
    responses(
        (status = 200, description = "Newest first", body = BookingList),
        (status = 400, description = "The query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No entry to go on from", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn bookings(
    State(desk): State<Desk>,
    Asked(which): Asked<Which>,
) -> Result<Json<BookingList>, Problem> {
    let page = which.page()?;
    let list = desk.read(move |reader| {
        let (visits, next) = with_next(reader.bookings(&page)?, &page, |visit| &visit.id);
        Ok(BookingList { items: visits.into_iter().map(ShownBooking::from).collect(), next })
    });
    list.await.map(Json)
}

/// Messages, newest first.
#[utoipa::path(
    get,
    path = "/messages",
    params(Which),
    responses(
        (status = 200, description = "Newest first", body = MessageList),
        (status = 400, description = "The query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No entry to go on from", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn messages(
    State(desk): State<Desk>,
    Asked(which): Asked<Which>,
) -> Result<Json<MessageList>, Problem> {
    let page = which.page()?;
    let list = desk.read(move |reader| {
        let (messages, next) = with_next(reader.messages(&page)?, &page, |message| &message.id);
        Ok(MessageList { items: messages.into_iter().map(ShownMessage::from).collect(), next })
    });
    list.await.map(Json)
}

/// Callbacks, newest first.
#[utoipa::path(
    get,
    path = "/callbacks",
    params(Which),
    responses(
        (status = 200, description = "Newest first", body = CallbackList),
        (status = 400, description = "The query is not understood", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No entry to go on from", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn callbacks(
    State(desk): State<Desk>,
    Asked(which): Asked<Which>,
) -> Result<Json<CallbackList>, Problem> {
    let page = which.page()?;
    let list = desk.read(move |reader| {
        let (tasks, next) = with_next(reader.callbacks(&page)?, &page, |task| &task.id);
        Ok(CallbackList { items: tasks.into_iter().map(ShownCallback::from).collect(), next })
    });
    list.await.map(Json)
}

/// The sound of a message, or the part of it that `Range` asks for.
#[utoipa::path(
    get,
    path = "/messages/{id}/sound",
    params(("id" = String, Path, description = "The message's id, or its beginning")),
    responses(
        (status = 200, description = "8 kHz, 16 bit, one channel", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "The part that was asked for", body = Vec<u8>, content_type = "audio/wav"),
        (status = 404, description = "No such message", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "No such part", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn sound(
    State(desk): State<Desk>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let directory = desk.view.directory.clone();
    let message = desk.read(move |reader| reader.message(&id)).await?;
    let path = store::sound::path(&directory, &message.id)
        .map_err(|error| Kind::NoSuchThing.because(error.to_string()))?;
    let asked = headers.get(header::RANGE).and_then(|range| range.to_str().ok()).map(str::to_string);
    let read = tokio::task::spawn_blocking(move || read_sound(path, asked.as_deref()));
    let Sound { whole, part, bytes } =
        read.await.map_err(|_| Kind::Broken.because("reading the recording failed"))??;
    let about = [(header::CONTENT_TYPE, "audio/wav"), (header::ACCEPT_RANGES, "bytes")];
    Ok(match part {
        None => (about, bytes).into_response(),
        Some(part) => {
            let range = format!("bytes {}-{}/{whole}", part.start(), part.end());
            (StatusCode::PARTIAL_CONTENT, about, [(header::CONTENT_RANGE, range)], bytes).into_response()
        }
    })
}

/// A recording, or a part of it.
struct Sound {
    whole: u64,
    part: Option<RangeInclusive<u64>>,
    bytes: Vec<u8>,
}

fn read_sound(path: PathBuf, asked: Option<&str>) -> Result<Sound, Problem> {
    let gone =
        |_| Kind::NoSuchThing.because("the recording is not there; it may be older than recordings are kept");
    let mut file = std::fs::File::open(path).map_err(gone)?;
    let whole = file.metadata().map_err(gone)?.len().min(MOST_SOUND);
    let part = asked.map(|asked| part_of(asked, whole)).transpose()?.flatten();
    let (start, length) = match &part {
        None => (0, whole),
        Some(part) => (*part.start(), part.end() - part.start() + 1),
    };
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start)).map_err(gone)?;
    file.take(length).read_to_end(&mut bytes).map_err(gone)?;
    Ok(Sound { whole, part, bytes })
}

/// One part of a whole (RFC 9110 14.2). Several at once, or another unit, is answered with the whole: `None`.
pub(super) fn part_of(asked: &str, whole: u64) -> Result<Option<RangeInclusive<u64>>, Problem> {
    let Some((first, last)) = asked.strip_prefix("bytes=").and_then(|part| part.trim().split_once('-'))
    else {
        return Ok(None);
    };
    let part = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..=last.min(whole.saturating_sub(1)),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..=whole.saturating_sub(1),
        (Err(_), Ok(last)) if first.trim().is_empty() && last > 0 => {
            whole.saturating_sub(last)..=whole.saturating_sub(1)
        }
        (Ok(_) | Err(_), Ok(_) | Err(_)) => return Ok(None),
    };
    match *part.start() < whole {
        true => Ok(Some(part)),
        false => Err(Kind::NoSuchPart.because(format!("the recording has {whole} bytes"))),
    }
}

/// The entries of a page, and where the next begins if there may be one.
fn with_next<T>(items: Vec<T>, page: &Page, id: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
    let next = items.last().filter(|_| items.len() == page.limit).map(|last| id(last).to_string());
    (items, next)
}

impl Desk {
    /// Reads on a thread that may wait for the disk.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Problem> {
        let seat = tokio::time::timeout(PATIENCE, self.readers.clone().acquire_owned()).await;
        let Ok(Ok(seat)) = seat else {
            return Err(Kind::Busy.because("the database is being read by others"));
        };
        let directory = self.view.directory.clone();
        let read = tokio::task::spawn_blocking(move || {
            let _seat = seat;
            Reader::open(&directory).and_then(|reader| look(&reader))
        });
        match read.await {
            Ok(result) => result.map_err(Problem::from),
            Err(_) => Err(Kind::Broken.because("reading failed; the log says why")),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let kind = match &error {
            ReadError::Unknown { .. } => Kind::NoSuchThing,
            ReadError::Ambiguous { .. } => Kind::Ambiguous,
            ReadError::Absent { .. } | ReadError::OtherSchema { .. } | ReadError::Database(_) => {
                tracing::warn!(%error, "The console cannot read what is stored");
                Kind::Broken
            }
            _ => Kind::Broken,
        };
        kind.because(error.to_string())
    }
}
