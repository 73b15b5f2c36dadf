use crate::databases::Databases;

/// Each compares a stored count with a recount, in one snapshot of one shard, and tells where they differ.
const RECOUNTS: [(&str, &str); 5] = [
    (
        "articles of author",
        "select coalesce(s.author, r.author)::text, coalesce(s.articles, 0), coalesce(r.articles, 0)
         from (select bucket, author, articles from authors) s
         full join (select bucket, author, count(*) articles from articles group by bucket, author) r using (bucket, author)
         where coalesce(s.articles, 0) <> coalesce(r.articles, 0) and bucket in (select bucket from sharding.held)",
    ),
    (
        "articles of bucket",
        "select bucket::text, coalesce(s.articles, 0), coalesce(r.articles, 0)
         from totals s full join (select bucket, count(*) articles from articles group by bucket) r using (bucket)
         where coalesce(s.articles, 0) <> coalesce(r.articles, 0) and bucket in (select bucket from sharding.held)",
    ),
    (
        "articles of tag",
        "select tag, coalesce(s.articles, 0), coalesce(r.articles, 0)
         from tag_counts s full join (select bucket, tag, count(*) articles from article_tags group by bucket, tag) r using (bucket, tag)
         where coalesce(s.articles, 0) <> coalesce(r.articles, 0) and bucket in (select bucket from sharding.held)",
    ),
    (
        "favorites of article",
        "select article::text, coalesce(s.favorites, 0)::bigint, coalesce(r.favorites, 0)
         from (select bucket, article, sum(favorites) favorites from favorite_counts group by bucket, article) s
         full join (select bucket, article, count(*) favorites from favorites where active group by bucket, article) r using (bucket, article)
         where coalesce(s.favorites, 0) <> coalesce(r.favorites, 0) and bucket in (select bucket from sharding.held)",
    ),
    (
        "favorites of user",
        "select user_id::text, coalesce(s.articles, 0), coalesce(r.articles, 0)
         from favoriters s
         full join (select bucket, user_id, count(*) articles from favorites_by_user where active group by bucket, user_id) r
         using (bucket, user_id)
         where coalesce(s.articles, 0) <> coalesce(r.articles, 0) and bucket in (select bucket from sharding.held)",
    ),
];

/// Every stored count of `articles` is what a recount of the rows gives.
pub async fn counters(databases: &Databases) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (shard, name) in databases.shards().iter().enumerate() {
        let mut primary = databases.primary(shard, "articles").await?;
        for (what, sql) in RECOUNTS {
            let differing: Vec<(String, i64, i64)> = sqlx::query_as(sql).fetch_all(&mut primary).await?;
            wrong.extend(
                differing.into_iter().map(|(of, stored, counted)| format!("{what} {of} on {name}: {stored} stored, {counted} counted")),
            );
        }
    }
    Ok(wrong)
}
