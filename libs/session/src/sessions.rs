use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, join_all};
use magnitude_ids::{Bucket, Id};
use magnitude_redis::{Down, Redis};
use redis::{Pipeline, Script};
use serde::{Deserialize, Serialize};

use crate::{Token, TokenHash};

/// A live session as Redis and the other services know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub id: Id,
    pub user: Id,
    pub expires_at: DateTime<Utc>,
}

/// Where a session that Redis lost is looked up: accounts' own table, or a call to accounts.
pub trait Lookup: Send + Sync + 'static {
    fn find(&self, bucket: Bucket, hash: TokenHash) -> impl Future<Output = anyhow::Result<Option<Session>>> + Send;
}

trait DynLookup: Send + Sync {
    fn find(&self, bucket: Bucket, hash: TokenHash) -> BoxFuture<'_, anyhow::Result<Option<Session>>>;
}

impl<L: Lookup> DynLookup for L {
    fn find(&self, bucket: Bucket, hash: TokenHash) -> BoxFuture<'_, anyhow::Result<Option<Session>>> {
        Box::pin(Lookup::find(self, bucket, hash))
    }
}

/// Resolves tokens. The extractors find it in the app's state by `FromRef`.
#[derive(Clone)]
pub struct Sessions {
    redis: Redis,
    lookup: Arc<dyn DynLookup>,
}

/// What stands for a revoked session: no fill overwrites it, and it outlives every session.
const REVOKED: &str = "revoked";
const REVOKED_S: u64 = 90 * 24 * 3600;
/// A session is looked up again after a day at the latest.
const KEPT_S: i64 = 24 * 3600;

static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new("if redis.call('GET', KEYS[1]) == ARGV[3] then return 0 end redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) return 1")
});

impl Sessions {
    pub fn new(settings: &magnitude_redis::Settings, lookup: impl Lookup) -> anyhow::Result<Self> {
        Ok(Self { redis: Redis::new(settings)?, lookup: Arc::new(lookup) })
    }

    /// The session of a token; nothing if it is unknown, revoked or expired. Fails when neither Redis nor the look-up can tell.
    pub async fn resolve(&self, token: &Token) -> anyhow::Result<Option<Session>> {
        let hash = token.hash();
        match self.read(hash).await {
            Ok(Some(text)) if text == REVOKED => return Ok(None),
            Ok(Some(text)) => {
                // What does not decode, after an upgrade, is looked up as if it were lost.
                if let Ok(session) = serde_json::from_str::<Session>(&text) {
                    return Ok(live(session));
                }
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "a session is looked up without redis"),
        }
        metrics::counter!("session_lookups_total").increment(1);
        let found = self.lookup.find(token.bucket(), hash).await?.and_then(live);
        if let Some(session) = &found {
            self.remember(hash, session).await;
        }
        Ok(found)
    }

    /// Keeps a session in Redis, unless it was revoked. Redis being down is no failure: the look-up answers.
    pub async fn remember(&self, hash: TokenHash, session: &Session) {
        let left = (session.expires_at - Utc::now()).num_seconds().clamp(1, KEPT_S);
        let text = serde_json::to_string(session).expect("a session serializes");
        let (node, key) = self.place(hash);
        let mut fill = FILL.prepare_invoke();
        fill.key(key).arg(text).arg(left).arg(REVOKED);
        if let Err(error) = self.redis.nodes()[node].script::<i64>(&fill).await {
            tracing::debug!(%error, "a session was not kept in redis");
        }
    }

    /// Leaves tombstones, on every node that answers. Fails when one could not be told: the caller's job tries again.
    pub async fn revoke(&self, hashes: &[TokenHash]) -> anyhow::Result<()> {
        let mut by_node: HashMap<usize, Pipeline> = HashMap::new();
        for hash in hashes {
            let (node, key) = self.place(*hash);
            by_node.entry(node).or_default().set_ex(key, REVOKED, REVOKED_S).ignore();
        }
        let told = by_node.iter().map(|(node, tombstones)| self.redis.nodes()[*node].run::<()>(tombstones));
        Ok(join_all(told).await.into_iter().collect::<Result<(), Down>>()?)
    }

    async fn read(&self, hash: TokenHash) -> Result<Option<String>, Down> {
        let (node, key) = self.place(hash);
        let (text,): (Option<String>,) = self.redis.nodes()[node].run(redis::pipe().get(key)).await?;
        Ok(text)
    }

    fn place(&self, hash: TokenHash) -> (usize, String) {
        let text = hash.to_string();
        (self.redis.node(&text), self.redis.key(&format!("session:{text}")))
    }
}

fn live(session: Session) -> Option<Session> {
    (session.expires_at > Utc::now()).then_some(session)
}
