use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// How services reach each other.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The load balancer's internal listener.
    pub url: String,
    /// The deadline of one call.
    pub timeout_ms: u64,
}

/// Another service did not give a usable answer in time.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{path} could not be called")]
    Call {
        path: &'static str,
        #[source]
        source: reqwest::Error,
    },
    #[error("{path} answered {status}")]
    Status { path: &'static str, status: u16 },
    /// Another reader's call for the same failed.
    #[error("the same was asked of another service, in vain")]
    Shared(#[from] magnitude_sharding::Error),
}

/// More ids than this are asked for in several calls.
pub(crate) const BATCH: usize = 1_000;

#[derive(Clone, Debug)]
pub(crate) struct Caller {
    http: reqwest::Client,
    url: Arc<str>,
}

impl Caller {
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_millis(settings.timeout_ms))
            .connect_timeout(Duration::from_millis(settings.timeout_ms.min(500)))
            .no_proxy()
            .build()?;
        Ok(Self { http, url: settings.url.trim_end_matches('/').into() })
    }

    /// Internal calls only read or may be repeated, so one that could not connect, or lost its kept connection, is sent once more.
    pub async fn post<A: DeserializeOwned>(&self, path: &'static str, body: &impl Serialize) -> Result<A, CallError> {
        match self.try_post(path, body).await {
            Err(CallError::Call { source, .. }) if source.is_connect() || source.is_request() && !source.is_timeout() => {
                self.try_post(path, body).await
            }
            done => done,
        }
    }

    async fn try_post<A: DeserializeOwned>(&self, path: &'static str, body: &impl Serialize) -> Result<A, CallError> {
        let failed = |source| CallError::Call { path, source };
        let answer = self.http.post(format!("{}{path}", self.url)).json(body).send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(CallError::Status { path, status: answer.status().as_u16() });
        }
        answer.json().await.map_err(failed)
    }
}
