//! The connections to a bucket: HTTP/1.1 over the house's own TLS, one for each request.
//!
//! What is asked, signed and tried again is `object_store`'s work. A recording is brought once a call, so a connection
//! kept open would mostly be one that has died.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryFutureExt as _;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A host that is there answers sooner.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);
/// From the request to the beginning of the answer; 8 MiB over a slow line take most of it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(120);

/// Gives out clients.
#[derive(Debug)]
pub(super) struct Connector(Client);

#[derive(Clone, Debug)]
struct Client {
    tls: Arc<ClientConfig>,
}

impl Connector {
    /// Believes whom this machine believes.
    pub fn new() -> io::Result<Connector> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Connector(Client { tls: Arc::new(tls) }))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answered = tokio::time::timeout(ANSWERS_WITHIN, self.ask(request)).await;
        answered.unwrap_or_else(|_| Err(timed_out("the bucket's host does not answer")))
    }
}

impl Client {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.host().unwrap_or_default().trim_matches(['[', ']']).to_string();
        let is_encrypted = parts.uri.scheme_str() != Some("http");
        let port = parts.uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        if let Some(authority) = parts.uri.authority()
            && let Ok(shown) = HeaderValue::from_str(authority.as_str())
        {
            parts.headers.insert(HOST, shown);
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = path.parse().map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let request = HttpRequest::from_parts(parts, body);
        let stream = within(TcpStream::connect((host.as_str(), port))).await?;
        if !is_encrypted {
            return exchange(stream, request).await;
        }
        let name =
            ServerName::try_from(host).map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        let stream = within(TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream)).await?;
        exchange(stream, request).await
    }
}

async fn within<T>(connecting: impl Future<Output = io::Result<T>>) -> Result<T, HttpError> {
    match tokio::time::timeout(CONNECTS_WITHIN, connecting).await {
        Ok(connected) => connected.map_err(|error| HttpError::new(HttpErrorKind::Connect, error)),
        Err(_) => Err(timed_out("the bucket's host cannot be reached")),
    }
}

fn timed_out(what: &str) -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, io::Error::new(io::ErrorKind::TimedOut, what))
}

/// One request and its answer; the connection lives until the answer's body is read or dropped.
async fn exchange<S>(stream: S, request: HttpRequest) -> Result<HttpResponse, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error| HttpError::new(HttpErrorKind::Request, error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).map_err(failed).await?;
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).map_err(failed).await?.into_parts();
    let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
    Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
}
