use std::collections::HashSet;

use crate::databases::Databases;

/// A truth and its mirror under another bucket key: what is on in each, as the same pair of ids.
const MIRRORS: [(&str, &str, &str, &str); 2] = [
    (
        "articles",
        "favorite of user and article",
        "select user_id, article from favorites where active and bucket in (select bucket from sharding.held)",
        "select user_id, article from favorites_by_user where active and bucket in (select bucket from sharding.held)",
    ),
    (
        "social",
        "follow of follower and followee",
        "select follower, followee from follows where active and bucket in (select bucket from sharding.held)",
        "select follower, followee from followers where active and bucket in (select bucket from sharding.held)",
    ),
];

/// Every mirror shows what its truth shows, over all shards.
pub async fn mirrors(databases: &Databases) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (service, what, truth, mirror) in MIRRORS {
        let (truth, mirror) = (pairs(databases, service, truth).await?, pairs(databases, service, mirror).await?);
        wrong.extend(truth.difference(&mirror).map(|pair| format!("the {what} {pair:?} is not in the mirror")));
        wrong.extend(mirror.difference(&truth).map(|pair| format!("the {what} {pair:?} is in the mirror only")));
    }
    Ok(wrong)
}

async fn pairs(databases: &Databases, service: &str, sql: &'static str) -> anyhow::Result<HashSet<(i64, i64)>> {
    let mut pairs = HashSet::new();
    for shard in 0..databases.shards().len() {
        pairs.extend(sqlx::query_as::<_, (i64, i64)>(sql).fetch_all(&mut databases.primary(shard, service).await?).await?);
    }
    Ok(pairs)
}
