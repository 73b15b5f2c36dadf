use anyhow::Context;
use magnitude_ids::{Bucket, Id};

use super::PATIENCE;
use crate::{databases::Databases, owners::Owners, wait};

/// Waits until everybody is told of an article: somebody is, and no part of the work is left.
pub async fn all(databases: &Databases, home: Bucket, owners: &Owners, article: Id) -> anyhow::Result<()> {
    let shard = owners.number("social", home).context("nobody owns the author")?;
    let mut primary = databases.primary(shard, "social").await?;
    let mut heard = false;
    wait::until("the followers are told", PATIENCE, wait::STEP, async || {
        let left = "select count(*) from jobs.jobs where kind in ('FanOut', 'NotifyPage') and payload #>> '{article,id}' = $1";
        let left: i64 = sqlx::query_scalar(left).bind(article.to_string()).fetch_one(&mut primary).await?;
        heard = heard || left > 0 || anybody(databases, article).await?;
        Ok((heard && left == 0).then_some(()))
    })
    .await
}

async fn anybody(databases: &Databases, article: Id) -> anyhow::Result<bool> {
    let mut primary = databases.primary(0, "social").await?;
    let told = sqlx::query_scalar("select exists (select from notifications where article = $1)");
    Ok(told.bind(article.as_i64()).fetch_one(&mut primary).await?)
}

/// Each follower has one row about the article.
pub async fn once(databases: &Databases, article: Id, followers: usize) -> anyhow::Result<Vec<String>> {
    let (mut rows, mut readers) = (0, 0);
    for shard in 0..databases.shards().len() {
        let mut primary = databases.primary(shard, "social").await?;
        let of_article = "select count(*), count(distinct reader) from notifications where article = $1 and kind = 'published'";
        let counts: (i64, i64) = sqlx::query_as(of_article).bind(article.as_i64()).fetch_one(&mut primary).await?;
        (rows, readers) = (rows + counts.0, readers + counts.1);
    }
    let followers = i64::try_from(followers)?;
    let wrong = rows != followers || readers != followers;
    Ok(wrong.then(|| format!("{followers} follow, {readers} were told in {rows} rows")).into_iter().collect())
}
