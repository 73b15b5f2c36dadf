use magnitude_chassis::Service;
use magnitude_kit::{TestCluster, assert_indexed};
use magnitude_media::{Media, store};
use sqlx::{Executor, SqlSafeStr};

#[tokio::test]
async fn every_statement_fits_the_schema_and_reads_no_table_from_end_to_end() {
    let cluster = TestCluster::shards(1, "media", Media::migrations).await;
    let mut connection = cluster.primary(0).await;

    for sql in store::STATEMENTS {
        let prepared = connection.prepare(sql.into_sql_str()).await;
        assert!(prepared.is_ok(), "{sql}: {:?}", prepared.err());
    }
    for sql in store::STATEMENTS.into_iter().filter(|sql| sql.contains("select") && !sql.contains("insert")) {
        assert_indexed(&mut connection, sql).await;
    }
}
