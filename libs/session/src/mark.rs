use std::pin::pin;

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use tokio::time::timeout;

use crate::{Sessions, Token, extract::token, sessions::ENTRY};

/// Around a service's public routes: a session whose write succeeded, or may have, is marked before the answer goes out, so that its
/// next requests skip what is cached in processes ([`Session::wrote`](crate::Session)).
pub fn mark_writes(router: Router, sessions: &Sessions) -> Router {
    router.layer(from_fn_with_state(sessions.clone(), mark))
}

async fn mark(State(sessions): State<Sessions>, request: Request, next: Next) -> Response {
    let token = token(request.headers()).ok().and_then(Token::parse);
    let Some(hash) = token.filter(|_| !request.method().is_safe()).map(|token| token.hash()) else {
        return next.run(request).await;
    };
    let mut running = pin!(next.run(request));
    let response = loop {
        match timeout(ENTRY, &mut running).await {
            Ok(response) => break response,
            // Layers further out may say "outcome unknown" before the handler ends: a mark is there then as well.
            Err(_) => drop(sessions.mark(hash).await),
        }
    };
    if may_have_written(response.status()) {
        sessions.wrote(hash).await;
    }
    response
}

fn may_have_written(status: StatusCode) -> bool {
    status.as_u16() < 400 || status == StatusCode::GATEWAY_TIMEOUT
}
