//! HTTP: parse, call, answer. No SQL.

mod follow;
mod internal;
mod notifications;

use axum::{
    Router,
    routing::{MethodRouter, get, post},
};
use magnitude_chassis::Routers;
use magnitude_contract::social::{FOLLOWING, FOLLOWS, NOTIFY};

use crate::App;

pub fn routers(app: App) -> Routers {
    let follow: MethodRouter<App> = post(follow::follow).delete(follow::unfollow);
    let public = Router::new()
        .route("/api/profiles/{username}/follow", follow)
        .route("/api/notifications", get(notifications::list))
        .route("/api/notifications/read", post(notifications::read));
    let internal = Router::new()
        .route(FOLLOWS, post(internal::follows))
        .route(FOLLOWING, post(internal::following))
        .route(NOTIFY, post(internal::notify));
    Routers { public: public.with_state(app.clone()), internal: internal.with_state(app) }
}
