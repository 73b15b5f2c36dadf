//! The internal calls of accounts that social makes, answered from a list.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::post};
use chrono::{TimeDelta, Utc};
use magnitude_contract::accounts::{
    BY_USERNAME, ByUsername, ByUsernameCall, PROFILES, Profile, Profiles, ProfilesCall, SESSION, SessionAnswer, SessionCall,
};
use magnitude_ids::{Bucket, Id};
use magnitude_session::{Session, Token};
use tokio::{net::TcpListener, task::JoinHandle};

/// A user who is signed in.
#[derive(Clone)]
pub struct User {
    pub profile: Profile,
    pub token: Token,
    session: Session,
}

impl User {
    pub fn new(username: &str, bucket: u16) -> Self {
        let bucket = Bucket::new(bucket).expect("the test names a bucket");
        let now = std::time::SystemTime::now();
        let (id, session) = (Id::new(bucket, now), Id::new(bucket, now));
        Self {
            profile: Profile { id, username: username.to_owned(), bio: Some(format!("I am {username}")), image: None },
            token: Token::new(bucket),
            session: Session { id: session, user: id, expires_at: Utc::now() + TimeDelta::hours(1), wrote: false, untold: false },
        }
    }

    pub fn id(&self) -> Id {
        self.profile.id
    }
}

type Users = Arc<[User]>;

/// Serves on a free port until the handle is aborted. Returns its URL.
pub async fn serve(users: &[User]) -> (String, JoinHandle<()>) {
    let router = Router::new()
        .route(BY_USERNAME, post(by_username))
        .route(PROFILES, post(profiles))
        .route(SESSION, post(session))
        .with_state(Users::from(users));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    (url, tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") }))
}

async fn by_username(State(users): State<Users>, Json(call): Json<ByUsernameCall>) -> Json<ByUsername> {
    let user = users.iter().find(|user| user.profile.username == call.username);
    Json(ByUsername { profile: user.map(|user| user.profile.clone()) })
}

async fn profiles(State(users): State<Users>, Json(call): Json<ProfilesCall>) -> Json<Profiles> {
    let found = users.iter().filter(|user| call.ids.contains(&user.id())).map(|user| user.profile.clone());
    Json(Profiles { profiles: found.collect() })
}

async fn session(State(users): State<Users>, Json(call): Json<SessionCall>) -> Json<SessionAnswer> {
    let user = users.iter().find(|user| user.token.hash() == call.hash);
    Json(SessionAnswer { session: user.map(|user| user.session.clone()) })
}
