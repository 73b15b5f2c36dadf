use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderMap, StatusCode, request::Parts},
};
use magnitude_sharding::WriteId;

use crate::ApiError;

const HEADER: &str = "Idempotency-Key";
/// What answers call it.
pub(crate) const FIELD: &str = "idempotencyKey";
const MAX: usize = 128;
/// Which try it is: the load balancer counts, and takes away what clients send of it.
const ATTEMPT: &str = "x-envoy-attempt-count";

/// `Idempotency-Key` (1 to 128 visible characters, else 422) with the route (method and path) it was sent to.
#[derive(Clone, Debug)]
pub struct Idempotency {
    pub key: Option<String>,
    pub route: String,
    /// The load balancer sends it once more: the instance that had it before is dead.
    pub again: bool,
}

impl Idempotency {
    /// The write id: from the key if there is one, random otherwise. `owner` is the user's id or, for anonymous writes, the email.
    pub fn write_id(&self, owner: &str, body: &[u8]) -> WriteId {
        match &self.key {
            Some(key) => WriteId::from_key(owner, &self.route, key, body).outliving(self.again),
            None => WriteId::random(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let key = key(&parts.headers)?;
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        Ok(Self { key, route: format!("{} {}", parts.method, uri.path()), again: is_sent_again(&parts.headers) })
    }
}

/// Whether the load balancer sends a request with a key once more, since the instance that had it is dead.
pub(crate) fn is_sent_again(headers: &HeaderMap) -> bool {
    headers.contains_key(HEADER) && headers.get(ATTEMPT).is_some_and(|attempt| attempt != "1")
}

/// Two keys are as bad as none: nobody could say which one counts.
fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut sent = headers.get_all(HEADER).iter();
    match (sent.next(), sent.next()) {
        (None, _) => Ok(None),
        (Some(key), None) if is_valid(key.as_bytes()) => Ok(Some(String::from_utf8_lossy(key.as_bytes()).into_owned())),
        _ => Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, FIELD, format!("must be 1 to {MAX} visible characters"))),
    }
}

fn is_valid(key: &[u8]) -> bool {
    (1..=MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn extract(keys: &[&str]) -> Result<Idempotency, ApiError> {
        let mut request = axum::http::Request::post("/api/articles?x=1");
        for key in keys {
            request = request.header(HEADER, *key);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        Idempotency::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn the_same_key_and_route_is_the_same_write() {
        let (first, again, none) = (extract(&["k"]).await.unwrap(), extract(&["k"]).await.unwrap(), extract(&[]).await.unwrap());

        assert_eq!(first.route, "POST /api/articles");
        assert_eq!(first.write_id("ann", b"1").id(), again.write_id("ann", b"1").id());
        assert_ne!(first.write_id("ann", b"1").id(), again.write_id("bob", b"1").id());
        assert_ne!(none.write_id("ann", b"1").id(), none.write_id("ann", b"1").id());
    }

    #[tokio::test]
    async fn the_load_balancer_says_that_it_is_sent_again() {
        for (attempt, again) in [("1", false), ("2", true), ("3", true)] {
            let request = axum::http::Request::post("/api/articles").header(HEADER, "k").header(ATTEMPT, attempt);
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(Idempotency::from_request_parts(&mut parts, &()).await.unwrap().again, again);
        }
        assert!(!extract(&["k"]).await.unwrap().again);
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_one_is_refused() {
        let long = "k".repeat(129);
        for keys in [&[""][..], &["a b"], &["a", "b"], &[long.as_str()]] {
            assert_eq!(extract(keys).await.unwrap_err().status(), StatusCode::UNPROCESSABLE_ENTITY, "{keys:?}");
        }
        assert!(extract(&[&long[1..]]).await.is_ok());
    }
}
