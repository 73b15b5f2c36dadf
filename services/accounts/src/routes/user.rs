use axum::{extract::State, response::Response};
use magnitude_cache::Versioned;
use magnitude_chassis::{ApiError, Reading};
use magnitude_contract::accounts::{UserAnswer, UserBody};
use magnitude_session::{SignedIn, Token};

use crate::{App, account::Account, keyspaces::ACCOUNTS, store};

/// `GET /api/user`: the same token comes back.
pub async fn show(State(app): State<App>, SignedIn { session, token }: SignedIn, reading: Reading) -> Result<Response, ApiError> {
    let app = app.reading(&reading, Some(&session));
    let account = app.cache.get(&ACCOUNTS, session.user.bucket(), session.user, async |freshness| {
        let user = store::users::find(&app.shards, freshness, session.user).await?;
        Ok::<_, ApiError>(user.map(|user| Versioned::new(user.version, user.account())))
    });
    // A session without a user is none.
    let account = account.await?.ok_or_else(|| ApiError::new(axum::http::StatusCode::UNAUTHORIZED, "token", "is invalid"))?;
    // Two sessions of one user have different answers, so this one has no tag.
    app.cache.spoil();
    Ok(reading.answer(&app.cache, || answer(&account, &token)))
}

pub(super) fn answer(account: &Account, token: &Token) -> UserAnswer {
    let Account { email, username, bio, image } = account.clone();
    UserAnswer { user: UserBody { email, token: token.expose().to_owned(), username, bio, image } }
}
