use axum::http::{HeaderMap, HeaderValue};
use uuid::Uuid;

pub(crate) const HEADER: &str = "x-request-id";
const MAX: usize = 64;

/// The client's own id if it can be one, else a new one; what handlers call further gets the same.
pub(super) fn settle(headers: &mut HeaderMap) -> HeaderValue {
    if let Some(id) = headers.get(HEADER).filter(|id| is_valid(id.as_bytes())) {
        return id.clone();
    }
    let id = HeaderValue::from_str(&Uuid::new_v4().to_string()).expect("a UUID is visible ASCII");
    headers.insert(HEADER, id.clone());
    id
}

/// What cannot break a line of a log or a header of a callee.
fn is_valid(id: &[u8]) -> bool {
    (1..=MAX).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}
