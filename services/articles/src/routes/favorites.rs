use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use magnitude_chassis::{ApiError, Delivery, Idempotency, Json, answer};
use magnitude_contract::{articles::ArticleAnswer, social::Notice};
use magnitude_ids::Id;
use magnitude_jobs::{enqueue, run_now, submit};
use magnitude_session::{Session, SignedIn};
use magnitude_sharding::{Begun, WriteId};

use super::{Slug, articles::to_json, commit, favorites_now, find, id_of, tell_again};
use crate::{
    App,
    article::{Article, Favorites},
    jobs::{MirrorFavorite, Notify, about},
    keyspaces::favorite_voids,
    store::{self, favorites::Changed},
    view::{self, Authors},
};

/// `POST /api/articles/{slug}/favorite`. What may be wrong with the key is looked at late: 404 is decided before 422.
pub async fn add(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    idempotency: Result<Idempotency, ApiError>,
    slug: Slug,
) -> Result<Response, ApiError> {
    let app = app.writing(&session);
    let article = find(&app, id_of(slug)?).await?;
    let id = idempotency?.write_id(&session.user.to_string(), b"");
    set(&app, &session, &article, true, &id).await
}

/// `DELETE /api/articles/{slug}/favorite`.
pub async fn remove(
    State(app): State<App>,
    SignedIn { session, .. }: SignedIn,
    delivery: Delivery,
    slug: Slug,
) -> Result<Response, ApiError> {
    let app = app.writing(&session);
    let article = find(&app, id_of(slug)?).await?;
    set(&app, &session, &article, false, &delivery.write_id(&session.user.to_string())).await
}

async fn set(app: &App, session: &Session, article: &Article, active: bool, id: &WriteId) -> Result<Response, ApiError> {
    let authors = Authors::load(app, Some(session), &[article.head.author]).await?;
    let (user, article_id) = (session.user, article.head.id);
    let mut write = match app.shards.begin(article_id.bucket(), id).await? {
        Begun::New(write) => write,
        Begun::Repeated(first) => {
            mirror_again(app, article_id, user).await?;
            return match first {
                Some(first) => Ok(answer(first)),
                None => Ok(Json(shown(article, favorites_now(app, article_id, user).await?, &authors)).into_response()),
            };
        }
    };
    if !store::favorites::hold(&mut write, article_id).await? {
        return Err(ApiError::not_found("article"));
    }
    let changed = store::favorites::set(&mut write, article_id, user, active).await?;
    let favorites: Favorites = store::favorites::of_one(&mut write, article_id, user).await?;
    let body = shown(article, favorites, &authors);
    // Without a key only the load balancer asks again, which what is there then answers as well.
    if write.is_keyed() {
        write.keep_answer(200, &to_json(&body)).await?;
    }
    if let Some(Changed { version, first }) = changed {
        let mirror = MirrorFavorite { user, article: article_id, active, version };
        let mirror = enqueue(&mut write, mirror).await?;
        // Who favorites again is no news.
        if first && user != article.head.author {
            let news = Notice::Favorited { reader: article.head.author, actor: user, article: about(&article.head) };
            submit(&mut write, &Notify(news)).await?;
        }
        commit(app, write, &favorite_voids(article_id, user, version)).await?;
        run_now(&app.shards, app, mirror).await;
    } else {
        commit(app, write, &[]).await?;
        mirror_again(app, article_id, user).await?;
    }
    Ok(Json(body).into_response())
}

fn shown(article: &Article, favorites: Favorites, authors: &Authors) -> ArticleAnswer {
    ArticleAnswer { article: view::compose(&article.head, Some(&article.body), favorites, authors) }
}

/// For a request that found nothing left to do: the one that did it may have died before it told the cache and mirrored it, and what
/// stands behind that makes it good only a moment later. Behind a mirror that fails here stands that job still.
async fn mirror_again(app: &App, article: Id, user: Id) -> Result<(), ApiError> {
    let Some((active, version)) = store::favorites::find(&app.shards, article, user).await? else { return Ok(()) };
    tell_again(app, article.bucket(), &favorite_voids(article, user, version)).await?;
    let mirror = MirrorFavorite { user, article, active, version };
    if let Err(error) = mirror.apply(app).await {
        tracing::warn!(error = %format_args!("{:#}", anyhow::Error::from(error)), "a favorite was not mirrored again");
    }
    Ok(())
}
