use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use magnitude_chassis::{ApiError, Body, Delivery, Idempotency, Json, Reading, begin};
use magnitude_contract::{articles::ArticleAnswer, social::Notice};
use magnitude_ids::Id;
use magnitude_jobs::{Enqueued, run_now, submit};
use magnitude_session::{Session, SignedIn, Viewer};
use magnitude_sharding::{Begun, Freshness};

use super::{Slug, commit, favorites_now, find, first_answer, id_of};
use crate::{
    App,
    article::{Article, Favorites},
    fields,
    jobs::{Notify, RetractFavorites, about},
    keyspaces, store,
    view::{self, Authors},
};

/// `GET /api/articles/{slug}`.
pub async fn show(State(app): State<App>, Viewer(viewer): Viewer, reading: Reading, slug: Slug) -> Result<Response, ApiError> {
    let (app, viewer) = (app.reading(&reading, viewer.as_ref()), viewer.as_ref());
    if let Some(kept) = view::kept(&app, &reading, viewer).await? {
        return Ok(kept);
    }
    let article = find(&app, id_of(slug)?).await?;
    view::article(&app, &reading, viewer, &article).await
}

/// `POST /api/articles`.
pub async fn create(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    idempotency: Result<Idempotency, ApiError>,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let (app, idempotency, body) = (app.writing(&session), idempotency?, body?);
    let new = fields::new_article(&body)?;
    // Before the transaction: nothing is asked of another system while one is open.
    let authors = Authors::load(&app, None, &[session.user]).await?;
    let id = idempotency.write_id(&session.user.to_string(), &body.bytes);
    let mut write = match begin(&app.shards, &app.cache, session.user.bucket(), &id).await? {
        Begun::New(write) => write,
        Begun::Repeated(first) => return first_answer(first),
    };
    let article = store::articles::insert(&mut write, session.user, new).await?;
    let body = ArticleAnswer { article: view::compose(&article.head, Some(&article.body), Favorites::default(), &authors) };
    write.keep_answer(201, &to_json(&body)).await?;
    submit(&mut write, &Notify(Notice::Published { author: session.user, article: about(&article.head) })).await?;
    commit(&app, write, &keyspaces::listing_voids(&article.head, article.head.version)).await?;
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// `PUT /api/articles/{slug}`.
pub async fn update(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    delivery: Delivery,
    slug: Slug,
    body: Result<Body, ApiError>,
) -> Result<Json<ArticleAnswer>, ApiError> {
    let (app, id) = (app.writing(&session), id_of(slug)?);
    // All that the answer needs of others, before the transaction. Only its author may change an article, and follows nobody there.
    let authors = Authors::load(&app, None, &[session.user]).await?;
    let write_id = delivery.write_id(&session.user.to_string());
    let Begun::New(mut write) = begin(&app.shards, &app.cache, id.bucket(), &write_id).await? else {
        return now(&app, id, &session, &authors).await;
    };
    let old = store::articles::lock(&mut write, id).await?;
    let old = owned(old, session.user)?;
    let article = store::articles::update(&mut write, &old, fields::changes(&body?)?).await?;
    let favorites = store::favorites::of_one(&mut write, id, session.user).await?;
    let mut voids = keyspaces::voids(id, article.head.version);
    let changed = |tag: &&String| !(old.head.tags.contains(tag) && article.head.tags.contains(tag));
    voids.extend(keyspaces::tag_voids(old.head.tags.iter().chain(&article.head.tags).filter(changed)));
    if old.head.tags != article.head.tags {
        // Its author's pages of one tag.
        voids.push(keyspaces::author(session.user).void());
    }
    commit(&app, write, &voids).await?;
    Ok(Json(ArticleAnswer { article: view::compose(&article.head, Some(&article.body), favorites, &authors) }))
}

/// The article as it is.
async fn now(app: &App, id: Id, session: &Session, authors: &Authors) -> Result<Json<ArticleAnswer>, ApiError> {
    let article = owned(store::articles::find(&app.shards, Freshness::Primary, id).await?, session.user)?;
    let favorites = favorites_now(app, id, session.user).await?;
    Ok(Json(ArticleAnswer { article: view::compose(&article.head, Some(&article.body), favorites, authors) }))
}

/// `DELETE /api/articles/{slug}`.
pub async fn delete(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    delivery: Delivery,
    slug: Slug,
) -> Result<StatusCode, ApiError> {
    let id = id_of(slug)?;
    let write_id = delivery.write_id(&session.user.to_string());
    let Begun::New(mut write) = begin(&app.shards, &app.cache, id.bucket(), &write_id).await? else {
        retract(&app, RetractFavorites::left(&app.shards, id).await?).await;
        return Ok(StatusCode::NO_CONTENT);
    };
    store::favorites::close(&mut write, id).await?;
    let old = store::articles::lock(&mut write, id).await?;
    let old = owned(old, session.user)?;
    let favorites = store::articles::delete(&mut write, &old.head).await?;
    let chunks = RetractFavorites::enqueue_all(&mut write, id, &favorites).await?;
    commit(&app, write, &keyspaces::listing_voids(&old.head, old.head.version + 1)).await?;
    retract(&app, chunks).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn retract(app: &App, chunks: Vec<Enqueued<RetractFavorites>>) {
    for chunk in chunks {
        run_now(&app.shards, app, chunk).await;
    }
}

/// 404 comes before 403.
fn owned(article: Option<Article>, user: Id) -> Result<Article, ApiError> {
    let article = article.ok_or_else(|| ApiError::not_found("article"))?;
    if article.head.author == user { Ok(article) } else { Err(ApiError::forbidden("article")) }
}

pub(super) fn to_json(body: &impl serde::Serialize) -> String {
    serde_json::to_string(body).expect("an answer's types all serialize")
}
