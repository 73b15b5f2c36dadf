use axum::extract::State;
use magnitude_chassis::{ApiError, Json, Path};
use magnitude_contract::accounts::{ProfileAnswer, ProfileBody};
use magnitude_session::Viewer;

use crate::{App, people};

/// `GET /api/profiles/{username}`.
pub async fn show(State(app): State<App>, Viewer(viewer): Viewer, Path(username): Path<String>) -> Result<Json<ProfileAnswer>, ApiError> {
    let profile = people::by_username(&app, &username).await?.ok_or_else(|| ApiError::not_found("profile"))?;
    let following = match viewer {
        None => false,
        Some(viewer) => match app.social.follows(viewer.user, &[profile.id]).await {
            Ok(followed) => followed.contains(&profile.id),
            Err(error) => {
                tracing::warn!(%error, "social did not answer: nobody is shown as followed");
                magnitude_chassis::degraded("social");
                false
            }
        },
    };
    Ok(Json(ProfileAnswer { profile: ProfileBody::new((*profile).clone(), following) }))
}
