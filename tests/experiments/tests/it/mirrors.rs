use magnitude_experiments::check;
use sqlx::PgConnection;

use crate::stage::{Stage, new};

const SOME: &str = "select user_id, article from favorites_by_user where active and bucket in (select bucket from sharding.held) limit 1";
const SET: &str = "update favorites_by_user set active = $3 where user_id = $1 and article = $2";

#[tokio::test]
async fn a_mirror_that_lacks_a_favorite_is_reported() {
    let stage = Stage::enter().await;
    stage.load().await;
    check::settled(&stage.databases).await.expect("the shards answer");
    let before = check::mirrors(&stage.databases).await.expect("the shards answer");
    let (mut primary, user, article) = some_favorite(&stage).await;

    sqlx::query(SET).bind(user).bind(article).bind(false).execute(&mut primary).await.expect("it is off");
    let found = new(&before, check::mirrors(&stage.databases).await.expect("the shards answer"));
    sqlx::query(SET).bind(user).bind(article).bind(true).execute(&mut primary).await.expect("it is on");
    let after = check::mirrors(&stage.databases).await.expect("the shards answer");

    assert_eq!(found, [format!("the favorite of user and article ({user}, {article}) is not in the mirror")]);
    assert_eq!(new(&before, after), Vec::<String>::new());
}

/// A favorite that a mirror has, and its shard.
async fn some_favorite(stage: &Stage) -> (PgConnection, i64, i64) {
    for shard in 0..stage.databases.shards().len() {
        let mut primary = stage.unguarded(shard, "articles").await;
        let found = sqlx::query_as(SOME).fetch_optional(&mut primary).await.expect("the shard answers");
        if let Some((user, article)) = found {
            return (primary, user, article);
        }
    }
    panic!("the load has favorited nothing")
}
