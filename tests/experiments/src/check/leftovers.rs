use crate::databases::Databases;

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
    let left = databases.everywhere(LEFTOVERS).await?;
    Ok(left.into_iter().map(|(place, what)| format!("{place}: {what} is left")).collect())
}
