use magnitude_accounts::{Accounts, store};
use magnitude_chassis::Service;
use magnitude_kit::{TestCluster, assert_indexed};
use sqlx::{Executor, SqlSafeStr};

#[tokio::test]
async fn every_statement_fits_the_schema() {
    let cluster = TestCluster::shards(1, "accounts", Accounts::migrations).await;
    let mut connection = cluster.primary(0).await;

    for sql in store::STATEMENTS.into_iter().chain(store::recount::STATEMENTS) {
        let prepared = connection.prepare(sql.into_sql_str()).await;
        assert!(prepared.is_ok(), "{sql}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn neither_a_recount_nor_a_question_for_images_reads_a_table_from_end_to_end() {
    let cluster = TestCluster::shards(1, "accounts", Accounts::migrations).await;
    let mut connection = cluster.primary(0).await;

    for sql in store::recount::STATEMENTS.into_iter().chain([store::users::IMAGES]) {
        assert_indexed(&mut connection, sql).await;
    }
}
