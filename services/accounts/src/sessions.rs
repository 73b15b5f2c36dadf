//! Login sessions as accounts keeps them: Postgres remembers, Redis answers.

use std::time::SystemTime;

use axum::http::{HeaderMap, header};
use chrono::{DateTime, TimeDelta, Utc};
use magnitude_ids::{Bucket, Id};
use magnitude_session::{Lookup, Session, Token, TokenHash};
use magnitude_sharding::{Error, Shards, Write};

use crate::{App, settings::SessionLife, store};

/// A longer User-Agent is cut.
const DEVICE: usize = 200;

/// Where a session that Redis lost is found.
pub struct SessionTable {
    pub shards: Shards,
    pub life: SessionLife,
}

impl Lookup for SessionTable {
    async fn find(&self, bucket: Bucket, hash: TokenHash) -> anyhow::Result<Option<Session>> {
        let Some(row) = store::sessions::find(&self.shards, bucket, hash).await? else { return Ok(None) };
        let now = Utc::now();
        let idle = TimeDelta::seconds(self.life.idle_s);
        if row.expires_at <= now || row.last_used_at + idle <= now {
            return Ok(None);
        }
        // A tenth of the idle time is exact enough, and spares a write a request.
        let mut last_used_at = row.last_used_at;
        if last_used_at + idle / 10 < now {
            match store::sessions::touch(&self.shards, bucket, row.id, now).await {
                Ok(()) => last_used_at = now,
                Err(error) => tracing::warn!(%error, "a session's last use could not be kept"),
            }
        }
        // By what the row says, so that the list of sessions and whoever resolves this one agree on its end.
        let expires_at = row.expires_at.min(last_used_at + idle);
        Ok(Id::from_i64(row.id).zip(Id::from_i64(row.user_id)).map(|(id, user)| Session {
            id,
            user,
            expires_at,
            wrote: false,
            untold: false,
        }))
    }
}

/// A session that was just begun.
pub struct Begun {
    pub token: Token,
    pub session: Session,
}

/// Begins a session in the transaction; `remember` it once that is committed.
pub async fn begin(app: &App, write: &mut Write, user: Id, headers: &HeaderMap) -> Result<Begun, Error> {
    let (token, now) = (Token::new(user.bucket()), now());
    let expires_at = now + TimeDelta::seconds(app.session_life.absolute_s);
    let device = device(headers);
    let id = loop {
        let id = Id::new(user.bucket(), SystemTime::now());
        let new = store::sessions::New { id, user, hash: token.hash(), device: &device, now, expires_at };
        // Another session of this bucket may have drawn the same id in this millisecond: draw again.
        if store::sessions::insert(write, &new).await? {
            break id;
        }
    };
    let expires_at = expires_at.min(now + TimeDelta::seconds(app.session_life.idle_s));
    Ok(Begun { token, session: Session { id, user, expires_at, wrote: false, untold: false } })
}

impl Begun {
    pub async fn remember(&self, app: &App) {
        app.sessions.remember(self.token.hash(), &self.session).await;
    }
}

/// Now, in whole milliseconds: what Postgres keeps and every answer says.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(Utc::now().timestamp_millis()).unwrap_or_default()
}

fn device(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("unknown");
    agent.chars().take(DEVICE).collect()
}
