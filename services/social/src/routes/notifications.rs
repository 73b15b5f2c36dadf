use std::collections::HashMap;

use axum::{extract::State, http::StatusCode, response::Response};
use magnitude_chassis::{ApiError, Body, Delivery, Fields, Object, Page, Patch, Reading, begin};
use magnitude_contract::{
    Timestamp,
    accounts::ProfileBody,
    social::{ArticleLink, NotificationBody, NotificationsAnswer},
};
use magnitude_ids::Id;
use magnitude_session::SignedIn;
use magnitude_sharding::Begun;
use serde_json::{Map, Value};
use sqlx::types::Json;
use uuid::Uuid;

use crate::{
    App,
    store::{
        follows,
        notifications::{self, Listed, Notification},
    },
};

/// As many ids as a page has entries at most.
const IDS: usize = 100;
/// Characters of an id.
const ID: usize = 36;

/// `GET /api/notifications`, the newest first.
pub async fn list(State(app): State<App>, SignedIn { session, .. }: SignedIn, reading: Reading, page: Page) -> Result<Response, ApiError> {
    let reader = session.user;
    // Nothing of it is cached: it is read by one user, and changes as others act.
    let fresh = app.cache.freshness(reader.bucket()).await;
    let Listed { unread, page: Json(listed) } = notifications::list(&app.shards, fresh.clone(), reader, page.limit, page.offset).await?;
    let mut actors: Vec<_> = listed.iter().filter_map(|told| Id::from_i64(told.actor)).collect();
    actors.sort_unstable();
    actors.dedup();
    let accounts = app.accounts.through(&app.cache);
    let profiles = async { accounts.profiles(&actors).await.map_err(ApiError::unavailable) };
    let followed = async { follows::among(&app.shards, fresh, reader, &actors).await.map_err(ApiError::from) };
    let (profiles, followed) = futures_util::try_join!(profiles, followed)?;
    let profile = |actor: Id| Some(ProfileBody::new(profiles.get(&actor)?, followed.get(&actor).is_some_and(|(active, _)| *active)));
    let known: HashMap<_, _> = actors.iter().filter_map(|actor| Some((*actor, profile(*actor)?))).collect();
    let notifications = listed.into_iter().filter_map(|told| body(told, &known)).collect();
    // Not noted by any cache, so it gets no tag.
    Ok(reading.answer(&app.cache, || NotificationsAnswer { notifications, unread }))
}

/// Users are never deleted, so each actor has a profile.
fn body(told: Notification, profiles: &HashMap<Id, ProfileBody>) -> Option<NotificationBody> {
    Some(NotificationBody {
        id: told.id,
        kind: told.kind,
        created_at: Timestamp(told.at),
        read: told.read,
        actor: profiles.get(&Id::from_i64(told.actor)?)?.clone(),
        others: told.others,
        article: told.slug.zip(told.title).map(|(slug, title)| ArticleLink { slug, title }),
    })
}

/// `POST /api/notifications/read`. Ids that name nothing of this reader's are left alone. Sent once more it marks nothing that came since.
pub async fn read(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    delivery: Delivery,
    body: Result<Body, ApiError>,
) -> Result<StatusCode, ApiError> {
    let ids = wanted(&body?)?;
    let id = delivery.write_id(&session.user.to_string());
    let Begun::New(mut write) = begin(&app.shards, &app.cache, session.user.bucket(), &id).await? else {
        return Ok(StatusCode::NO_CONTENT);
    };
    notifications::mark_read(&mut write, session.user, ids.as_deref()).await?;
    app.cache.wrote(&write.commit().await?, &[]).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The ids, or nothing for all. What cannot be an id names nothing.
fn wanted(body: &Body) -> Result<Option<Vec<Uuid>>, ApiError> {
    let (mut fields, empty) = (Fields::new(), Map::new());
    let object = Object { map: body.value.as_object().unwrap_or(&empty) };
    match (object.map.get("all"), object.patch_texts(&mut fields, "ids", IDS, ID)) {
        (Some(Value::Bool(true)), Patch::Absent) if !object.has("ids") => return Ok(None),
        (None, Patch::Value(ids)) => return Ok(Some(ids.into_iter().filter_map(|id| id.parse().ok()).collect())),
        (Some(_), _) => fields.problem("all", "must be true, and without \"ids\""),
        (None, _) if object.has("ids") => {}
        (None, _) => fields.problem("ids", "can't be blank"),
    }
    if let Some(Value::Null) = object.map.get("ids") {
        fields.problem("ids", "can't be blank");
    }
    fields.finish().map(|()| None)
}
