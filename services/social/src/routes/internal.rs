use axum::{Json, extract::State};
use magnitude_cache::Versioned;
use magnitude_chassis::ApiError;
use magnitude_contract::social::{Followed, FollowingCall, FollowsCall, Notice, NotifyCall};
use magnitude_jobs::{once, submit};

use crate::{
    App,
    jobs::FanOut,
    keyspaces::{FOLLOW, FOLLOWED, follow_key},
    store::{
        follows,
        notifications::{self, Kind},
    },
};

/// Which of these users the viewer follows: one statement for those that are not cached, however many they are.
pub async fn follows(State(app): State<App>, Json(call): Json<FollowsCall>) -> Result<Json<Followed>, ApiError> {
    let keys: Vec<_> = call.ids.iter().map(|id| follow_key(call.viewer, *id)).collect();
    let cache = if call.fresh { app.cache.bypassed() } else { app.cache.skipping_copies() };
    let found = cache.get_many(&FOLLOW, &keys, async |missed, _| {
        let wanted: Vec<_> = missed.iter().map(|index| call.ids[*index]).collect();
        let freshness = cache.freshness(call.viewer.bucket()).await;
        let among = follows::among(&app.shards, freshness, call.viewer, &wanted).await?;
        // Who was never followed has no row: the state before the first version.
        let state = |index: &usize| among.get(&call.ids[*index]).copied().unwrap_or((false, 0));
        let found = missed.iter().map(|index| (*index, state(index)));
        Ok::<_, ApiError>(found.map(|(index, (active, version))| (index, Versioned::new(version, active))).collect())
    });
    let followed = call.ids.iter().zip(found.await?).filter(|(_, follows)| follows.as_deref() == Some(&true));
    Ok(Json(Followed { ids: followed.map(|(id, _)| *id).collect() }))
}

/// Everybody whom the reader follows.
pub async fn following(State(app): State<App>, Json(call): Json<FollowingCall>) -> Result<Json<Followed>, ApiError> {
    let cache = if call.fresh { app.cache.bypassed() } else { app.cache.skipping_copies() };
    let found = cache.get(&FOLLOWED, call.reader.bucket(), call.reader, async |freshness| {
        Ok::<_, ApiError>(Some(Versioned::unversioned(follows::all(&app.shards, freshness, call.reader).await?)))
    });
    Ok(Json(Followed { ids: found.await?.map(|ids| (*ids).clone()).unwrap_or_default() }))
}

/// Another service tells of something. However often it comes, it counts once.
pub async fn notify(State(app): State<App>, Json(call): Json<NotifyCall>) -> Result<Json<()>, ApiError> {
    let bucket = match &call.notice {
        Notice::Published { author, .. } => author.bucket(),
        Notice::Commented { reader, .. } | Notice::Favorited { reader, .. } => reader.bucket(),
    };
    let Some(mut write) = once(&app.shards, bucket, call.id).await? else { return Ok(Json(())) };
    match call.notice {
        Notice::Published { author, article } => drop(submit(&mut write, &FanOut { author, article }).await?),
        Notice::Commented { reader, actor, article } => {
            notifications::bundle(&mut write, reader, Kind::Commented, actor, Some(&article)).await?;
        }
        Notice::Favorited { reader, actor, article } => {
            notifications::bundle(&mut write, reader, Kind::Favorited, actor, Some(&article)).await?;
        }
    }
    write.commit().await?;
    Ok(Json(()))
}
