//! What accounts owns: users as others see them, and sessions.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use magnitude_cache::{Cache, Keyspace};
use magnitude_ids::{Bucket, Id};
use magnitude_session::{Lookup, News, Revocations, Session, TokenHash};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::{
    CallError, Settings,
    call::{BATCH, Caller},
    keyspace,
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
    pub fn new(profile: &Profile, following: bool) -> Self {
        Self { username: profile.username.clone(), bio: profile.bio.clone(), image: profile.image.clone(), following }
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
pub const IMAGES: &str = "/internal/accounts/images";

#[derive(Debug, Serialize, Deserialize)]
pub struct ProfilesCall {
    pub ids: Vec<Id>,
    /// To be read around the cache.
    #[serde(default)]
    pub fresh: bool,
}

/// Those of the users that exist.
#[derive(Debug, Serialize, Deserialize)]
pub struct Profiles {
    pub profiles: Vec<Profile>,
}

/// Contents of images, as [`object_of`](crate::media::object_of) finds them.
#[derive(Debug, Serialize, Deserialize)]
pub struct ImagesCall {
    pub hashes: Vec<String>,
}

/// Those of them that some user's image names, as the primaries say.
#[derive(Debug, Serialize, Deserialize)]
pub struct Images {
    pub hashes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ByUsernameCall {
    pub username: String,
    /// To be read around the cache.
    #[serde(default)]
    pub fresh: bool,
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

/// A user as others see them, by id.
pub static PROFILE: Keyspace<Profile> = keyspace("accounts", "profile");
/// The user that a username leads to, if that user's row names it too.
pub static USERNAME: Keyspace<Id> = keyspace("accounts", "username");

/// A username as it is compared.
pub fn normalized(username: &str) -> String {
    username.nfc().collect()
}

#[derive(Clone)]
pub struct AccountsClient {
    caller: Caller,
    cache: Option<Cache>,
}

impl AccountsClient {
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self { caller: Caller::new(settings)?, cache: None })
    }

    /// The same client, which reads what accounts has cached before it asks.
    #[must_use]
    pub fn through(&self, cache: &Cache) -> Self {
        Self { cache: Some(cache.clone()), ..self.clone() }
    }

    /// The users of these ids that exist.
    pub async fn profiles(&self, ids: &[Id]) -> Result<HashMap<Id, Arc<Profile>>, CallError> {
        let Some(cache) = &self.cache else { return self.ask_profiles(ids).await };
        let keys: Vec<_> = ids.iter().map(|id| (id.bucket(), id.to_string())).collect();
        let ask = async |missed: Vec<usize>| {
            let wanted: Vec<_> = missed.iter().map(|index| ids[*index]).collect();
            let mut told = self.ask_profiles(&wanted).await?;
            let told = missed.into_iter().filter_map(|index| Some((index, Arc::unwrap_or_clone(told.remove(&ids[index])?))));
            Ok::<_, CallError>(told.collect())
        };
        let found = cache.peek_many(&PROFILE, &keys, ask).await?;
        Ok(found.into_iter().flatten().map(|profile| (profile.id, profile)).collect())
    }

    fn fresh(&self) -> bool {
        self.cache.as_ref().is_some_and(Cache::is_bypassed)
    }

    async fn ask_profiles(&self, ids: &[Id]) -> Result<HashMap<Id, Arc<Profile>>, CallError> {
        let mut found = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(BATCH) {
            let answer: Profiles = self.caller.post(PROFILES, &ProfilesCall { ids: ids.to_vec(), fresh: self.fresh() }).await?;
            found.extend(answer.profiles.into_iter().map(|profile| (profile.id, Arc::new(profile))));
        }
        Ok(found)
    }

    /// The bucket of a user, by name.
    pub async fn home(&self, username: &str) -> Result<Option<Bucket>, CallError> {
        Ok(self.by_username(username).await?.map(|profile| profile.id.bucket()))
    }

    pub async fn by_username(&self, username: &str) -> Result<Option<Arc<Profile>>, CallError> {
        let Some(cache) = &self.cache else { return Ok(self.ask_by_username(username).await?.map(Arc::new)) };
        let name = normalized(username);
        let told = Mutex::new(None);
        let ask = async |_: Vec<usize>| {
            let profile = self.ask_by_username(username).await?;
            let id = profile.as_ref().map(|profile| (0, profile.id));
            *told.lock().expect("no holder of this lock panics") = profile;
            Ok::<_, CallError>(id.into_iter().collect())
        };
        let led = cache.peek_many(&USERNAME, &[(Bucket::of_name(&name), name.clone())], ask).await?.pop().flatten();
        let Some(user) = led else { return Ok(None) };
        if let Some(profile) = told.into_inner().expect("no holder of this lock panics") {
            return Ok(Some(Arc::new(profile)));
        }
        let profile = self.profiles(&[*user]).await?.remove(&*user);
        // The user's own row must say the same.
        Ok(profile.filter(|profile| normalized(&profile.username) == name))
    }

    async fn ask_by_username(&self, username: &str) -> Result<Option<Profile>, CallError> {
        let answer: ByUsername =
            self.caller.post(BY_USERNAME, &ByUsernameCall { username: username.to_owned(), fresh: self.fresh() }).await?;
        Ok(answer.profile)
    }

    /// Which of these contents some user's image names.
    pub async fn images(&self, hashes: &[String]) -> Result<HashSet<String>, CallError> {
        let mut used = HashSet::new();
        for hashes in hashes.chunks(BATCH) {
            let answer: Images = self.caller.post(IMAGES, &ImagesCall { hashes: hashes.to_vec() }).await?;
            used.extend(answer.hashes);
        }
        Ok(used)
    }

    pub async fn session(&self, bucket: Bucket, hash: TokenHash) -> Result<Option<Session>, CallError> {
        let answer: SessionAnswer = self.caller.post(SESSION, &SessionCall { bucket, hash }).await?;
        Ok(answer.session)
    }
}

impl Revocations for AccountsClient {
    async fn revoked(&mut self, within: Duration) -> anyhow::Result<News> {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let answer: RevokedAnswer = self.caller.post(REVOKED, &RevokedCall { within_ms }).await?;
        Ok(News { hashes: answer.hashes, age: Duration::from_millis(answer.age_ms), all: answer.all })
    }
}

impl Lookup for AccountsClient {
    async fn find(&self, bucket: Bucket, hash: TokenHash) -> anyhow::Result<Option<Session>> {
        Ok(self.session(bucket, hash).await?)
    }
}
