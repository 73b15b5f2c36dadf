//! What the tests stand on: a cluster with a table, and a few statements.

use magnitude_ids::Bucket;
use magnitude_kit::{Connected, TestCluster};
use magnitude_sharding::{Committed, Error, Freshness, Migrations, Shards};
use sqlx::PgConnection;

pub struct Bench {
    // Disconnected before its databases are dropped.
    pub connected: Connected,
    pub cluster: TestCluster,
}

impl Bench {
    pub async fn new() -> Self {
        let cluster = cluster().await;
        Self { connected: cluster.connect().await, cluster }
    }

    pub fn shards(&self) -> &Shards {
        &self.connected.shards
    }
}

/// Two shards: the first owns the buckets below 2048, the second the others.
pub async fn cluster() -> TestCluster {
    TestCluster::shards(2, "notes", || vec![Migrations::new("notes", sqlx::migrate!("tests/it/migrations"))]).await
}

pub fn bucket(number: u16) -> Bucket {
    Bucket::new(number).expect("the test names a bucket")
}

pub async fn add_note(shards: &Shards, bucket: Bucket, id: i64) -> Result<Committed, Error> {
    let mut write = shards.write(bucket).await?;
    insert_note(&mut write, bucket, id).await?;
    write.commit().await
}

pub async fn insert_note(connection: &mut PgConnection, bucket: Bucket, id: i64) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("insert into notes (bucket, id, text) values ($1, $2, 'a note')");
    insert.bind(bucket.as_i16()).bind(id).execute(connection).await.map(drop)
}

pub async fn notes(shards: &Shards, bucket: Bucket, freshness: Freshness) -> Result<Vec<i64>, Error> {
    let sql = "select id from notes where bucket = $1 and (select sharding.owns($1, $2)) order by id";
    let rows: Vec<(i64,)> = shards.fetch_all(bucket, freshness, sql, |q| q).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Runs statements past the lib, as a reshard would.
pub async fn run(connection: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.expect("the statement is right");
}

/// The code with which the database refused.
pub fn code<T>(result: Result<T, sqlx::Error>) -> String {
    let error = result.err().expect("the database refuses");
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).expect("it is the database's error").into_owned()
}
