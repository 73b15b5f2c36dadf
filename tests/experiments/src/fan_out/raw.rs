use std::time::Instant;

use anyhow::Context;
use magnitude_ids::Id;
use sqlx::PgConnection;

use crate::{databases::Databases, load::count, owners::Owners};

/// Rows of one statement, as in a job.
const PAGE: usize = 5_000;

/// The limit: the same rows by statements that do nothing else.
pub struct Raw {
    shard: PgConnection,
    author: Id,
}

const WRITE: &str = "
    with new as (
        insert into notifications (bucket, reader, kind, article, slug, title, actor)
        select ((follower >> 10) & 4095)::smallint, follower, 'published', $3, 'raw', 'A raw row', $2
        from followers where bucket = $1 and followee = $2 and active and ((follower >> 10) & 4095) = any($4)
        returning bucket, reader)
    insert into unread as u (bucket, reader, count) select bucket, reader, 1 from new
    on conflict (bucket, reader) do update set count = u.count + 1";

impl Raw {
    /// On the shard where the author's followers live.
    pub async fn of(databases: &Databases, owners: &Owners, author: Id) -> anyhow::Result<Self> {
        let home = owners.number("social", author.bucket()).context("nobody owns the author")?;
        let mut shard = databases.primary(0, "social").await?;
        sqlx::query("set session_replication_role = replica").execute(&mut shard).await?;
        if home != 0 {
            copy_followers(databases, &mut shard, author, home).await?;
        }
        Ok(Self { shard, author })
    }

    /// Writes a row for each follower; how many a second.
    pub async fn write(&mut self, round: usize, followers: usize) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let homes: Vec<i64> = (0..4_096).collect();
        let per_page = (homes.len() * PAGE / followers.max(1)).max(1);
        // No article has an id below zero; each author's are others.
        let article = -self.author.as_i64() - i64::try_from(round)?;
        let mut written = 0;
        for page in homes.chunks(per_page) {
            let write = sqlx::query(WRITE).bind(self.author.bucket().as_i16()).bind(self.author.as_i64()).bind(article).bind(page);
            written += write.execute(&mut self.shard).await?.rows_affected();
        }
        Ok(count(usize::try_from(written)?) / begun.elapsed().as_secs_f64())
    }
}

/// Into a table of this connection's own that stands for the other shard's.
async fn copy_followers(databases: &Databases, shard: &mut PgConnection, author: Id, home: usize) -> anyhow::Result<()> {
    let mut primary = databases.primary(home, "social").await?;
    let all: Vec<i64> = sqlx::query_scalar("select follower from followers where bucket = $1 and followee = $2")
        .bind(author.bucket().as_i16())
        .bind(author.as_i64())
        .fetch_all(&mut primary)
        .await?;
    sqlx::query("create temp table followers (bucket smallint, followee bigint, follower bigint, active bool)")
        .execute(&mut *shard)
        .await?;
    sqlx::query("insert into pg_temp.followers select $1, $2, follower, true from unnest($3::bigint[]) f (follower)")
        .bind(author.bucket().as_i16())
        .bind(author.as_i64())
        .bind(all)
        .execute(&mut *shard)
        .await?;
    sqlx::query("create index on pg_temp.followers (bucket, followee, ((follower >> 10) & 4095))").execute(shard).await?;
    Ok(())
}
