use std::{collections::HashMap, sync::Arc};

use axum::{extract::State, response::Response};
use magnitude_cache::Versioned;
use magnitude_chassis::{ApiError, Page, Params, Reading};
use magnitude_ids::Id;
use magnitude_session::{Session, SignedIn, Viewer};

use crate::{
    App,
    article::Head,
    keyspaces::{self, HEADS, NEWEST, PAGES},
    store::{
        self,
        lists::{Listed, Window},
    },
    view,
};

/// How many favorites are narrowed by a tag at a time.
const STEP: u16 = 10_000;

/// A feed of more authors than this, or deeper than [`store::lists`] keeps of each, is asked of the shards.
const FOLLOWED: usize = 200;
const DEPTH: i64 = 100;

/// `GET /api/articles`, filtered by `tag`, `author` and `favorited`, in any combination.
pub async fn list(
    State(app): State<App>,
    Viewer(viewer): Viewer,
    reading: Reading,
    params: Params,
    page: Page,
) -> Result<Response, ApiError> {
    let (app, viewer) = (app.reading(&reading, viewer.as_ref()), viewer.as_ref());
    if let Some(kept) = view::kept(&app, &reading, viewer).await? {
        return Ok(kept);
    }
    let window = Window { limit: page.limit, offset: page.offset };
    let names = (params.get("author"), params.get("favorited"));
    let (author, favorited) = futures_util::try_join!(user(&app, names.0), user(&app, names.1))?;
    let listed = match (author, favorited) {
        // Somebody who does not exist wrote and favorited nothing.
        (Named::Nobody, _) | (_, Named::Nobody) => Arc::new(Listed { ids: Vec::new(), count: 0 }),
        (author, favorited) => select(&app, author.id(), favorited.id(), params.get("tag"), window).await?,
    };
    page_of(&app, &reading, viewer, &listed).await
}

/// `GET /api/articles/feed`: pulled, so it is exact the moment an author publishes.
pub async fn feed(State(app): State<App>, SignedIn { session, .. }: SignedIn, reading: Reading, page: Page) -> Result<Response, ApiError> {
    let app = app.reading(&reading, Some(&session));
    let followed = app.social.following(session.user).await.map_err(ApiError::unavailable)?;
    let window = Window { limit: page.limit, offset: page.offset };
    let listed = if followed.len() <= FOLLOWED && window.depth() <= DEPTH {
        store::lists::merge_newest(window, newest(&app, &followed).await?.iter().map(|newest| &**newest))
    } else {
        app.cache.spoil();
        let buckets: Vec<_> = followed.iter().map(|id| id.bucket()).collect();
        let freshness = app.cache.freshness_of(&buckets).await;
        store::lists::feed(&app.shards, &freshness, &followed, window).await?
    };
    page_of(&app, &reading.private(), Some(&session), &listed).await
}

/// What each of the authors published last.
async fn newest(app: &App, authors: &[Id]) -> Result<Vec<Arc<Listed>>, ApiError> {
    let keys: Vec<_> = authors.iter().map(|id| (id.bucket(), id.to_string())).collect();
    let found = app.cache.get_many(&NEWEST, &keys, async |missed, freshness| {
        let wanted: Vec<_> = missed.iter().map(|index| authors[*index]).collect();
        let mut newest = store::lists::newest(&app.shards, &freshness, &wanted, DEPTH).await?;
        let found = missed.into_iter().filter_map(|index| Some((index, Versioned::unversioned(newest.remove(&authors[index])?))));
        Ok::<_, ApiError>(found.collect())
    });
    Ok(found.await?.into_iter().flatten().collect())
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

/// The narrowest list that the filters allow. Those of one user's favorites with another filter are not cached: they are asked for too
/// rarely to be worth what would void them.
async fn select(app: &App, author: Option<Id>, favorited: Option<Id>, tag: Option<&str>, window: Window) -> Result<Arc<Listed>, ApiError> {
    let (shards, cache) = (&app.shards, &app.cache);
    let page = |filter: &str| format!("{}-{}:{filter}", window.offset, window.limit);
    match (author, favorited, tag) {
        (None, None, None) => {
            let load = async || Ok(store::lists::all(shards, &cache.freshness_of_shards().await, window).await?);
            cache.page(&PAGES, &keyspaces::all(), page(""), load).await
        }
        (None, None, Some(tag)) => {
            let load = async || Ok(store::lists::by_tag(shards, &cache.freshness_of_shards().await, tag, window).await?);
            cache.page(&PAGES, &keyspaces::tag(tag), page(""), load).await
        }
        (Some(author), None, tag) => {
            let load = async || Ok(store::lists::by_author(shards, cache.freshness(author.bucket()).await, author, tag, window).await?);
            cache.page(&PAGES, &keyspaces::author(author), page(&tag.map_or_else(String::new, |tag| format!("tag:{tag}"))), load).await
        }
        (None, Some(user), None) => {
            let load = async || Ok(store::favorited::all(shards, cache.freshness(user.bucket()).await, user, window).await?);
            cache.page(&PAGES, &keyspaces::favorited_by(user), page(""), load).await
        }
        (author, Some(user), tag) => {
            cache.spoil();
            Ok(Arc::new(narrowed(app, author, user, tag, window).await?))
        }
    }
}

/// A user's favorites of an author, of a tag, or of both.
async fn narrowed(app: &App, author: Option<Id>, user: Id, tag: Option<&str>, window: Window) -> Result<Listed, ApiError> {
    let (shards, cache) = (&app.shards, &app.cache);
    let Some(author) = author else {
        return Ok(store::favorited::by_tag(shards, cache, user, tag.unwrap_or_default(), window, STEP).await?);
    };
    let freshness = cache.freshness(author.bucket()).await;
    Ok(store::favorited::by_author(shards, freshness, user, author, tag, window).await?)
}

async fn page_of(app: &App, reading: &Reading, viewer: Option<&Session>, listed: &Listed) -> Result<Response, ApiError> {
    let heads = heads(app, &listed.ids).await?;
    view::list(app, reading, viewer, &heads, listed.count).await
}

/// The heads of a page through the cache, in its order; what was deleted meanwhile is left out.
async fn heads(app: &App, ids: &[Id]) -> Result<Vec<Arc<Head>>, ApiError> {
    let keys: Vec<_> = ids.iter().map(|id| (id.bucket(), id.to_string())).collect();
    let found = app.cache.get_many(&HEADS, &keys, async |missing, freshness| {
        let wanted: Vec<_> = missing.iter().map(|index| ids[*index]).collect();
        let index: HashMap<Id, usize> = wanted.iter().copied().zip(missing).collect();
        let heads = store::articles::heads(&app.shards, &freshness, &wanted).await?;
        let found = heads.into_iter().filter_map(|head| Some((*index.get(&head.id)?, Versioned::new(head.version, head))));
        Ok::<_, ApiError>(found.collect())
    });
    Ok(found.await?.into_iter().flatten().collect())
}
