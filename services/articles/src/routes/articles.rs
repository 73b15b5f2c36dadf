use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use magnitude_chassis::{ApiError, Body, Idempotency, Json, Path, answer};
use magnitude_contract::articles::ArticleAnswer;
use magnitude_jobs::{enqueue, run_now};
use magnitude_session::{SignedIn, Viewer};
use magnitude_sharding::Begun;

use crate::{
    App,
    article::{Article, Favorites},
    fields,
    jobs::{RetractFavorites, VoidArticle},
    keyspaces, store,
    view::{self, Authors},
};

/// `GET /api/articles/{slug}`.
pub async fn show(State(app): State<App>, Viewer(viewer): Viewer, Path(slug): Path<String>) -> Result<Json<ArticleAnswer>, ApiError> {
    let article = super::find(&app, &slug).await?;
    Ok(Json(ArticleAnswer { article: view::article(&app, viewer.as_ref(), &article).await? }))
}

/// `POST /api/articles`.
pub async fn create(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    idempotency: Result<Idempotency, ApiError>,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let (idempotency, body) = (idempotency?, body?);
    let new = fields::new_article(&body)?;
    // Before the transaction: nothing is asked of another system while one is open.
    let authors = Authors::load(&app, None, &[session.user]).await?;
    let id = idempotency.write_id(&session.user.to_string(), &body.bytes);
    let mut write = match app.shards.begin(session.user.bucket(), &id).await? {
        Begun::New(write) => write,
        Begun::Repeated(first) => return Ok(answer(first)),
    };
    let article = store::articles::insert(&mut write, session.user, new).await?;
    let body = ArticleAnswer { article: view::compose(&article.head, Some(&article.body), Favorites::default(), &authors) };
    write.keep_answer(201, &to_json(&body)).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &keyspaces::voids(article.head.id, article.head.version)).await;
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// `PUT /api/articles/{slug}`.
pub async fn update(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    Path(slug): Path<String>,
    body: Result<Body, ApiError>,
) -> Result<Json<ArticleAnswer>, ApiError> {
    let id = super::id_of(&slug)?;
    let mut write = app.shards.write(id.bucket()).await?;
    let old = store::articles::lock(&mut write, id).await?;
    let old = owned(old, session.user)?;
    let changes = fields::changes(&body?)?;
    let article = store::articles::update(&mut write, &old, changes).await?;
    let void = VoidArticle { article: id, version: article.head.version };
    let void = enqueue(&mut write, "void_article", void).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &[]).await;
    run_now(&app.shards, &app, void).await;
    Ok(Json(ArticleAnswer { article: view::article(&app, Some(&session), &article).await? }))
}

/// `DELETE /api/articles/{slug}`.
pub async fn delete(State(app): State<App>, SignedIn { session, .. }: SignedIn, Path(slug): Path<String>) -> Result<StatusCode, ApiError> {
    let id = super::id_of(&slug)?;
    let mut write = app.shards.write(id.bucket()).await?;
    store::favorites::close(&mut write, id).await?;
    let old = store::articles::lock(&mut write, id).await?;
    let old = owned(old, session.user)?;
    let favorites = store::articles::delete(&mut write, &old.head).await?;
    let favorites = favorites.into_iter().filter_map(|(user, version)| Some((magnitude_ids::Id::from_i64(user)?, version))).collect();
    let retract = enqueue(&mut write, "retract_favorites", RetractFavorites { article: id, favorites }).await?;
    let void = enqueue(&mut write, "void_article", VoidArticle { article: id, version: old.head.version + 1 }).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &[]).await;
    futures_util::join!(run_now(&app.shards, &app, void), run_now(&app.shards, &app, retract));
    Ok(StatusCode::NO_CONTENT)
}

/// 404 comes before 403.
fn owned(article: Option<Article>, user: magnitude_ids::Id) -> Result<Article, ApiError> {
    let article = article.ok_or_else(|| ApiError::not_found("article"))?;
    if article.head.author == user { Ok(article) } else { Err(ApiError::forbidden("article")) }
}

pub(super) fn to_json(body: &impl serde::Serialize) -> String {
    serde_json::to_string(body).expect("an answer's types all serialize")
}
