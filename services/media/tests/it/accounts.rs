//! The internal calls of accounts that media makes, answered from lists.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use chrono::{TimeDelta, Utc};
use magnitude_contract::accounts::{IMAGES, Images, ImagesCall, SESSION, SessionAnswer, SessionCall};
use magnitude_ids::{Bucket, Id};
use magnitude_session::{Session, Token};
use tokio::{net::TcpListener, task::JoinHandle};

/// A user who is signed in.
#[derive(Clone)]
pub struct User {
    pub token: Token,
    session: Session,
}

impl User {
    pub fn new(bucket: u16) -> Self {
        let bucket = Bucket::new(bucket).expect("the test names a bucket");
        let now = std::time::SystemTime::now();
        let (id, session) = (Id::new(bucket, now), Id::new(bucket, now));
        let expires_at = Utc::now() + TimeDelta::hours(1);
        Self { token: Token::new(bucket), session: Session { id: session, user: id, expires_at, wrote: false, untold: false } }
    }
}

/// What users show, as the test says; nothing while accounts is down. `between` is done each time after it was asked.
#[derive(Clone, Default)]
pub struct Shown {
    pub hashes: Arc<Mutex<Option<HashSet<String>>>>,
    pub asked: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Shown {
    pub fn set(&self, hashes: Option<&[&str]>) {
        *self.hashes.lock().unwrap() = hashes.map(|hashes| hashes.iter().map(ToString::to_string).collect());
    }
}

#[derive(Clone)]
struct Accounts {
    users: Arc<[User]>,
    shown: Shown,
}

/// Serves on a free port until the handle is aborted. Returns its URL.
pub async fn serve(users: &[User], shown: &Shown) -> (String, JoinHandle<()>) {
    let accounts = Accounts { users: users.into(), shown: shown.clone() };
    let router = Router::new().route(SESSION, post(session)).route(IMAGES, post(images)).with_state(accounts);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    (url, tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") }))
}

async fn session(State(accounts): State<Accounts>, Json(call): Json<SessionCall>) -> Json<SessionAnswer> {
    let user = accounts.users.iter().find(|user| user.token.hash() == call.hash);
    Json(SessionAnswer { session: user.map(|user| user.session.clone()) })
}

async fn images(State(accounts): State<Accounts>, Json(call): Json<ImagesCall>) -> Result<Json<Images>, StatusCode> {
    accounts.shown.asked.lock().unwrap().push(call.hashes.clone());
    let shown = accounts.shown.hashes.lock().unwrap();
    let shown = shown.as_ref().ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(Images { hashes: call.hashes.into_iter().filter(|hash| shown.contains(hash)).collect() }))
}
