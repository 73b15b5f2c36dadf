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
    routing::{delete, get, post},
};
use magnitude_cache::{Versioned, Void};
use magnitude_chassis::{Answers, ApiError, Path};
use magnitude_ids::{Bucket, Id};
use magnitude_sharding::{Committed, Write};

use crate::{App, article::Article, keyspaces::ARTICLES, settings::Bench, slug, store};

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
    magnitude_jobs::record_voids(&mut write, voids).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, voids).await;
    Ok(())
}

/// Tells the cache of a write that an earlier request committed: it may have died before it could, and then a replica that lags
/// would hide from the client what its repeated key is told.
async fn tell_again(app: &App, bucket: Bucket, voids: &[Void]) -> Result<(), ApiError> {
    let stamp = app.shards.current_stamp(bucket).await?;
    app.cache.wrote(&Committed { bucket, stamp }, voids).await;
    Ok(())
}
