use magnitude_experiments::check;
use magnitude_ids::Bucket;
use sqlx::PgConnection;

use crate::stage::{Stage, new};

/// Another user of the same name, in a bucket of the same shard.
const DOUBLE: &str = "
    insert into users select (jsonb_populate_record(null::users, to_jsonb(u) || jsonb_build_object(
        'bucket', $2::smallint, 'id', u.id # 1, 'email', 'twin-' || u.email))).* from users u where username = $1";
const SINGLE: &str = "delete from users where username = $1 and bucket = $2";
const FREE: &str = "update names set user_id = user_id # 1 where kind = 'username' and name = $1";

#[tokio::test]
async fn a_name_that_two_users_bear_is_reported() {
    let stage = Stage::enter().await;
    let record = stage.load().await;
    let name = &record.authors[0].name;
    let before = settled_names(&stage).await;
    let (shard, mut primary) = holder(&stage, name).await;
    let bucket = stage.owners.owned("accounts", shard)[0].as_i16();

    sqlx::query(DOUBLE).bind(name).bind(bucket).execute(&mut primary).await.expect("it is copied");
    let found = new(&before, check::names(&stage.databases).await.expect("the shards answer"));
    sqlx::query(SINGLE).bind(name).bind(bucket).execute(&mut primary).await.expect("it is removed");
    let after = check::names(&stage.databases).await.expect("the shards answer");

    assert!(found.iter().any(|told| told.starts_with(&format!("username {name} belongs to 2 users"))), "{found:?}");
    assert_eq!(new(&before, after), Vec::<String>::new());
}

#[tokio::test]
async fn a_look_up_that_names_the_wrong_user_is_reported() {
    let stage = Stage::enter().await;
    let record = stage.load().await;
    let name = &record.authors[0].name;
    let before = settled_names(&stage).await;
    let shard = stage.owners.number("accounts", Bucket::of_name(name)).expect("it has an owner");
    let mut primary = stage.unguarded(shard, "accounts").await;

    sqlx::query(FREE).bind(name).execute(&mut primary).await.expect("it is changed");
    let found = new(&before, check::names(&stage.databases).await.expect("the shards answer"));
    sqlx::query(FREE).bind(name).execute(&mut primary).await.expect("it is changed back");
    let after = check::names(&stage.databases).await.expect("the shards answer");

    assert!(found.iter().any(|told| told.starts_with(&format!("the look-up of username {name} names user"))), "{found:?}");
    assert!(found.iter().any(|told| told.starts_with(&format!("username {name} of user"))), "{found:?}");
    assert_eq!(new(&before, after), Vec::<String>::new());
}

async fn settled_names(stage: &Stage) -> Vec<String> {
    check::settled(&stage.databases).await.expect("the shards answer");
    check::names(&stage.databases).await.expect("the shards answer")
}

/// The shard on which the user of this name lies.
async fn holder(stage: &Stage, name: &str) -> (usize, PgConnection) {
    for shard in 0..stage.databases.shards().len() {
        let mut primary = stage.unguarded(shard, "accounts").await;
        let sql = "select exists (select from users where username = $1 and bucket in (select bucket from sharding.held))";
        if sqlx::query_scalar(sql).bind(name).fetch_one(&mut primary).await.expect("the shard answers") {
            return (shard, primary);
        }
    }
    panic!("no shard has {name}")
}
