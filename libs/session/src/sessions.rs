use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use magnitude_ids::Id;
use magnitude_redis::{Down, Redis};
use redis::{Pipeline, Script};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{Lookup, Token, TokenHash, lookup::DynLookup, mark::is_untold, revoked::Revoked};

/// A live session as Redis and the other services know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub id: Id,
    pub user: Id,
    pub expires_at: DateTime<Utc>,
    /// It wrote a moment ago, or nobody knows: what is cached in a process may be older than that write.
    #[serde(skip)]
    pub wrote: bool,
    /// The cache could not be told of its last write: what is cached anywhere may be older.
    #[serde(skip)]
    pub untold: bool,
}

/// Resolves tokens. The extractors find it in the app's state by `FromRef`.
#[derive(Clone)]
pub struct Sessions {
    redis: Redis,
    lookup: Arc<dyn DynLookup>,
    pub(crate) revoked: Revoked,
}

/// What stands for a revoked session: no fill overwrites it, and it outlives every session.
const REVOKED: &str = "revoked";
const REVOKED_S: u64 = 90 * 24 * 3600;
/// A session is looked up again after this long at the latest. So long an old copy in Redis may call a revoked one live, and therefore
/// every process must remember that it is not.
pub(crate) const KEPT: Duration = Duration::from_mins(10);
/// No entry of an in-process cache lives longer, so after it none is older than the write.
pub(crate) const ENTRY: Duration = Duration::from_secs(1);
/// The mark of a write outlives those entries, and the clocks' and the network's delays.
const MARK_S: u64 = 2;

/// So long the mark stays of a write that the cache was not told of: the log of voids has reached it through another process by then.
const UNTOLD_S: u64 = 10;
/// And so long an answer waits where not even the mark can be set.
const TOLD_BY_OTHERS: Duration = Duration::from_secs(5);

/// What a session did a moment ago.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Wrote,
    /// It wrote, and the cache could not be told.
    Untold,
}

/// What Redis holds under a session's key and under its mark's. Bytes: what is no text must not look as if Redis failed.
type Kept = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);

/// MGET takes a value of another type for none, so that it is looked up and overwritten.
static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('MGET', KEYS[1])[1] == ARGV[3] then return 0 end redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) return 1",
    )
});

impl Sessions {
    pub fn new(settings: &magnitude_redis::Settings, lookup: impl Lookup) -> anyhow::Result<Self> {
        Ok(Self { redis: Redis::new(settings)?, lookup: Arc::new(lookup), revoked: Revoked::default() })
    }

    /// The session of a token; nothing if it is unknown, revoked or expired. Fails when neither Redis nor the look-up can tell.
    pub async fn resolve(&self, token: &Token) -> anyhow::Result<Option<Session>> {
        let asked = Instant::now();
        let found = self.look_up(token).await;
        metrics::histogram!("session_lookup_seconds").record(asked.elapsed().as_secs_f64());
        found
    }

    async fn look_up(&self, token: &Token) -> anyhow::Result<Option<Session>> {
        let hash = token.hash();
        let (text, mark) = self.read(hash).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "a session is looked up without redis");
            (None, Some(Mark::Wrote))
        });
        if text.as_deref() == Some(REVOKED.as_bytes()) {
            return Ok(None);
        }
        // What does not decode, after an upgrade, is looked up as if it were lost.
        let kept = text.filter(|_| self.revoked.is_sure(Instant::now())).and_then(|text| serde_json::from_slice::<Session>(&text).ok());
        if let Some(session) = kept {
            return Ok(self.live(hash, &session, mark));
        }
        metrics::counter!("session_lookups_total").increment(1);
        let found = self.lookup.find(token.bucket(), hash).await?.and_then(|session| self.live(hash, &session, mark));
        if let Some(session) = &found {
            self.remember(hash, session).await;
        }
        Ok(found)
    }

    /// Keeps a session in Redis, unless it was revoked. Redis being down is no failure: the look-up answers.
    pub async fn remember(&self, hash: TokenHash, session: &Session) {
        let left = (session.expires_at - Utc::now()).to_std().unwrap_or_default().clamp(Duration::from_secs(1), KEPT);
        let text = serde_json::to_string(session).expect("a session serializes");
        let (node, key) = self.place(hash);
        let mut fill = FILL.prepare_invoke();
        fill.key(key).arg(text).arg(left.as_secs()).arg(REVOKED);
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

    /// After a write of this session that ended just now, before its answer goes out: from then on every instance knows. Where the mark
    /// cannot be set, the answer waits instead until no in-process cache can hold anything older than the write, or others have told the cache.
    pub async fn wrote(&self, hash: TokenHash) {
        let (ended, untold) = (Instant::now(), is_untold());
        let (mark, wait) = if untold { (Mark::Untold, TOLD_BY_OTHERS) } else { (Mark::Wrote, ENTRY) };
        if let Err(error) = self.mark(hash, mark).await {
            tracing::debug!(%error, "a write was not marked in redis: its answer waits");
            metrics::counter!("session_marks_failed_total").increment(1);
            tokio::time::sleep_until(ended + wait).await;
        }
    }

    pub(crate) async fn mark(&self, hash: TokenHash, mark: Mark) -> Result<(), Down> {
        let (node, _) = self.place(hash);
        let seconds = if mark == Mark::Untold { UNTOLD_S } else { MARK_S };
        self.redis.nodes()[node].run(redis::pipe().set_ex(self.mark_key(hash, mark), 1, seconds).ignore()).await
    }

    /// What Redis holds of a session, and what it did lately, in one round trip.
    async fn read(&self, hash: TokenHash) -> Result<(Option<Vec<u8>>, Option<Mark>), Down> {
        let (node, key) = self.place(hash);
        let all = [key, self.mark_key(hash, Mark::Wrote), self.mark_key(hash, Mark::Untold)];
        let ((text, wrote, untold),): (Kept,) = self.redis.nodes()[node].run(redis::pipe().mget(&all)).await?;
        Ok((text, untold.map(|_| Mark::Untold).or(wrote.map(|_| Mark::Wrote))))
    }

    fn live(&self, hash: TokenHash, session: &Session, mark: Option<Mark>) -> Option<Session> {
        if self.revoked.contains(hash) {
            metrics::counter!("session_revoked_in_process_total").increment(1);
            return None;
        }
        let (wrote, untold) = (mark.is_some(), mark == Some(Mark::Untold));
        (session.expires_at > Utc::now()).then(|| Session { wrote, untold, ..session.clone() })
    }

    fn place(&self, hash: TokenHash) -> (usize, String) {
        let text = hash.to_string();
        (self.redis.node(&text), self.redis.key(&format!("session:{text}")))
    }

    /// On the session's node.
    fn mark_key(&self, hash: TokenHash, mark: Mark) -> String {
        let name = if mark == Mark::Untold { "untold" } else { "wrote" };
        self.redis.key(&format!("{name}:{hash}"))
    }
}
