use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection};

use crate::databases::{Databases, SERVICES};

/// Every bucket has one shard that owns it, and no row lies anywhere else. No move may be under way.
pub async fn owners(databases: &Databases) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for service in SERVICES {
        let found = of_service(databases, service).await?;
        wrong.extend(found.into_iter().map(|sentence| format!("{service}: {sentence}")));
    }
    Ok(wrong)
}

async fn of_service(databases: &Databases, service: &str) -> anyhow::Result<Vec<String>> {
    let (mut claims, mut holders, mut wrong) =
        (BTreeMap::<i16, Vec<String>>::new(), BTreeMap::<(String, i16), Vec<String>>::new(), Vec::new());
    for (shard, name) in databases.shards().into_iter().enumerate() {
        let mut primary = databases.primary(shard, service).await?;
        for bucket in claimed(&mut primary).await? {
            claims.entry(bucket).or_default().push(name.clone());
        }
        for table in tables(&mut primary).await? {
            for (bucket, rows, held) in rows(&mut primary, &table).await? {
                if !held {
                    wrong.push(format!("{rows} rows of {table} in bucket {bucket} lie on {name}, which does not own it"));
                }
                holders.entry((table.clone(), bucket)).or_default().push(name.clone());
            }
        }
    }
    wrong.extend((0..4096).filter(|bucket| !claims.contains_key(bucket)).map(|bucket| format!("bucket {bucket} has no owner")));
    let several = |who: &&Vec<String>| who.len() > 1;
    wrong.extend(
        claims.iter().filter(|(_, who)| several(who)).map(|(bucket, who)| format!("bucket {bucket} is claimed by {}", who.join(", "))),
    );
    let twice = holders.iter().filter(|(_, who)| several(who));
    wrong.extend(twice.map(|((table, bucket), who)| format!("{table} has rows of bucket {bucket} on {}", who.join(" and "))));
    Ok(wrong)
}

/// A fenced bucket still is its source's.
async fn claimed(primary: &mut PgConnection) -> Result<Vec<i16>, sqlx::Error> {
    sqlx::query_scalar("select bucket from sharding.held").fetch_all(primary).await
}

/// What moves with a bucket.
async fn tables(primary: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("select name from sharding.tables order by name").fetch_all(primary).await
}

/// Each bucket that has rows in the table, how many, and whether this shard owns it: in one snapshot. The name is the catalog's.
async fn rows(primary: &mut PgConnection, table: &str) -> Result<Vec<(i16, i64, bool)>, sqlx::Error> {
    let sql = format!("select bucket, count(*), bucket in (select bucket from sharding.held) from {table} group by bucket");
    sqlx::query_as(AssertSqlSafe(sql)).fetch_all(primary).await
}
