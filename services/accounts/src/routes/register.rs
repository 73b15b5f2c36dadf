use std::time::SystemTime;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use magnitude_chassis::{ApiError, Body, Idempotency, Json};
use magnitude_contract::accounts::UserBody;
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{enqueue, record_voids, run_now};
use magnitude_session::Token;
use magnitude_sharding::{Error, Freshness, WriteId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    App,
    fields::{self, Registration},
    jobs::{SettleNames, run_left},
    keyspaces,
    names::{self, Claim, Kind, Name, Reserved, give_back, reserve},
    people,
    routes::{
        login::{limit, sign_in},
        user::answer,
    },
    sessions,
    store::{
        self,
        users::{First, User},
    },
};

/// How often an id is drawn, and names are reserved with it.
const DRAWS: usize = 5;

/// `POST /api/users`: registers and signs in.
pub async fn register(State(app): State<App>, headers: HeaderMap, idempotency: Idempotency, body: Body) -> Result<Response, ApiError> {
    let new = fields::registration(&body)?;
    limit(&app, &headers, &new.email).await?;
    for _ in 0..DRAWS {
        if let Some(response) = attempt(&app, &new, &idempotency, &headers).await? {
            return Ok(response);
        }
    }
    Err(ApiError::unavailable(anyhow::anyhow!("every id that was drawn is another user's, or another delivery is in the way")))
}

/// Nothing if the id that was drawn is another user's, or if names were reserved by an instance that died before it made its user. The names are reserved before the password is hashed, the username before
/// the email: of many who race for one name the first to reserve it goes on, and all others stop there.
async fn attempt(app: &App, new: &Registration, idempotency: &Idempotency, headers: &HeaderMap) -> Result<Option<Response>, ApiError> {
    let (username, email) = (Name::username(&new.username), Name::email(&new.email));
    // A key counts per email. What the body says is compared with what the first one said: a hash of it would hold the password.
    let write_id = idempotency.write_id(&email.text, b"").id();
    let claim = Claim { user: Id::new(Bucket::random(), SystemTime::now()), write_id, version: 1 };
    // The key first: it leads to the user whatever became of the user's names.
    let keyed = idempotency.key.is_some();
    let names: Vec<_> = keyed.then(|| Name::registration(write_id)).into_iter().chain([username, email]).collect();
    for (index, name) in names.iter().enumerate() {
        let reserved = reserve(app, name, claim).await;
        if matches!(reserved, Ok(Reserved::Ours)) {
            continue;
        }
        give_back(app, &names[..index].iter().collect::<Vec<_>>(), claim).await;
        return match reserved? {
            Reserved::SameWrite if idempotency.delivery.is_again() && !was_made(app, name, &names, write_id).await? => Ok(None),
            Reserved::SameWrite => repeated(app, new, if keyed { &names[0] } else { name }, write_id, keyed, headers).await.map(Some),
            _ => Err(taken(app, name, new).await?),
        };
    }
    let inserted = insert(app, new, claim, &names, keyed, headers).await;
    // Unless the outcome is unknown, what was not inserted never will be: others need not wait for the reservations' end.
    if !matches!(&inserted, Ok(Some(_))) && !inserted.as_ref().is_err_and(|error| error.status() == StatusCode::GATEWAY_TIMEOUT) {
        give_back(app, &names.iter().collect::<Vec<_>>(), claim).await;
    }
    inserted
}

/// A username that is taken is told together with an email that is.
async fn taken(app: &App, name: &Name, new: &Registration) -> Result<ApiError, ApiError> {
    let taken = ApiError::taken(name.kind());
    let both = name.kind == Kind::Username && people::by_email(app, &new.email).await?.is_some();
    Ok(if both { taken.and("email", "has already been taken") } else { taken })
}

async fn insert(
    app: &App,
    new: &Registration,
    claim: Claim,
    taken: &[Name],
    keyed: bool,
    headers: &HeaderMap,
) -> Result<Option<Response>, ApiError> {
    let user = User {
        id: claim.user,
        username: new.username.clone(),
        email: new.email.clone(),
        password_hash: app.passwords.hash(&new.password).await?,
        bio: None,
        image: None,
        version: claim.version,
        write_id: claim.write_id,
    };
    let first = keyed.then(|| First { first_names: names_of(new), first_password_hash: user.password_hash.clone() });
    // Somebody met the reservation, expired or of an instance that seemed dead, and settled that this user never comes.
    let Some(mut write) = names::begin(app, claim).await? else { return Ok(None) };
    if !store::users::insert(&mut write, &user, first.as_ref()).await? {
        return Ok(None);
    }
    let begun = sessions::begin(app, &mut write, user.id, headers).await?;
    let settle = SettleNames { user: user.id, write_id: claim.write_id, version: claim.version, taken: taken.to_vec(), left: Vec::new() };
    let settle = enqueue(&mut write, settle).await?;
    let voids = keyspaces::voids(user.id, user.version);
    record_voids(&mut write, &voids).await?;
    let committed = write.commit().await?;
    app.cache.wrote(&committed, &voids).await;
    run_now(&app.shards, app, settle).await;
    begun.remember(app).await;
    // The new session wrote its own user: it must not be told from a cache in some process that there is no such user.
    app.sessions.wrote(begun.token.hash()).await;
    Ok(Some((StatusCode::CREATED, Json(answer(&user.account(), &begun.token))).into_response()))
}

/// Whether an instance that has died came to make the user that it reserved this name for. If not it never will, and all names are free again.
async fn was_made(app: &App, name: &Name, names: &[Name], write_id: Uuid) -> Result<bool, ApiError> {
    let held = store::names::find(&app.shards, Freshness::Primary, name).await?;
    let Some(held) = held.filter(|held| held.write_id == write_id) else { return Ok(false) };
    if held.confirmed {
        return Ok(true);
    }
    let made = names::settle(app, name, &held).await?;
    if let Some(user) = Id::from_i64(held.user_id).filter(|_| !made) {
        give_back(app, &names.iter().collect::<Vec<_>>(), Claim { user, write_id, version: 1 }).await;
    }
    Ok(made)
}

/// The same request again: the user that it made signs in and gets the first answer with a new token, whatever was changed of the user
/// since. Under a key, if the body says the same; without one, if the password is right, since the number of a request is in every log.
async fn repeated(
    app: &App,
    new: &Registration,
    name: &Name,
    write_id: Uuid,
    keyed: bool,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let Some(user) = people::by_registration(app, name, write_id).await? else { return Err(Error::InProgress.into()) };
    if keyed && !is_same(app, new, user.id).await? {
        return Err(Error::KeyReused.into());
    }
    if !keyed && !app.passwords.verify(&new.password, Some(&user.password_hash)).await? {
        return Err(Error::Unknown.into());
    }
    run_left(app, user.id).await?;
    let mut answer = sign_in(app, &user, headers, &WriteId::random()).await?;
    // As of a first session: it must not be told from a cache in some process that there is no such user.
    if let Some(token) = Token::parse(&answer.user.token) {
        app.sessions.wrote(token.hash()).await;
    }
    answer.user = UserBody { username: new.username.clone(), email: new.email.clone(), bio: None, image: None, ..answer.user };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Whether the body says what the first one did.
async fn is_same(app: &App, new: &Registration, user: Id) -> Result<bool, ApiError> {
    let Some(first) = store::users::first(&app.shards, user).await? else { return Ok(false) };
    Ok(first.first_names == names_of(new) && app.passwords.verify(&new.password, Some(&first.first_password_hash)).await?)
}

/// The names of a body, to be compared with another's.
fn names_of(new: &Registration) -> Vec<u8> {
    // Neither can contain a NUL, so it keeps them apart.
    Sha256::new().chain_update(&new.username).chain_update([0]).chain_update(&new.email).finalize().to_vec()
}
