//! How a shard counts and commits, changed for a comparison.

use std::time::Duration;

use anyhow::Context;
use magnitude_ids::Bucket;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{databases::Databases, owners::Owners};

/// Puts what favorites add into one row an article, as without slots.
const ONE_ROW: &str = "
    create or replace function one_row() returns trigger language plpgsql as $$ begin new.slot := 0; return new; end $$;
    create or replace trigger one_row before insert on favorite_counts for each row execute function one_row()";

/// The shard of an article, as its superuser.
pub struct Counting {
    primary: PgConnection,
}

impl Counting {
    pub async fn of(databases: &Databases, owners: &Owners, bucket: Bucket) -> anyhow::Result<Self> {
        let shard = owners.number("articles", bucket).context("nobody owns the article")?;
        Ok(Self { primary: databases.primary(shard, "articles").await? })
    }

    pub async fn in_one_row(&mut self) -> anyhow::Result<()> {
        self.run(ONE_ROW).await
    }

    pub async fn in_slots(&mut self) -> anyhow::Result<()> {
        self.run("drop trigger if exists one_row on favorite_counts").await
    }

    /// From now on a flush of the log waits so long for others to join it: what a slower disk does, or one that is farther away.
    pub async fn commits_take(&mut self, longer: Duration) -> anyhow::Result<()> {
        self.run(&format!("alter system set commit_delay = {}", longer.as_micros())).await?;
        self.run("alter system set commit_siblings = 0").await?;
        self.run("select pg_reload_conf()").await
    }

    /// All as it was.
    pub async fn restore(mut self) -> anyhow::Result<()> {
        self.in_slots().await?;
        self.run("drop function if exists one_row()").await?;
        self.run("alter system reset commit_delay").await?;
        self.run("alter system reset commit_siblings").await?;
        self.run("select pg_reload_conf()").await
    }

    async fn run(&mut self, sql: &str) -> anyhow::Result<()> {
        // All of it is this file's own.
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.primary).await?;
        Ok(())
    }
}
