use magnitude_chassis::Service;
use magnitude_kit::{TestCluster, assert_indexed};
use magnitude_social::{Social, store};
use sqlx::{Executor, SqlSafeStr};

#[tokio::test]
async fn every_statement_fits_the_schema() {
    let cluster = TestCluster::shards(1, "social", Social::migrations).await;
    let mut connection = cluster.primary(0).await;

    for sql in store::STATEMENTS.into_iter().chain(store::recount::STATEMENTS) {
        let prepared = connection.prepare(sql.into_sql_str()).await;
        assert!(prepared.is_ok(), "{sql}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn a_recount_reads_no_table_from_end_to_end() {
    let cluster = TestCluster::shards(1, "social", Social::migrations).await;
    let mut connection = cluster.primary(0).await;

    for sql in store::recount::STATEMENTS {
        assert_indexed(&mut connection, sql).await;
    }
}
