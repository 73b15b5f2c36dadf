use axum::{
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use magnitude_cache::Versioned;
use magnitude_chassis::{ApiError, Body, Delivery, Idempotency, Json, Path, Reading, begin};
use magnitude_contract::{articles::CommentAnswer, social::Notice};
use magnitude_jobs::submit;
use magnitude_session::{SignedIn, Viewer};
use magnitude_sharding::Begun;

use super::{Slug, articles::to_json, commit, find, first_answer, id_of};
use crate::{
    App, fields,
    jobs::{Notify, about},
    keyspaces::COMMENTS,
    store,
    view::{self, Authors},
};

/// `GET /api/articles/{slug}/comments`, newest last.
pub async fn list(State(app): State<App>, Viewer(viewer): Viewer, reading: Reading, slug: Slug) -> Result<Response, ApiError> {
    let (app, viewer) = (app.reading(&reading, viewer.as_ref()), viewer.as_ref());
    if let Some(kept) = view::kept(&app, &reading, viewer).await? {
        return Ok(kept);
    }
    let article = find(&app, id_of(slug)?).await?;
    let id = article.head.id;
    let comments = app.cache.get(&COMMENTS, id.bucket(), id, async |freshness| {
        let comments = store::comments::list(&app.shards, freshness, id).await?;
        Ok::<_, ApiError>(Some(Versioned::unversioned(comments)))
    });
    view::comments(&app, &reading, viewer, &comments.await?.unwrap_or_default()).await
}

/// `POST /api/articles/{slug}/comments`.
pub async fn create(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    slug: Slug,
    idempotency: Result<Idempotency, ApiError>,
    body: Result<Body, ApiError>,
) -> Result<Response, ApiError> {
    let app = app.writing(&session);
    let found = find(&app, id_of(slug)?).await?;
    let article = found.head.id;
    let (idempotency, body) = (idempotency?, body?);
    let text = fields::comment(&body)?;
    let authors = Authors::load(&app, None, &[session.user]).await?;
    let id = idempotency.write_id(&session.user.to_string(), &body.bytes);
    let mut write = match begin(&app.shards, &app.cache, article.bucket(), &id).await? {
        Begun::New(write) => write,
        Begun::Repeated(first) => return first_answer(first),
    };
    let comment = store::comments::insert(&mut write, article, session.user, &text).await?;
    let comment = comment.ok_or_else(|| ApiError::not_found("article"))?;
    let body = CommentAnswer { comment: view::comment(&comment, &authors) };
    write.keep_answer(201, &to_json(&body)).await?;
    if found.head.author != session.user {
        let commented = Notice::Commented { reader: found.head.author, actor: session.user, article: about(&found.head) };
        submit(&mut write, &Notify(commented)).await?;
    }
    commit(&app, write, &[COMMENTS.drop(article.bucket(), article)]).await?;
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// `DELETE /api/articles/{slug}/comments/{id}`.
pub async fn delete(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    delivery: Delivery,
    uri: Uri,
    path: Result<Path<(String, String)>, ApiError>,
) -> Result<StatusCode, ApiError> {
    // One that is not text spoils both: the article is the third part of the raw path then, and the comment is none.
    let (slug, comment) =
        path.map_or_else(|_| (uri.path().split('/').nth(3).unwrap_or_default().to_owned(), String::new()), |Path(both)| both);
    let (app, slug) = (app.writing(&session), Ok(Path(slug)));
    let article = find(&app, id_of(slug)?).await?.head.id;
    let comment = comment.parse::<i64>().map_err(|_| ApiError::not_found("comment"))?;
    let id = delivery.write_id(&session.user.to_string());
    let Begun::New(mut write) = begin(&app.shards, &app.cache, article.bucket(), &id).await? else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let author = store::comments::lock(&mut write, article, comment).await?.ok_or_else(|| ApiError::not_found("comment"))?;
    if author != session.user.as_i64() {
        return Err(ApiError::forbidden("comment"));
    }
    store::comments::delete(&mut write, article, comment).await?;
    commit(&app, write, &[COMMENTS.drop(article.bucket(), article)]).await?;
    Ok(StatusCode::NO_CONTENT)
}
