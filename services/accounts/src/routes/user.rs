use axum::extract::State;
use magnitude_chassis::{ApiError, Json};
use magnitude_contract::accounts::{UserAnswer, UserBody};
use magnitude_session::{SignedIn, Token};

use crate::{
    App,
    store::{self, users::User},
};

/// `GET /api/user`: the same token comes back.
pub async fn show(State(app): State<App>, SignedIn { session, token }: SignedIn) -> Result<Json<UserAnswer>, ApiError> {
    let freshness = app.cache.freshness(session.user.bucket()).await;
    let user = store::users::find(&app.shards, freshness, session.user).await?;
    // A session without a user is none.
    let user = user.ok_or_else(|| ApiError::new(axum::http::StatusCode::UNAUTHORIZED, "token", "is invalid"))?;
    Ok(Json(answer(&user, &token)))
}

pub(super) fn answer(user: &User, token: &Token) -> UserAnswer {
    UserAnswer {
        user: UserBody {
            email: user.email.clone(),
            token: token.expose().to_owned(),
            username: user.username.clone(),
            bio: user.bio.clone(),
            image: user.image.clone(),
        },
    }
}
