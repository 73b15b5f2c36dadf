use crate::databases::{Databases, SERVICES};

/// What a move that ended has taken away: its record says so, and nothing streams, fences or marks any more. A slot counts for the
/// database that it is of.
const LEFTOVERS: &str = "
    select 'a move at ' || step || ' as its ' || side from sharding.moves where step not in ('done', 'aborted')
    union all select 'a fence on bucket ' || bucket from sharding.buckets where state = 'fenced'
    union all select 'a marker of bucket ' || bucket from sharding.markers
    union all select 'the subscription ' || subname from pg_subscription
        where subname like 'move\\_%' and subdbid = (select oid from pg_database where datname = current_database())
    union all select 'the publication ' || pubname from pg_publication where pubname like 'move\\_%'
    union all select 'the slot ' || slot_name from pg_replication_slots where slot_name like 'move\\_%' and database = current_database()";

/// No move has left anything behind. No move may be under way.
pub async fn leftovers(databases: &Databases) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (shard, name) in databases.shards().iter().enumerate() {
        for service in SERVICES {
            let mut primary = databases.primary(shard, service).await?;
            let left: Vec<String> = sqlx::query_scalar(LEFTOVERS).fetch_all(&mut primary).await?;
            wrong.extend(left.into_iter().map(|what| format!("{service} on {name}: {what} is left")));
        }
    }
    Ok(wrong)
}
