//! HTTP: parse, call, answer. No SQL.

mod follow;
mod internal;

use axum::{
    Router,
    routing::{MethodRouter, post},
};
use magnitude_chassis::Routers;
use magnitude_contract::social::{FOLLOWING, FOLLOWS};

use crate::App;

pub fn routers(app: App) -> Routers {
    let follow: MethodRouter<App> = post(follow::follow).delete(follow::unfollow);
    Routers {
        public: Router::new().route("/api/profiles/{username}/follow", follow).with_state(app.clone()),
        internal: Router::new().route(FOLLOWS, post(internal::follows)).route(FOLLOWING, post(internal::following)).with_state(app),
    }
}
