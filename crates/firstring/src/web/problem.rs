//! Errors as problems (RFC 9457): what happened, in a sentence, and what would help.

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

/// What went wrong with a request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Always the same for the same kind of problem.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The kind, in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened this time, and what would help.
    detail: String,
}

/// The kinds of problems there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BadQuery,
    NoSuchPage,
    NoSuchThing,
    Ambiguous,
    OnlyLooking,
    NotAllowedIn,
    WrongHost,
    NoSuchPart,
    Busy,
    Broken,
}

impl Kind {
    pub fn because(self, detail: impl Into<String>) -> Problem {
        let (status, kind, title) = match self {
            Kind::BadQuery => (400, "urn:firstring:problem:bad-query", "The query is not understood"),
            Kind::NoSuchPage => (404, "urn:firstring:problem:no-such-page", "There is no such page"),
            Kind::NoSuchThing => (404, "urn:firstring:problem:no-such-thing", "There is nothing by this id"),
            Kind::Ambiguous => (409, "urn:firstring:problem:ambiguous", "More than one thing is meant"),
            Kind::OnlyLooking => (405, "urn:firstring:problem:only-looking", "This can only be looked at"),
            Kind::NotAllowedIn => (401, "urn:firstring:problem:not-allowed-in", "Whoever asks is not known"),
            Kind::WrongHost => {
                (421, "urn:firstring:problem:wrong-host", "This is not the host that was asked for")
            }
            Kind::NoSuchPart => (416, "urn:firstring:problem:no-such-part", "The recording has no such part"),
            Kind::Busy => (503, "urn:firstring:problem:busy", "Too many ask at once"),
            Kind::Broken => (500, "urn:firstring:problem:broken", "Something of the desk's own failed"),
        };
        Problem { kind, title, status, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// A query string; one that is not understood is a problem, not plain text.
pub(super) struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Asked(asked)),
            Err(rejection) => Err(Kind::BadQuery.because(rejection.body_text())),
        }
    }
}

/// An id in the path.
pub(super) struct Id(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Id(id)),
            Err(rejection) => Err(Kind::BadQuery.because(rejection.body_text())),
        }
    }
}

pub(super) async fn no_such_page(uri: Uri) -> Problem {
    Kind::NoSuchPage.because(format!("{} leads nowhere; /api/v1/openapi.json names every page", uri.path()))
}

pub(super) async fn only_looking() -> Response {
    let allow = [(header::ALLOW, "GET, HEAD")];
    (allow, Kind::OnlyLooking.because("use GET; nothing can be changed here")).into_response()
}
