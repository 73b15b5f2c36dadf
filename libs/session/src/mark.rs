use std::{cell::Cell, pin::pin};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use tokio::time::timeout;

use crate::{
    Sessions, Token,
    extract::token,
    sessions::{ENTRY, Mark},
};

tokio::task_local! {
    static UNTOLD: Cell<bool>;
}

/// Says that the cache could not be told of a write of the current request: the session that made it is to read around the cache
/// until somebody else has told it. Outside a request it does nothing.
pub fn untold() {
    let _ = UNTOLD.try_with(|untold| untold.set(true));
}

/// Whether that was said of the current request.
pub(crate) fn is_untold() -> bool {
    UNTOLD.try_with(Cell::get).unwrap_or(false)
}

/// Around a service's public routes: a session whose write succeeded, or may have, is marked before the answer goes out, so that its
/// next requests skip what is cached in processes ([`Session::wrote`](crate::Session)).
pub fn mark_writes(router: Router, sessions: &Sessions) -> Router {
    router.layer(from_fn_with_state(sessions.clone(), mark))
}

async fn mark(State(sessions): State<Sessions>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    UNTOLD.scope(Cell::new(false), write(sessions, request, next)).await
}

async fn write(sessions: Sessions, request: Request, next: Next) -> Response {
    let token = token(request.headers()).ok().and_then(Token::parse);
    let Some(hash) = token.map(|token| token.hash()) else {
        return next.run(request).await;
    };
    let mut running = pin!(next.run(request));
    let response = loop {
        match timeout(ENTRY, &mut running).await {
            Ok(response) => break response,
            // Layers further out may say "outcome unknown" before the handler ends: a mark is there then as well.
            Err(_) => drop(sessions.mark(hash, Mark::Wrote).await),
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
