use std::collections::HashSet;

use axum::{extract::State, response::Response};
use magnitude_chassis::{ApiError, Path, Reading};
use magnitude_contract::{
    Shown,
    accounts::{ProfileAnswer, ProfileBody},
};
use magnitude_ids::Id;
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
    let (app, viewer) = (app.reading(&reading, viewer.as_ref()), viewer.as_ref());
    let kept = viewer.and_then(|viewer| reading.kept::<Shown>(viewer.wrote));
    if let Some(kept) = kept {
        let followed = followed(&app, viewer, &kept.about().authors).await;
        return Ok(reading.answer_kept(&kept, &app.own, |shown, text| shown.fill(text, &[], &followed)));
    }
    let profile = people::by_username(&app, &username).await?.ok_or_else(not_found)?;
    let shown = Shown::new(Vec::new(), vec![profile.id]);
    let followed = followed(&app, viewer, &shown.authors).await;
    let body = || ProfileAnswer { profile: ProfileBody::new(&profile, false) };
    Ok(reading.answer_to(&app.cache, Some(&app.own), shown, body, |shown, text| shown.fill(text, &[], &followed)))
}

/// Without an answer from social nobody is shown as followed: the profile is worth more than the flag.
async fn followed(app: &App, viewer: Option<&Session>, users: &[Id]) -> HashSet<Id> {
    let Some(viewer) = viewer else { return HashSet::new() };
    app.social.follows(viewer.user, users).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "social did not answer: nobody is shown as followed");
        magnitude_chassis::degraded("social");
        app.own.spoil();
        HashSet::new()
    })
}
