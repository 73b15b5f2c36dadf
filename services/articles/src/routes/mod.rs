//! HTTP: parse, call, answer. No SQL. A handler decides in this order: 401, 404, 403, 422.

mod articles;
mod comments;
mod constants;
mod favorites;
mod lists;
mod tags;

use axum::{
    Router,
    routing::{delete, get, post},
};
use magnitude_chassis::ApiError;
use magnitude_ids::Id;

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
    if bench.constants { router.merge(constants::routes()) } else { router }
}

/// The article that a slug names, through the cache.
async fn find(app: &App, slug: &str) -> Result<std::sync::Arc<Article>, ApiError> {
    let id = id_of(slug)?;
    let article = app.cache.get(&ARTICLES, id.bucket(), id, async |freshness| {
        let found = store::articles::find(&app.shards, freshness, id).await?;
        Ok::<_, ApiError>(found.map(|article| magnitude_cache::Versioned { version: article.head.version, value: article }))
    });
    article.await?.ok_or_else(|| ApiError::not_found("article"))
}

fn id_of(slug: &str) -> Result<Id, ApiError> {
    slug::id(slug).ok_or_else(|| ApiError::not_found("article"))
}
