//! What social owns: who follows whom.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use magnitude_cache::{Cache, Keyspace};
use magnitude_ids::{Bucket, Id};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    CallError, Settings, Timestamp,
    accounts::ProfileBody,
    call::{BATCH, Caller},
    keyspace,
};

pub const FOLLOWS: &str = "/internal/social/follows";
pub const FOLLOWING: &str = "/internal/social/following";
pub const NOTIFY: &str = "/internal/social/notify";

/// What another service did that readers are to be told of, under an id by which it counts once.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotifyCall {
    pub id: Uuid,
    pub notice: Notice,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// To all who follow the author.
    Published {
        author: Id,
        article: About,
    },
    Commented {
        reader: Id,
        actor: Id,
        article: About,
    },
    Favorited {
        reader: Id,
        actor: Id,
        article: About,
    },
}

/// An article as it was then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About {
    pub id: Id,
    pub slug: String,
    pub title: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationBody {
    pub id: Uuid,
    pub kind: String,
    pub created_at: Timestamp,
    pub read: bool,
    /// The last one of a bundle.
    pub actor: ProfileBody,
    /// How many more are in it.
    pub others: i32,
    pub article: Option<ArticleLink>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ArticleLink {
    pub slug: String,
    pub title: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct NotificationsAnswer {
    pub notifications: Vec<NotificationBody>,
    /// Of all, not of the page.
    pub unread: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct FollowsCall {
    pub viewer: Id,
    pub ids: Vec<Id>,
    /// To be read around the cache.
    #[serde(default)]
    pub fresh: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct FollowingCall {
    pub reader: Id,
    /// To be read around the cache.
    #[serde(default)]
    pub fresh: bool,
}

/// The answer to both: the followed of those asked for, or all.
#[derive(Debug, Serialize, Deserialize)]
pub struct Followed {
    pub ids: Vec<Id>,
}

/// Whether one user follows another, by both ids, in the follower's bucket.
pub static FOLLOW: Keyspace<bool> = keyspace("social", "follow");
/// All whom a user follows.
pub static FOLLOWED: Keyspace<Vec<Id>> = keyspace("social", "followed");

/// The key of [`FOLLOW`].
pub fn follow_key(follower: Id, whom: Id) -> (Bucket, String) {
    (follower.bucket(), format!("{follower}:{whom}"))
}

#[derive(Clone)]
pub struct SocialClient {
    caller: Caller,
    cache: Option<Cache>,
}

impl SocialClient {
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self { caller: Caller::new(settings)?, cache: None })
    }

    /// The same client, which reads what social has cached before it asks.
    #[must_use]
    pub fn through(&self, cache: &Cache) -> Self {
        Self { cache: Some(cache.clone()), ..self.clone() }
    }

    /// Which of `ids` the viewer follows.
    pub async fn follows(&self, viewer: Id, ids: &[Id]) -> Result<HashSet<Id>, CallError> {
        let Some(cache) = &self.cache else { return self.ask_follows(viewer, ids).await };
        let keys: Vec<_> = ids.iter().map(|id| follow_key(viewer, *id)).collect();
        let ask = async |missed: Vec<usize>| {
            let wanted: Vec<_> = missed.iter().map(|index| ids[*index]).collect();
            let followed = self.ask_follows(viewer, &wanted).await?;
            Ok::<_, CallError>(missed.into_iter().map(|index| (index, followed.contains(&ids[index]))).collect())
        };
        let found = cache.peek_many(&FOLLOW, &keys, ask).await?;
        Ok(ids.iter().zip(found).filter(|(_, follows)| follows.as_deref() == Some(&true)).map(|(id, _)| *id).collect())
    }

    /// Tells of something that readers are to be notified of. May be repeated.
    pub async fn notify(&self, call: &NotifyCall) -> Result<(), CallError> {
        self.caller.post(NOTIFY, call).await
    }

    fn fresh(&self) -> bool {
        self.cache.as_ref().is_some_and(Cache::is_bypassed)
    }

    async fn ask_follows(&self, viewer: Id, ids: &[Id]) -> Result<HashSet<Id>, CallError> {
        let mut followed = HashSet::new();
        for ids in ids.chunks(BATCH) {
            let answer: Followed = self.caller.post(FOLLOWS, &FollowsCall { viewer, ids: ids.to_vec(), fresh: self.fresh() }).await?;
            followed.extend(answer.ids);
        }
        Ok(followed)
    }

    /// All whom the reader follows.
    pub async fn following(&self, reader: Id) -> Result<Arc<Vec<Id>>, CallError> {
        let Some(cache) = &self.cache else { return Ok(Arc::new(self.ask_following(reader).await?)) };
        let ask = async |_: Vec<usize>| Ok::<_, CallError>(HashMap::from([(0, self.ask_following(reader).await?)]));
        let found = cache.peek_many(&FOLLOWED, &[(reader.bucket(), reader.to_string())], ask).await?;
        Ok(found.into_iter().flatten().next().unwrap_or_default())
    }

    async fn ask_following(&self, reader: Id) -> Result<Vec<Id>, CallError> {
        let answer: Followed = self.caller.post(FOLLOWING, &FollowingCall { reader, fresh: self.fresh() }).await?;
        Ok(answer.ids)
    }
}
