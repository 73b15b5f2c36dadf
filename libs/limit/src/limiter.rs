use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::future::join_all;
use magnitude_redis::{Down, Redis};
use redis::Script;
use sha2::{Digest, Sha256};

use crate::{Rate, Settings, local::Local, rate::Pace};

/// The limits of one service.
#[derive(Clone)]
pub struct Limiter {
    redis: Redis,
    local: Arc<Local>,
    service: &'static str,
    pub(crate) settings: Settings,
}

/// A limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// After so many seconds the request passes, if nobody else comes before.
    pub retry_after_s: u64,
}

/// One limit of a request: its name, whom it is about, and how much that one may.
pub type Limit<'a> = (&'static str, &'a str, Rate);

/// A time is kept a key, in microseconds of the server's clock. One that is no number, or later than this limit can have made it, counts as
/// none: the clock was set back, or the limit raised.
static CHECK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000000 + time[2]
         local kept = redis.call('MGET', unpack(KEYS))
         local next, wait, refused = {}, 0, 0
         for i = 1, #KEYS do
             local interval, tolerance = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
             local at = math.max(tonumber((string.match(kept[i] or '', '^%d+$'))) or now, now)
             if at > now + tolerance + interval then at = now end
             if at - now - tolerance > wait then wait, refused = at - now - tolerance, i end
             next[i] = at + interval
         end
         if wait > 0 then return {wait, refused} end
         for i = 1, #KEYS do
             redis.call('SET', KEYS[i], string.format('%.0f', next[i]), 'PX', math.ceil((next[i] - now) / 1000))
         end
         return {0, 0}",
    )
});

impl Limiter {
    /// On the Redis of `redis`; a service's limits count for themselves.
    pub fn new(redis: &magnitude_redis::Settings, service: &'static str, settings: Settings) -> anyhow::Result<Self> {
        for rate in [settings.writes_per_user, settings.writes_per_address] {
            rate.problem().map_or(Ok(()), |problem| Err(anyhow::anyhow!("limits: {problem}")))?;
        }
        anyhow::ensure!(settings.instances > 0, "limits.instances: must be at least 1");
        anyhow::ensure!(settings.factor.is_finite() && settings.factor > 0.0, "limits.factor: must be more than 0");
        Ok(Self { redis: Redis::new(redis)?, local: Arc::default(), service, settings })
    }

    /// Charges all of these limits, or says how long to wait.
    pub async fn check(&self, limits: &[Limit<'_>]) -> Result<(), TooMany> {
        let checked = match self.ask(limits).await {
            Ok(checked) => checked,
            Err(error) => {
                tracing::debug!(%error, "limits are applied without redis");
                metrics::counter!("limit_checks_local_total").increment(1);
                self.local.check(&self.paces(limits, f64::from(self.settings.instances)), Instant::now())
            }
        };
        checked.map_err(|(wait, index)| {
            metrics::counter!("limit_refusals_total", "limit" => limits[index].0).increment(1);
            TooMany { retry_after_s: wait.as_micros().div_ceil(1_000_000).try_into().unwrap_or(u64::MAX) }
        })
    }

    /// A script on every node that has one of the keys.
    async fn ask(&self, limits: &[Limit<'_>]) -> Result<Result<(), (Duration, usize)>, Down> {
        let paced = self.paces(limits, 1.0);
        let mut by_node: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, (key, _)) in paced.iter().enumerate() {
            by_node.entry(self.redis.node(key)).or_default().push(index);
        }
        let asked = join_all(by_node.iter().map(|(node, indices)| self.ask_node(*node, indices, &paced))).await;
        let longest = asked.into_iter().collect::<Result<Vec<_>, Down>>()?.into_iter().max();
        Ok(longest.filter(|(wait, _)| !wait.is_zero()).map_or(Ok(()), Err))
    }

    async fn ask_node(&self, node: usize, indices: &[usize], paced: &[(String, Pace)]) -> Result<(Duration, usize), Down> {
        let mut check = CHECK.prepare_invoke();
        for (key, pace) in indices.iter().map(|index| &paced[*index]) {
            check.key(self.redis.key(key)).arg(pace.interval).arg(pace.tolerance);
        }
        let (wait, refused): (u64, usize) = self.redis.nodes()[node].script(&check).await?;
        let index = refused.checked_sub(1).and_then(|place| indices.get(place));
        Ok((Duration::from_micros(wait), index.copied().unwrap_or_default()))
    }

    /// The key of each limit, as short for a long name as for a short one, and its pace.
    fn paces(&self, limits: &[Limit<'_>], parts: f64) -> Vec<(String, Pace)> {
        let paced = limits.iter().map(|(name, whom, rate)| {
            let hash: [u8; 32] = Sha256::digest(whom).into();
            let short = u128::from_be_bytes(*hash.first_chunk().expect("a hash is longer"));
            (format!("limit:{}:{name}:{short:032x}", self.service), rate.pace(self.settings.factor, parts))
        });
        paced.collect()
    }
}

impl IntoResponse for TooMany {
    fn into_response(self) -> Response {
        let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
        let retry = [(header::RETRY_AFTER, self.retry_after_s.to_string())];
        (StatusCode::TOO_MANY_REQUESTS, retry, json, r#"{"errors":{"server":["too many requests, try again later"]}}"#).into_response()
    }
}
