use axum::{extract::State, response::Response};
use magnitude_chassis::{ApiError, Path, Reading};
use magnitude_contract::accounts::{Profile, ProfileAnswer, ProfileBody};
use magnitude_session::{Session, Viewer};

use crate::{App, people};

/// `GET /api/profiles/{username}`. What is not even text names nobody.
pub async fn show(
    State(app): State<App>,
    Viewer(viewer): Viewer,
    reading: Reading,
    username: Result<Path<String>, ApiError>,
) -> Result<Response, ApiError> {
    let not_found = || ApiError::not_found("profile");
    let Path(username) = username.map_err(|_| not_found())?;
    let app = app.reading(&reading, viewer.as_ref());
    let profile = people::by_username(&app, &username).await?.ok_or_else(not_found)?;
    let following = is_followed(&app, viewer.as_ref(), &profile).await;
    Ok(reading.answer(&app.cache, || ProfileAnswer { profile: ProfileBody::new(&profile, following) }))
}

/// Without an answer from social nobody is shown as followed: the profile is worth more than the flag.
async fn is_followed(app: &App, viewer: Option<&Session>, profile: &Profile) -> bool {
    let Some(viewer) = viewer else { return false };
    match app.social.follows(viewer.user, &[profile.id]).await {
        Ok(followed) => followed.contains(&profile.id),
        Err(error) => {
            tracing::warn!(%error, "social did not answer: nobody is shown as followed");
            magnitude_chassis::degraded("social");
            app.cache.spoil();
            false
        }
    }
}
