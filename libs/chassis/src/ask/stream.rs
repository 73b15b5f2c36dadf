use axum::{
    body::BodyDataStream,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::body::{BodyLimit, drain};
use crate::ApiError;

/// A raw body, piece by piece: never longer than the listener's limit, and not after two thirds of the request's time.
#[derive(Debug)]
pub struct Stream {
    pieces: BodyDataStream,
    limit: usize,
    came: usize,
    deadline: Instant,
}

impl Stream {
    /// The next piece, nothing after the last. 413 when there are too many bytes, 408 when they come too slowly, 400 when the client
    /// went away or sent less than it said.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let late = || ApiError::new(StatusCode::REQUEST_TIMEOUT, "body", "came too slowly");
        let Some(piece) = timeout_at(self.deadline, self.pieces.next()).await.map_err(|_| late())? else { return Ok(None) };
        let piece = piece.map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "body", "could not be read"))?;
        self.came += piece.len();
        if self.came > self.limit {
            return Err(timeout_at(self.deadline, drain(&mut self.pieces, self.limit)).await.unwrap_or_else(|_| late()));
        }
        Ok(Some(piece))
    }

    /// Gives the reason back once a bounded rest was thrown away: a client that writes before it reads sees the answer, and not a reset
    /// connection.
    pub async fn refuse<E>(mut self, error: E) -> E {
        // What comes of the rest is no matter any more.
        timeout_at(self.deadline, drain(&mut self.pieces, self.limit)).await.ok();
        error
    }
}

impl<S: Send + Sync> FromRequest<S> for Stream {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let BodyLimit { bytes, time } = request.extensions().get().copied().unwrap_or_default();
        Ok(Self { pieces: request.into_body().into_data_stream(), limit: bytes, came: 0, deadline: Instant::now() + time })
    }
}
