use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use magnitude_cache::Versioned;
use magnitude_chassis::{ApiError, Idempotency, Path, Reading, Stream, answer, begin};
use magnitude_ids::Id;
use magnitude_jobs::{record_voids, submit};
use magnitude_session::{Refusal, SignedIn};
use magnitude_sharding::{Answer, Begun, Error, WriteId};

use crate::{
    App,
    jobs::MakeVariants,
    keyspaces::{self, MEDIA},
    medium::Medium,
    staging::{self, Staged},
    store::uploads,
};

/// Why an upload was not taken.
pub enum Refused {
    Session(Refusal),
    Other(ApiError),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Session(refusal) => refusal.into_response(),
            Self::Other(error) => error.into_response(),
        }
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

/// `POST /api/media`: one image as the raw body. It is kept as it came, and decoded by a worker. What the client says of its type or name is
/// not read.
pub async fn create(
    State(app): State<App>,
    signed_in: Result<SignedIn, Refusal>,
    idempotency: Result<Idempotency, ApiError>,
    body: Stream,
) -> Result<Response, Refused> {
    let user = match signed_in {
        Ok(signed_in) => signed_in.session.user,
        Err(refusal) => return Err(Refused::Session(body.refuse(refusal).await)),
    };
    let idempotency = match (idempotency, limit(&app, user).await) {
        (Ok(idempotency), Ok(())) => idempotency,
        (Err(error), _) | (_, Err(error)) => return Err(body.refuse(error).await.into()),
    };
    let staged = staging::receive(&app.objects, body).await?;
    let id = idempotency.write_id(&user.to_string(), &staged.digest);
    let inserted = insert(&app, user, &id, &staged).await;
    // What may have been written after all has its object still.
    if !matches!(inserted, Ok(_) | Err(Error::Unknown)) {
        staging::discard(&app.objects, &staged).await;
    }
    Ok(inserted.map_err(ApiError::from)?)
}

async fn limit(app: &App, user: Id) -> Result<(), ApiError> {
    let limits = [("upload", &*user.to_string(), app.per_user)];
    app.limiter.check(&limits).await.map_err(|refused| ApiError::too_many(refused.retry_after_s))
}

/// The row and its job, in one transaction; or the answer that this write was given before.
async fn insert(app: &App, user: Id, id: &WriteId, staged: &Staged) -> Result<Response, Error> {
    let mut write = match begin(&app.shards, &app.cache, user.bucket(), id).await? {
        Begun::New(write) => write,
        Begun::Repeated(first) => {
            staging::discard(&app.objects, staged).await;
            return Ok(answer(first.ok_or(Error::Unknown)?));
        }
    };
    let upload = uploads::insert(&mut write, user, staged.key.as_str()).await?;
    // All of it is text and numbers.
    let body = serde_json::to_string(&Medium::new(upload).answer()).expect("it can be written as JSON");
    write.keep_answer(201, &body).await?;
    submit(&mut write, &MakeVariants { upload }).await?;
    let voids = keyspaces::voids(upload, 1);
    record_voids(&mut write, &voids).await?;
    app.cache.wrote(&write.commit().await?, &voids).await;
    Ok(answer(Answer { status: StatusCode::CREATED.as_u16(), body }))
}

/// `GET /api/media/{id}`.
pub async fn show(State(app): State<App>, reading: Reading, id: Result<Path<String>, ApiError>) -> Result<Response, ApiError> {
    let not_found = || ApiError::not_found("media");
    let id: Id = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(not_found)?;
    let app = app.reading(&reading);
    let medium = app.cache.get(&MEDIA, id.bucket(), id, async |freshness| {
        let found = uploads::find(&app.shards, freshness, id).await?;
        Ok::<_, ApiError>(found.map(|upload| Versioned::new(upload.version, upload.medium)))
    });
    let medium = medium.await?.ok_or_else(not_found)?;
    Ok(reading.answer(&app.cache, || medium.answer()))
}
