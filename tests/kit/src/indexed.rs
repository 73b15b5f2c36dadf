use sqlx::{AssertSqlSafe, Either, Executor, PgConnection, SqlSafeStr, Statement};

/// Fails if a statement can only read a table from end to end. How many rows there are does not matter.
pub async fn assert_indexed(connection: &mut PgConnection, sql: &'static str) {
    let prepared = connection.prepare(sql.into_sql_str()).await.expect("the statement fits the schema");
    let parameters = match prepared.parameters() {
        Some(Either::Left(types)) => types.len(),
        Some(Either::Right(count)) => count,
        None => 0,
    };
    let values = vec!["null"; parameters].join(", ");
    let plan = format!("explain execute tested ({values})").replace(" ()", "");
    let settings = "set enable_seqscan = off; set plan_cache_mode = force_generic_plan";
    sqlx::raw_sql(AssertSqlSafe(format!("{settings}; prepare tested as {sql}"))).execute(&mut *connection).await.expect("it was prepared");
    let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(plan)).fetch_all(&mut *connection).await.expect("it has a plan");
    sqlx::raw_sql("deallocate tested").execute(&mut *connection).await.expect("it is there");
    let plan = plan.join("\n");
    assert!(!plan.contains("Seq Scan"), "{sql}\n{plan}");
}
