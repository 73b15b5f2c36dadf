//! What accounts owns: users as others see them, and sessions.

use std::{collections::HashMap, time::Duration};

use magnitude_ids::{Bucket, Id};
use magnitude_session::{Lookup, News, Revocations, Session, TokenHash};
use serde::{Deserialize, Serialize};

use crate::{
    CallError, Settings,
    call::{BATCH, Caller},
};

/// A user as the other services know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub id: Id,
    pub username: String,
    pub bio: Option<String>,
    pub image: Option<String>,
}

/// A profile as one viewer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileBody {
    pub username: String,
    pub bio: Option<String>,
    pub image: Option<String>,
    pub following: bool,
}

impl ProfileBody {
    pub fn new(profile: Profile, following: bool) -> Self {
        Self { username: profile.username, bio: profile.bio, image: profile.image, following }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct ProfileAnswer {
    pub profile: ProfileBody,
}

/// The signed-in user.
#[derive(Clone, Debug, Serialize)]
pub struct UserBody {
    pub email: String,
    pub token: String,
    pub username: String,
    pub bio: Option<String>,
    pub image: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct UserAnswer {
    pub user: UserBody,
}

pub const PROFILES: &str = "/internal/accounts/profiles";
pub const BY_USERNAME: &str = "/internal/accounts/by-username";
pub const SESSION: &str = "/internal/accounts/session";
pub const REVOKED: &str = "/internal/accounts/revoked";

#[derive(Debug, Serialize, Deserialize)]
pub struct ProfilesCall {
    pub ids: Vec<Id>,
}

/// Those of the users that exist.
#[derive(Debug, Serialize, Deserialize)]
pub struct Profiles {
    pub profiles: Vec<Profile>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ByUsernameCall {
    pub username: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ByUsername {
    pub profile: Option<Profile>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SessionCall {
    pub bucket: Bucket,
    pub hash: TokenHash,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SessionAnswer {
    pub session: Option<Session>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct RevokedCall {
    pub within_ms: u64,
}

/// What the instance of accounts that was asked knows of revocations, and how old that knowledge is.
#[derive(Debug, Serialize, Deserialize)]
pub struct RevokedAnswer {
    pub hashes: Vec<TokenHash>,
    pub age_ms: u64,
    pub all: bool,
}

impl From<News> for RevokedAnswer {
    fn from(news: News) -> Self {
        let age_ms = u64::try_from(news.age.as_millis()).unwrap_or(u64::MAX);
        Self { hashes: news.hashes, age_ms, all: news.all }
    }
}

#[derive(Clone, Debug)]
pub struct AccountsClient(Caller);

impl AccountsClient {
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        Caller::new(settings).map(Self)
    }

    /// The users of these ids that exist.
    pub async fn profiles(&self, ids: &[Id]) -> Result<HashMap<Id, Profile>, CallError> {
        let mut found = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(BATCH) {
            let answer: Profiles = self.0.post(PROFILES, &ProfilesCall { ids: ids.to_vec() }).await?;
            found.extend(answer.profiles.into_iter().map(|profile| (profile.id, profile)));
        }
        Ok(found)
    }

    pub async fn by_username(&self, username: &str) -> Result<Option<Profile>, CallError> {
        let answer: ByUsername = self.0.post(BY_USERNAME, &ByUsernameCall { username: username.to_owned() }).await?;
        Ok(answer.profile)
    }

    pub async fn session(&self, bucket: Bucket, hash: TokenHash) -> Result<Option<Session>, CallError> {
        let answer: SessionAnswer = self.0.post(SESSION, &SessionCall { bucket, hash }).await?;
        Ok(answer.session)
    }
}

impl Revocations for AccountsClient {
    async fn revoked(&mut self, within: Duration) -> anyhow::Result<News> {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let answer: RevokedAnswer = self.0.post(REVOKED, &RevokedCall { within_ms }).await?;
        Ok(News { hashes: answer.hashes, age: Duration::from_millis(answer.age_ms), all: answer.all })
    }
}

impl Lookup for AccountsClient {
    async fn find(&self, bucket: Bucket, hash: TokenHash) -> anyhow::Result<Option<Session>> {
        Ok(self.session(bucket, hash).await?)
    }
}
