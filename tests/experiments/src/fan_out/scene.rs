use std::time::{Duration, Instant};

use anyhow::Context;
use magnitude_ids::{Bucket, Id};
use magnitude_load::client;
use reqwest::Client;

use super::PATIENCE;
use crate::{crowd, databases::Databases, load::id_of, owners::Owners, run::Run, wait};

/// Somebody who publishes.
pub struct Author {
    pub id: Id,
    token: String,
}

/// What all parts of the run use.
pub struct Scene {
    http: Client,
    url: String,
    pub databases: Databases,
    pub owners: Owners,
}

impl Scene {
    /// Reads who owns what; nothing moves in these runs.
    pub async fn of(run: &Run) -> anyhow::Result<Self> {
        Ok(Self { http: client::http()?, url: run.stack()?.url, databases: run.databases()?, owners: run.owners().await? })
    }

    pub async fn author(&self) -> anyhow::Result<Author> {
        let token = client::register(&self.http, &self.url).await?;
        let slug = client::publish(&self.http, &self.url, &token, 0, &[]).await?;
        let id = self.owners.author_of(&self.databases, id_of(&slug).context("a slug without an id")?).await?;
        Ok(Author { id, token })
    }

    pub async fn follow(&self, author: Id, many: usize, homes: &[Bucket]) -> anyhow::Result<()> {
        crowd::follow(&self.databases, &self.owners, author, many, homes).await
    }

    /// The slug, and how long it took.
    pub async fn publish(&self, author: &Author, number: usize) -> anyhow::Result<(String, Duration)> {
        let begun = Instant::now();
        let slug = client::publish(&self.http, &self.url, &author.token, number + 1, &[]).await?;
        Ok((slug, begun.elapsed()))
    }

    /// Deletes what waits to be told of so many articles: two hundred times a million is more than this machine holds.
    pub async fn take_back(&self, author: &Author, many: usize) -> anyhow::Result<()> {
        let shard = self.owners.number("social", author.id.bucket()).context("nobody owns the author")?;
        let mut primary = self.databases.primary(shard, "social").await?;
        sqlx::query("set session_replication_role = replica").execute(&mut primary).await?;
        let mut left = many;
        wait::until("the jobs of what was published", PATIENCE, wait::STEP, async || {
            let delete = sqlx::query("delete from jobs.jobs where kind = 'FanOut' and payload ->> 'author' = $1");
            left = left.saturating_sub(usize::try_from(delete.bind(author.id.to_string()).execute(&mut primary).await?.rows_affected())?);
            Ok((left == 0).then_some(()))
        })
        .await
    }
}
