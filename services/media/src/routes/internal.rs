use axum::{Json, extract::State};
use magnitude_chassis::ApiError;
use magnitude_contract::media::{TakeCall, Taken};

use crate::{
    App,
    store::objects::{self, State as Content},
};

/// A user is about to use an image.
pub async fn take(State(app): State<App>, Json(call): Json<TakeCall>) -> Result<Json<Taken>, ApiError> {
    Ok(Json(match objects::take(&app.shards, &call.hash).await? {
        Content::Kept => Taken::Taken,
        Content::Doomed => Taken::Doomed,
        Content::Unknown => Taken::Unknown,
    }))
}
