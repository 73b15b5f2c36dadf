use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use magnitude_session::Sessions;

use crate::{Limiter, address};

/// Around a service's public routes: limits the writes of each signed-in user, and of each address. A request without a session is the
/// handler's to refuse, or to limit by what its body says.
pub fn limit_writes(router: Router, limiter: &Limiter, sessions: &Sessions) -> Router {
    router.layer(from_fn_with_state((limiter.clone(), sessions.clone()), limit))
}

async fn limit(State((limiter, sessions)): State<(Limiter, Sessions)>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (mut head, body) = request.into_parts();
    // Where nobody can tell, the handler says so.
    if let Ok(Some(session)) = sessions.of(&head.headers, &mut head.extensions).await {
        let (user, address, settings) = (session.user.to_string(), address(&head.headers), &limiter.settings);
        let limits = [("user", user.as_str(), settings.writes_per_user), ("address", address.as_str(), settings.writes_per_address)];
        if let Err(refused) = limiter.check(&limits).await {
            return refused.into_response();
        }
    }
    next.run(Request::from_parts(head, body)).await
}
