//! The running desk, asked over its console.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode, header};
use desk::private::Private;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::config::Config;
use crate::web::{Drill, Wanted};

/// A desk on this machine answers at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longer than any answer about a drill.
const LONGEST_ANSWER: usize = 64 << 10;
const DRILL: &str = "/api/v1/drill";

/// The desk that runs with this configuration.
pub struct RunningDesk {
    at: SocketAddr,
    token: Option<Private<String>>,
}

/// Why it does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Nobody there.
    #[error(
        "no desk runs with this configuration (its console is not at {at}: {problem}); start it with `firstring run`"
    )]
    NotRunning {
        /// Where it would be.
        at: SocketAddr,
        /// The system's words.
        problem: String,
    },
    /// Its own words.
    #[error("the desk says: {0}")]
    Refused(String),
}

impl RunningDesk {
    /// Where its console is.
    pub fn of(config: &Config) -> RunningDesk {
        let listen = config.web.listen;
        let ip = match listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        RunningDesk { at: SocketAddr::new(ip, listen.port()), token: config.web.token.clone() }
    }

    /// From now on it is gone toward one trunk.
    pub async fn be_gone(&self, wanted: &Wanted) -> Result<Drill, DeskError> {
        let body = serde_json::to_vec(wanted).map_err(|error| DeskError::Refused(error.to_string()))?;
        let (_, answer) = self.ask(Method::POST, body).await?;
        serde_json::from_value(answer).map_err(|error| DeskError::Refused(error.to_string()))
    }

    /// The drill as it stands; `None` once it is over.
    pub async fn drill(&self) -> Result<Option<Drill>, DeskError> {
        let (_, mut answer) = self.ask(Method::GET, Vec::new()).await?;
        serde_json::from_value(answer["drill"].take()).map_err(|error| DeskError::Refused(error.to_string()))
    }

    /// It is back.
    pub async fn be_back(&self) -> Result<(), DeskError> {
        self.ask(Method::DELETE, Vec::new()).await.map(drop)
    }

    async fn ask(&self, method: Method, body: Vec<u8>) -> Result<(StatusCode, Value), DeskError> {
        let gone = |problem: String| DeskError::NotRunning { at: self.at, problem };
        let asked = tokio::time::timeout(PATIENCE, self.exchange(method, body)).await;
        let (status, body) = asked
            .map_err(|_| gone("it does not answer".to_string()))?
            .map_err(|error| gone(error.to_string()))?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match status.is_success() {
            true => Ok((status, answer)),
            false => {
                Err(DeskError::Refused(answer["detail"].as_str().unwrap_or(status.as_str()).to_string()))
            }
        }
    }

    async fn exchange(&self, method: Method, body: Vec<u8>) -> anyhow::Result<(StatusCode, Bytes)> {
        let stream = TcpStream::connect(self.at).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(DRILL)
            .header(header::HOST, self.at.to_string())
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        let answer = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER)
            .collect()
            .await
            .map_err(anyhow::Error::from_boxed)?;
        Ok((status, body.to_bytes()))
    }
}
