use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, OriginalUri},
    http::{HeaderMap, request::Parts},
};
use magnitude_sharding::WriteId;

use crate::layers::REQUEST_ID;

/// How many bytes of this request other instances were sent before, which have died: the load balancer counts, and takes away what
/// clients say of it. Only who comes by it has this header, and a request id that is the load balancer's own.
const SENT_BEFORE: &str = "x-sent-before";

/// One request as the load balancer sends it, maybe once more. A write that takes its id from here is made once, however often it is sent;
/// every handler of a write must, since every write is sent once more when its instance dies.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Method and path.
    pub(super) route: String,
    /// The same each time that it is sent.
    number: Option<String>,
    again: bool,
}

impl Delivery {
    fn new(parts: &Parts) -> Self {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let number = parts.headers.get(REQUEST_ID).filter(|_| parts.headers.contains_key(SENT_BEFORE));
        Self {
            route: format!("{} {}", parts.method, uri.path()),
            number: number.and_then(|number| number.to_str().ok()).map(ToOwned::to_owned),
            again: is_sent_again(&parts.headers),
        }
    }

    /// The instance that had it before is dead, and may have done it.
    pub fn is_again(&self) -> bool {
        self.again
    }

    /// The write id: from the request's number; random where there is no load balancer, and so nobody who sends it twice. `owner` is the
    /// user's id or, for anonymous writes, the email.
    pub fn write_id(&self, owner: &str) -> WriteId {
        match &self.number {
            Some(number) => WriteId::of_request(owner, &self.route, number).outliving(self.again),
            None => WriteId::random(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Delivery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::new(parts))
    }
}

/// Whether an instance that has died was sent some of a request before.
pub(crate) fn is_sent_again(headers: &HeaderMap) -> bool {
    headers.get(SENT_BEFORE).is_some_and(|bytes| bytes != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn delivered(headers: &[(&str, &str)]) -> Delivery {
        let request = axum::http::Request::put("/api/articles/a?x=1");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let Ok(delivery) = Delivery::from_request_parts(&mut parts, &()).await;
        delivery
    }

    #[tokio::test]
    async fn what_is_sent_once_more_is_the_same_write() {
        let first = delivered(&[("x-request-id", "r"), (SENT_BEFORE, "0")]).await;
        let again = delivered(&[("x-request-id", "r"), (SENT_BEFORE, "317")]).await;
        let other = delivered(&[("x-request-id", "s"), (SENT_BEFORE, "0")]).await;

        assert_eq!((first.is_again(), again.is_again()), (false, true));
        assert_eq!(first.route, "PUT /api/articles/a");
        assert_eq!(first.write_id("ann").id(), again.write_id("ann").id());
        assert_ne!(first.write_id("ann").id(), first.write_id("bob").id());
        assert_ne!(first.write_id("ann").id(), other.write_id("ann").id());
    }

    /// Who does not come by the load balancer may give two requests the same id.
    #[tokio::test]
    async fn a_client_does_not_number_its_requests() {
        let own = delivered(&[("x-request-id", "r")]).await;

        assert!(!own.is_again());
        assert_ne!(own.write_id("ann").id(), own.write_id("ann").id());
    }
}
