use magnitude_kit::TestCluster;
use sqlx::{Executor, SqlSafeStr};

#[tokio::test]
async fn every_statement_fits_the_schema() {
    let cluster = TestCluster::shards(1, "articles", magnitude_articles::migrations).await;
    let mut connection = cluster.primary(0).await;

    for sql in magnitude_articles::store::STATEMENTS {
        let prepared = connection.prepare(sql.into_sql_str()).await;
        assert!(prepared.is_ok(), "{sql}: {:?}", prepared.err());
    }
}
