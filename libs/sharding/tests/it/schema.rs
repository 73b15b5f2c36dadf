//! Schemas of another release.

use magnitude_sharding::{check_schema, migrate};

use crate::bench::cluster;

/// As if every release so far had made a migration of this number on the first shard, or none.
async fn at(cluster: &magnitude_kit::TestCluster, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&mut cluster.primary(0).await).await.expect("the SQL is right");
}

#[tokio::test]
async fn a_schema_of_a_newer_release_is_left_alone() {
    let cluster = cluster().await;
    let newer = "insert into sharding.migrations_sharding (version, description, success, checksum, execution_time) values (99999999, 'later', true, '', 0)";
    at(&cluster, newer).await;
    let (settings, shards) = cluster.settings();

    let error = migrate(&settings, &shards, vec![]).await.expect_err("it cannot go back");

    assert!(format!("{error:#}").contains("the schema of sharding on shard s1 is at 99999999, which a newer release made"), "{error:#}");
    // A program beside a newer one goes on: that is how releases are rolled out.
    check_schema(&cluster.connect().await.shards, &[]).await.expect("it has all that this program needs");
}

#[tokio::test]
async fn a_schema_of_an_older_release_is_named_with_what_to_do() {
    let cluster = cluster().await;
    at(&cluster, "delete from sharding.migrations_sharding").await;

    let error = check_schema(&cluster.connect().await.shards, &[]).await.expect_err("it is too old");

    assert!(format!("{error:#}").contains("run `migrate` first"), "{error:#}");
}
