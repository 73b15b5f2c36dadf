use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use magnitude_chassis::{ApiError, Idempotency, Json, Path, answer};
use magnitude_contract::articles::ArticleAnswer;
use magnitude_jobs::{enqueue, run_now};
use magnitude_session::{Session, SignedIn};
use magnitude_sharding::{Begun, WriteId};

use crate::{
    App,
    article::Favorites,
    jobs::MirrorFavorite,
    routes::articles::to_json,
    store,
    view::{self, Authors},
};

/// `POST /api/articles/{slug}/favorite`.
pub async fn add(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    idempotency: Result<Idempotency, ApiError>,
    Path(slug): Path<String>,
) -> Result<Response, ApiError> {
    let id = idempotency?.write_id(&session.user.to_string(), b"");
    set(&app, &session, &slug, true, &id).await
}

/// `DELETE /api/articles/{slug}/favorite`.
pub async fn remove(State(app): State<App>, SignedIn { session, .. }: SignedIn, Path(slug): Path<String>) -> Result<Response, ApiError> {
    set(&app, &session, &slug, false, &WriteId::random()).await
}

async fn set(app: &App, session: &Session, slug: &str, active: bool, id: &WriteId) -> Result<Response, ApiError> {
    let article = super::find(app, slug).await?;
    let authors = Authors::load(app, Some(session), &[article.head.author]).await?;
    let (user, article_id) = (session.user, article.head.id);
    let mut write = match app.shards.begin(article_id.bucket(), id).await? {
        Begun::New(write) => write,
        Begun::Repeated(first) => return Ok(answer(first)),
    };
    if !store::favorites::hold(&mut write, article_id).await? {
        return Err(ApiError::not_found("article"));
    }
    let version = store::favorites::set(&mut write, article_id, user, active).await?;
    let favorites = Favorites { count: store::favorites::count(&mut write, article_id).await?, favorited: active };
    let body = ArticleAnswer { article: view::compose(&article.head, Some(&article.body), favorites, &authors) };
    write.keep_answer(200, &to_json(&body)).await?;
    // Nothing changed: there is nothing to mirror.
    let mirror = match version {
        Some(version) => Some(enqueue(&mut write, "mirror_favorite", MirrorFavorite { user, article: article_id, active, version }).await?),
        None => None,
    };
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &[]).await;
    if let Some(mirror) = mirror {
        run_now(&app.shards, app, mirror).await;
    }
    Ok(Json(body).into_response())
}
