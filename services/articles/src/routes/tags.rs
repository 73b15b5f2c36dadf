use axum::extract::State;
use magnitude_chassis::{ApiError, Json};
use magnitude_contract::articles::TagsAnswer;

use crate::{App, store};

/// `GET /api/tags`.
pub async fn list(State(app): State<App>) -> Result<Json<TagsAnswer>, ApiError> {
    let freshness = app.cache.freshness_of_shards().await;
    Ok(Json(TagsAnswer { tags: store::tags::list(&app.shards, &freshness).await? }))
}
