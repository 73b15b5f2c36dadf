use crate::databases::Databases;

const WRONG: [(&str, &str); 2] = [
    (
        "unread",
        "select coalesce(u.reader, n.reader)::text, coalesce(u.count, 0), coalesce(n.count, 0)
         from unread u full join (select bucket, reader, count(*) from notifications where not read group by bucket, reader) n
         using (bucket, reader)
         where coalesce(u.count, 0) <> coalesce(n.count, 0) and bucket in (select bucket from sharding.held)",
    ),
    (
        "actors of bundle",
        "select n.id::text, n.others::bigint + 1, coalesce(a.count, 0)
         from notifications n
         left join (select bucket, notification, count(*) from notification_actors group by bucket, notification) a
         on a.bucket = n.bucket and a.notification = n.id
         where n.kind <> 'published' and n.others + 1 <> coalesce(a.count, 0) and n.bucket in (select bucket from sharding.held)",
    ),
];

/// Every stored count of notifications is what a recount of the rows gives.
pub async fn notifications(databases: &Databases) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (shard, name) in databases.shards().iter().enumerate() {
        let mut primary = databases.primary(shard, "social").await?;
        for (what, sql) in WRONG {
            let differing: Vec<(String, i64, i64)> = sqlx::query_as(sql).fetch_all(&mut primary).await?;
            wrong.extend(
                differing.into_iter().map(|(of, stored, counted)| format!("{what} {of} on {name}: {stored} stored, {counted} counted")),
            );
        }
    }
    Ok(wrong)
}
