//! The internal calls that articles makes, of accounts and of social, answered from a list.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use chrono::{TimeDelta, Utc};
use magnitude_cache::{Cache, Versioned};
use magnitude_contract::{
    accounts::{
        BY_USERNAME, ByUsername, ByUsernameCall, PROFILE, PROFILES, Profile, Profiles, ProfilesCall, SESSION, SessionAnswer, SessionCall,
    },
    social::{FOLLOW, FOLLOWING, FOLLOWS, Followed, FollowingCall, FollowsCall, NOTIFY, Notice, NotifyCall, follow_key},
};
use magnitude_ids::{Bucket, Id};
use magnitude_session::{Session, Token};
use magnitude_sharding::{Error, Shards};
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
            profile: Profile { id, username: username.to_owned(), bio: None, image: None },
            token: Token::new(bucket),
            session: Session { id: session, user: id, expires_at: Utc::now() + TimeDelta::hours(1), wrote: false, untold: false },
        }
    }

    pub fn id(&self) -> Id {
        self.profile.id
    }
}

/// Accounts and social in this process. Nobody follows anybody at first.
pub struct Others {
    pub url: String,
    away: Arc<AtomicBool>,
    follows: Follows,
    told: Told,
    serve: JoinHandle<()>,
}

/// Who follows whom.
type Follows = Arc<Mutex<Vec<(Id, Id)>>>;
/// What social was told, by the id under which it counts once.
type Told = Arc<Mutex<Vec<NotifyCall>>>;

#[derive(Clone)]
struct Known {
    users: Arc<[User]>,
    away: Arc<AtomicBool>,
    follows: Follows,
    told: Told,
}

impl Others {
    pub async fn serve(users: &[User]) -> Self {
        let (away, follows, told) = (Arc::new(AtomicBool::new(false)), Follows::default(), Told::default());
        let router = Router::new()
            .route(PROFILES, post(profiles))
            .route(BY_USERNAME, post(by_username))
            .route(SESSION, post(session))
            .route(FOLLOWS, post(followed))
            .route(FOLLOWING, post(following))
            .route(NOTIFY, post(notify))
            .with_state(Known { users: users.into(), away: away.clone(), follows: follows.clone(), told: told.clone() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        Self { url, away, follows, told, serve: tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") }) }
    }

    /// Fills the cache with profiles, as accounts does, whose cache it returns.
    pub async fn cache_profiles(&self, settings: &magnitude_redis::Settings, shards: Shards, users: &[&User]) -> Cache {
        let cache = Cache::new(settings, "accounts", shards).expect("the settings are right");
        for user in users {
            let found = async |_| Ok::<_, Error>(Some(Versioned::new(1, user.profile.clone())));
            cache.get(&PROFILE, user.id().bucket(), user.id(), found).await.expect("the cache is there");
        }
        cache
    }

    /// Fills the cache with who does not follow whom, as social does.
    pub async fn cache_strangers(&self, settings: &magnitude_redis::Settings, shards: Shards, pairs: &[(&User, &User)]) {
        let cache = Cache::new(settings, "social", shards).expect("the settings are right");
        for (follower, whom) in pairs {
            let (bucket, key) = follow_key(follower.id(), whom.id());
            let found = async |_| Ok::<_, Error>(Some(Versioned::new(1, false)));
            cache.get(&FOLLOW, bucket, key, found).await.expect("the cache is there");
        }
    }

    /// From now on nobody's profile is told.
    pub fn accounts_goes_away(&self) {
        self.away.store(true, Ordering::Relaxed);
    }

    /// They are told again.
    pub fn accounts_returns(&self) {
        self.away.store(false, Ordering::Relaxed);
    }

    /// What social was told so far.
    pub fn told(&self) -> Vec<Notice> {
        self.told.lock().expect("no holder of this lock panics").iter().map(|call| call.notice.clone()).collect()
    }

    pub fn follow(&self, follower: &User, whom: &User) {
        self.follows.lock().expect("no holder of this lock panics").push((follower.id(), whom.id()));
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        self.serve.abort();
    }
}

async fn profiles(State(known): State<Known>, Json(call): Json<ProfilesCall>) -> Result<Json<Profiles>, StatusCode> {
    if known.away.load(Ordering::Relaxed) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let users = known.users.iter().filter(|user| call.ids.contains(&user.id()));
    Ok(Json(Profiles { profiles: users.map(|user| user.profile.clone()).collect() }))
}

async fn by_username(State(known): State<Known>, Json(call): Json<ByUsernameCall>) -> Json<ByUsername> {
    let user = known.users.iter().find(|user| user.profile.username == call.username);
    Json(ByUsername { profile: user.map(|user| user.profile.clone()) })
}

async fn session(State(known): State<Known>, Json(call): Json<SessionCall>) -> Json<SessionAnswer> {
    let user = known.users.iter().find(|user| user.token.hash() == call.hash);
    Json(SessionAnswer { session: user.map(|user| user.session.clone()) })
}

async fn followed(State(known): State<Known>, Json(call): Json<FollowsCall>) -> Json<Followed> {
    let mut ids = known.followed_by(call.viewer);
    ids.retain(|id| call.ids.contains(id));
    Json(Followed { ids })
}

async fn notify(State(known): State<Known>, Json(call): Json<NotifyCall>) -> Json<()> {
    let mut told = known.told.lock().expect("no holder of this lock panics");
    if told.iter().all(|other| other.id != call.id) {
        told.push(call);
    }
    Json(())
}

async fn following(State(known): State<Known>, Json(call): Json<FollowingCall>) -> Json<Followed> {
    Json(Followed { ids: known.followed_by(call.reader) })
}

impl Known {
    fn followed_by(&self, follower: Id) -> Vec<Id> {
        let follows = self.follows.lock().expect("no holder of this lock panics");
        follows.iter().filter(|(by, _)| *by == follower).map(|(_, whom)| *whom).collect()
    }
}
