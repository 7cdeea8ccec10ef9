//! Recordings of calls, played from wherever they lie.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use desk::record::{Part, Record, Recording};
use futures_util::stream;
use serde::Serialize;
use store::bucket::{Bucket, BucketError};
use store::recording;
use utoipa::ToSchema;

use super::Desk;
use super::problem::{Id, Kind, Problem};
use super::stored::part_of;

/// Read from the disk at once.
const PIECE: usize = 64 << 10;

/// What is on a recording, and where it lies.
#[derive(Serialize, ToSchema)]
#[schema(as = Recording)]
pub(super) struct ShownRecording {
    /// The parts of the call that are on it, one after the other.
    parts: Vec<ShownPart>,
    /// Its length.
    ms: u64,
    /// A path below the data directory, or `s3://BUCKET/KEY`; none while it is being finished, or if there is none.
    #[schema(examples("recordings/2026-06-02/c-1.wav"))]
    place: Option<String>,
    /// Why there is no recording, or not all of it.
    troubles: Vec<String>,
    /// Where it can be played.
    #[schema(examples("/api/v1/calls/c-1/recording"))]
    sound: Option<String>,
}

/// A part of the call, in milliseconds since it started.
#[derive(Serialize, ToSchema)]
#[schema(as = Part)]
struct ShownPart {
    from_ms: u64,
    to_ms: u64,
}

impl ShownRecording {
    pub fn of(call: &str, recording: Recording) -> ShownRecording {
        let ms = recording.ms();
        let Recording { parts, place, troubles } = recording;
        let shown = |Part { from_ms, to_ms }| ShownPart { from_ms, to_ms };
        let sound = place.is_some().then(|| format!("/api/v1/calls/{call}/recording"));
        ShownRecording { parts: parts.into_iter().map(shown).collect(), ms, place, troubles, sound }
    }
}

/// The recording of a call, or the part of it that `Range` asks for: the caller on the left, what they heard on the right.
#[utoipa::path(
    get,
    path = "/calls/{id}/recording",
    params(("id" = String, Path, description = "The call's id, or its beginning")),
    responses(
        (status = 200, description = "8 kHz, G.711 mu-law, two channels", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "The part that was asked for", body = Vec<u8>, content_type = "audio/wav"),
        (status = 404, description = "No such call, or it has no recording", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "No such part", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The bucket does not give it", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn recording(
    State(desk): State<Desk>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let record = desk.read(move |reader| reader.call(&id)).await?;
    let source = Source::of(&desk, &record).await?;
    let whole = source.length().await?;
    let asked = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let part = asked.map(|asked| part_of(asked, whole)).transpose()?.flatten();
    let (from, length) =
        part.as_ref().map_or((0, whole), |part| (*part.start(), part.end() - part.start() + 1));
    let body = source.read(from, length).await?;
    let about = [
        (header::CONTENT_TYPE, "audio/wav".to_string()),
        (header::ACCEPT_RANGES, "bytes".to_string()),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    Ok(match part {
        None => (about, body).into_response(),
        Some(part) => {
            let range = format!("bytes {}-{}/{whole}", part.start(), part.end());
            (StatusCode::PARTIAL_CONTENT, about, [(header::CONTENT_RANGE, range)], body).into_response()
        }
    })
}

/// Where a recording is read from.
enum Source {
    Here(PathBuf),
    There(Arc<Bucket>, String),
}

impl Source {
    /// On this disk, as long as it is there; else in the bucket.
    async fn of(desk: &Desk, record: &Record) -> Result<Source, Problem> {
        let (directory, started, call) = (desk.view.directory.clone(), record.started, record.id.clone());
        let found = apart(move || Ok(recording::find(&directory, started, &call))).await.map_err(broken)?;
        match (found, &desk.view.bucket) {
            (Some(path), _) => Ok(Source::Here(path)),
            (None, Some(bucket)) if was_recorded(record) => {
                Ok(Source::There(Arc::clone(bucket), recording::place(record.started, &record.id)))
            }
            (None, _) => Err(Kind::NoSuchThing.because(absent(record))),
        }
    }

    async fn length(&self) -> Result<u64, Problem> {
        match self {
            Source::Here(path) => {
                let path = path.clone();
                apart(move || Ok(std::fs::metadata(path)?.len())).await.map_err(broken)
            }
            Source::There(bucket, place) => bucket.size(place).await.map_err(Problem::from),
        }
    }

    async fn read(self, from: u64, length: u64) -> Result<Body, Problem> {
        match self {
            Source::Here(path) => {
                let open = move || {
                    let mut file = std::fs::File::open(path)?;
                    file.seek(SeekFrom::Start(from))?;
                    Ok(file)
                };
                let file = apart(open).await.map_err(broken)?;
                Ok(Body::from_stream(stream::unfold((file, length), piece)))
            }
            Source::There(..) if length == 0 => Ok(Body::empty()),
            Source::There(bucket, place) => {
                let sound = bucket.read(&place, from..from + length).await.map_err(Problem::from)?;
                Ok(Body::from_stream(sound))
            }
        }
    }
}

/// The next piece of a file, and what is left after it.
async fn piece((mut file, left): (std::fs::File, u64)) -> Option<(io::Result<Bytes>, (std::fs::File, u64))> {
    if left == 0 {
        return None;
    }
    let read = move || {
        let mut bytes = Vec::with_capacity(PIECE);
        (&mut file).take(left.min(PIECE as u64)).read_to_end(&mut bytes)?;
        Ok((Bytes::from(bytes), file))
    };
    match apart(read).await {
        Ok((bytes, _)) if bytes.is_empty() => None,
        Ok((bytes, file)) => {
            let left = left - bytes.len() as u64;
            Some((Ok(bytes), (file, left)))
        }
        // The answer breaks off, and whoever asked sees that it is shorter than it was to be.
        Err(_) => None,
    }
}

fn was_recorded(record: &Record) -> bool {
    record
        .recording
        .as_ref()
        .is_some_and(|recording| recording.place.is_some() || !recording.parts.is_empty())
}

fn absent(record: &Record) -> String {
    match &record.recording {
        None => "this call was not recorded: no call is, unless the configuration says so".to_string(),
        Some(recording) if !recording.troubles.is_empty() => recording.troubles.join("; "),
        Some(_) => {
            "the recording is not there; it is being finished, or older than recordings are kept".to_string()
        }
    }
}

fn broken(error: io::Error) -> Problem {
    Kind::NoSuchThing.because(format!("the recording cannot be read: {error}"))
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(io::Error::other("reading failed")))
}

impl From<BucketError> for Problem {
    fn from(error: BucketError) -> Self {
        let kind = match error {
            BucketError::Absent { .. } => Kind::NoSuchThing,
            _ => Kind::Broken,
        };
        kind.because(error.to_string())
    }
}
