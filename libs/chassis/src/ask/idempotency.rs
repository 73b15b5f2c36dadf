use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, request::Parts},
};
use magnitude_sharding::WriteId;

use crate::{ApiError, Delivery};

const HEADER: &str = "Idempotency-Key";
/// What answers call it.
pub(crate) const FIELD: &str = "idempotencyKey";
const MAX: usize = 128;

/// A POST's `Idempotency-Key` (1 to 128 visible characters, else 422), and how it came.
#[derive(Clone, Debug)]
pub struct Idempotency {
    pub key: Option<String>,
    pub delivery: Delivery,
}

impl Idempotency {
    /// The write id: from the key if there is one, else from the delivery. `owner` is the user's id or, for anonymous writes, the email.
    pub fn write_id(&self, owner: &str, body: &[u8]) -> WriteId {
        match &self.key {
            Some(key) => WriteId::from_key(owner, &self.delivery.route, key, body).outliving(self.delivery.is_again()),
            None => self.delivery.write_id(owner),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let key = key(&parts.headers)?;
        let Ok(delivery) = Delivery::from_request_parts(parts, state).await;
        Ok(Self { key, delivery })
    }
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

        assert_eq!(first.write_id("ann", b"1").id(), again.write_id("ann", b"1").id());
        assert_ne!(first.write_id("ann", b"1").id(), again.write_id("bob", b"1").id());
        assert_ne!(none.write_id("ann", b"1").id(), none.write_id("ann", b"1").id());
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
