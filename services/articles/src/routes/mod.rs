//! HTTP: parse, call, answer. No SQL. A handler decides in this order: 401, 404, 403, 422.

mod articles;
mod comments;
mod constants;
mod favorites;
mod internal;
mod lists;
mod tags;

use axum::{
    Router,
    response::Response,
    routing::{delete, get, post},
};
use magnitude_cache::{Versioned, Void};
use magnitude_chassis::{Answers, ApiError, Path, answer};
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::record_voids;
use magnitude_sharding::{Answer, Committed, Error, ShardFreshness, Write};

use crate::{
    App,
    article::{Article, Favorites},
    keyspaces::ARTICLES,
    settings::Bench,
    slug, store,
};

pub fn public(app: App, bench: Bench) -> Router {
    let router = Router::new()
        .route("/api/articles", get(lists::list).post(articles::create))
        .route("/api/articles/feed", get(lists::feed))
        .route("/api/articles/{slug}", get(articles::show).put(articles::update).delete(articles::delete))
        .route("/api/articles/{slug}/favorite", post(favorites::add).delete(favorites::remove))
        .route("/api/articles/{slug}/comments", get(comments::list).post(comments::create))
        .route("/api/articles/{slug}/comments/{id}", delete(comments::delete))
        .route("/api/tags", get(tags::list))
        .with_state(app);
    let router = Answers::default().around(router);
    if bench.constants { router.merge(constants::routes()) } else { router }
}

/// What other processes ask.
pub fn internal(app: App) -> Router {
    Router::new().route(magnitude_contract::articles::COPIED, post(internal::copied)).with_state(app)
}

/// What stands in a path for an article. One that is not even text names none, which is told after a missing token.
type Slug = Result<Path<String>, ApiError>;

fn id_of(slug: Slug) -> Result<Id, ApiError> {
    slug.ok().and_then(|Path(slug)| slug::id(&slug)).ok_or_else(|| ApiError::not_found("article"))
}

/// The article of an id, through the cache.
async fn find(app: &App, id: Id) -> Result<std::sync::Arc<Article>, ApiError> {
    let article = app.cache.get(&ARTICLES, id.bucket(), id, async |freshness| {
        let found = store::articles::find(&app.shards, freshness, id).await?;
        Ok::<_, ApiError>(found.map(|article| Versioned::new(article.head.version, article)))
    });
    article.await?.ok_or_else(|| ApiError::not_found("article"))
}

/// Commits, and tells the cache. What is to be voided is written down with it: a process that dies in between leaves it to the others.
async fn commit(app: &App, mut write: Write, voids: &[Void]) -> Result<(), ApiError> {
    record_voids(&mut write, voids).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, voids).await;
    Ok(())
}

/// The answer that was kept with a write.
fn first_answer(first: Option<Answer>) -> Result<Response, ApiError> {
    Ok(answer(first.ok_or(Error::Unknown)?))
}

/// What the primary says of an article's favorites, for a write that finds itself made already.
async fn favorites_now(app: &App, article: Id, user: Id) -> Result<Favorites, ApiError> {
    let (now, articles) = (ShardFreshness::new(), [article]);
    let (counts, own) = (store::favorites::counts(&app.shards, &now, &articles), store::favorites::find(&app.shards, article, user));
    let (counts, own) = futures_util::try_join!(counts, own)?;
    Ok(Favorites { count: counts.get(&article).copied().unwrap_or_default(), favorited: own.is_some_and(|(active, _)| active) })
}

/// Tells the cache of a write that another request committed: it may have died before it could, and then a replica that lags
/// would hide from this client what it is told.
async fn tell_again(app: &App, bucket: Bucket, voids: &[Void]) -> Result<(), ApiError> {
    let stamp = app.shards.current_stamp(bucket).await?;
    app.cache.wrote(&Committed { bucket, stamp }, voids).await;
    Ok(())
}
