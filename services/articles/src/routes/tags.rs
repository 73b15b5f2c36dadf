use axum::{extract::State, response::Response};
use magnitude_chassis::{ApiError, Reading};
use magnitude_contract::articles::TagsAnswer;

use crate::{App, keyspaces, store};

/// `GET /api/tags`.
pub async fn list(State(app): State<App>, reading: Reading) -> Result<Response, ApiError> {
    let app = app.reading(&reading, None);
    let load = async || Ok::<_, ApiError>(store::tags::list(&app.shards, &app.cache.freshness_of_shards().await).await?);
    let tags = app.cache.page(&keyspaces::TAGS, &keyspaces::tags(), "", load).await?;
    Ok(reading.answer(&app.cache, || TagsAnswer { tags: (*tags).clone() }))
}
