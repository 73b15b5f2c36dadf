use axum::extract::State;
use magnitude_chassis::{ApiError, Json, Path};
use magnitude_contract::accounts::{ProfileAnswer, ProfileBody};
use magnitude_session::Viewer;

use crate::{App, people};

/// `GET /api/profiles/{username}`. What is not even text names nobody.
pub async fn show(
    State(app): State<App>,
    Viewer(viewer): Viewer,
    username: Result<Path<String>, ApiError>,
) -> Result<Json<ProfileAnswer>, ApiError> {
    let not_found = || ApiError::not_found("profile");
    let Path(username) = username.map_err(|_| not_found())?;
    let profile = people::by_username(&app, &username).await?.ok_or_else(not_found)?;
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
