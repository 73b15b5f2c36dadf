use std::{collections::HashMap, sync::Arc};

use axum::extract::State;
use magnitude_cache::Versioned;
use magnitude_chassis::{ApiError, Json, Page, Params};
use magnitude_contract::articles::ArticlesAnswer;
use magnitude_ids::Id;
use magnitude_session::{Session, SignedIn, Viewer};

use crate::{
    App,
    article::Head,
    keyspaces::HEADS,
    store::{
        self,
        lists::{Listed, Window},
    },
    view,
};

/// How many favorites are narrowed by a tag at a time.
const STEP: u16 = 10_000;

/// `GET /api/articles`, filtered by `tag`, `author` and `favorited`, in any combination.
pub async fn list(State(app): State<App>, Viewer(viewer): Viewer, params: Params, page: Page) -> Result<Json<ArticlesAnswer>, ApiError> {
    let window = Window { limit: page.limit, offset: page.offset };
    let names = (params.get("author"), params.get("favorited"));
    let (author, favorited) = futures_util::try_join!(user(&app, names.0), user(&app, names.1))?;
    let listed = match (author, favorited) {
        // Somebody who does not exist wrote and favorited nothing.
        (Named::Nobody, _) | (_, Named::Nobody) => Listed { ids: Vec::new(), count: 0 },
        (author, favorited) => select(&app, author.id(), favorited.id(), params.get("tag"), window).await?,
    };
    page_of(&app, viewer.as_ref(), listed).await
}

/// `GET /api/articles/feed`: pulled, so it is exact the moment an author publishes.
pub async fn feed(State(app): State<App>, SignedIn { session, .. }: SignedIn, page: Page) -> Result<Json<ArticlesAnswer>, ApiError> {
    let followed = app.social.following(session.user).await.map_err(ApiError::unavailable)?;
    let buckets: Vec<_> = followed.iter().map(|id| id.bucket()).collect();
    let freshness = app.cache.freshness_of(&buckets).await;
    let window = Window { limit: page.limit, offset: page.offset };
    let listed = store::lists::feed(&app.shards, &freshness, &followed, window).await?;
    page_of(&app, Some(&session), listed).await
}

enum Named {
    /// The filter was not given.
    Anybody,
    User(Id),
    Nobody,
}

impl Named {
    fn id(&self) -> Option<Id> {
        match self {
            Self::User(id) => Some(*id),
            Self::Anybody | Self::Nobody => None,
        }
    }
}

async fn user(app: &App, name: Option<&str>) -> Result<Named, ApiError> {
    let Some(name) = name else { return Ok(Named::Anybody) };
    let profile = app.accounts.by_username(name).await.map_err(ApiError::unavailable)?;
    Ok(profile.map_or(Named::Nobody, |profile| Named::User(profile.id)))
}

/// The narrowest list that the filters allow.
async fn select(app: &App, author: Option<Id>, favorited: Option<Id>, tag: Option<&str>, window: Window) -> Result<Listed, ApiError> {
    let (shards, cache) = (&app.shards, &app.cache);
    let listed = match (author, favorited, tag) {
        (None, None, None) => store::lists::all(shards, &cache.freshness_of_shards().await, window).await?,
        (None, None, Some(tag)) => store::lists::by_tag(shards, &cache.freshness_of_shards().await, tag, window).await?,
        (Some(author), None, tag) => store::lists::by_author(shards, cache.freshness(author.bucket()).await, author, tag, window).await?,
        (None, Some(user), None) => store::favorited::all(shards, cache.freshness(user.bucket()).await, user, window).await?,
        (None, Some(user), Some(tag)) => store::favorited::by_tag(shards, cache, user, tag, window, STEP).await?,
        (Some(author), Some(user), tag) => {
            let freshness = cache.freshness(author.bucket()).await;
            store::favorited::by_author(shards, freshness, user, author, tag, window).await?
        }
    };
    Ok(listed)
}

async fn page_of(app: &App, viewer: Option<&Session>, listed: Listed) -> Result<Json<ArticlesAnswer>, ApiError> {
    let heads = heads(app, &listed.ids).await?;
    Ok(Json(ArticlesAnswer { articles: view::list(app, viewer, &heads).await?, articles_count: listed.count }))
}

/// The heads of a page through the cache, in its order; what was deleted meanwhile is left out.
async fn heads(app: &App, ids: &[Id]) -> Result<Vec<Arc<Head>>, ApiError> {
    let keys: Vec<_> = ids.iter().map(|id| (id.bucket(), id.to_string())).collect();
    let found = app.cache.get_many(&HEADS, &keys, async |missing, freshness| {
        let wanted: Vec<_> = missing.iter().map(|index| ids[*index]).collect();
        let index: HashMap<Id, usize> = wanted.iter().copied().zip(missing).collect();
        let heads = store::articles::heads(&app.shards, &freshness, &wanted).await?;
        let found = heads.into_iter().filter_map(|head| Some((*index.get(&head.id)?, Versioned { version: head.version, value: head })));
        Ok::<_, ApiError>(found.collect())
    });
    Ok(found.await?.into_iter().flatten().collect())
}
