use std::hash::{DefaultHasher, Hash, Hasher};

use magnitude_sharding::{Migrations, Settings, ShardSettings, migrate};

use crate::{
    Stack,
    admin::{connect, run},
    cluster::settings,
};

/// The name space of the locks under which templates are made: "kit" as a number.
const LOCKS: i32 = 0x006b_6974;

/// The name of the template database of these migrations: another schema is another template.
pub(crate) fn name(owner: &str, migrations: &[Migrations]) -> String {
    let mut hash = DefaultHasher::new();
    // The debug text holds every migration's SQL. The lib adds its own migrations, which are not among those given.
    format!("{migrations:?}").hash(&mut hash);
    format!("{:?}", sqlx::migrate!("../../libs/sharding/migrations")).hash(&mut hash);
    format!("template_{owner}_{:016x}", hash.finish())
}

/// Makes the template on this server unless it is there. Tests that come meanwhile wait for it.
pub(crate) async fn ensure(stack: &Stack, address: &str, template: &str, migrations: fn() -> Vec<Migrations>) -> anyhow::Result<()> {
    // Advisory locks count per database: all kits meet in this one.
    let mut admin = connect(stack, address, "postgres").await?;
    sqlx::query("select pg_advisory_lock($1, hashtext($2))").bind(LOCKS).bind(template).execute(&mut admin).await?;
    let exists: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)").bind(template).fetch_one(&mut admin).await?;
    if exists {
        return Ok(());
    }
    // Renamed when it is complete: a test that is killed in between leaves no half of a template.
    let building = format!("building_{template}");
    run(&mut admin, format!("drop database if exists {building} with (force)")).await?;
    run(&mut admin, format!("create database {building}")).await?;
    migrate(&settings(stack, &building), &[only(address)], migrations()).await?;
    forget_buckets(stack, address, &building).await?;
    run(&mut admin, format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{building}'")).await?;
    run(&mut admin, format!("alter database {building} rename to {template}")).await
}

/// The clones spread the buckets anew, over as many shards as their test wants.
async fn forget_buckets(stack: &Stack, address: &str, database: &str) -> anyhow::Result<()> {
    run(&mut connect(stack, address, database).await?, "delete from sharding.buckets".to_owned()).await
}

fn only(address: &str) -> ShardSettings {
    ShardSettings { name: "template".to_owned(), nodes: vec![address.to_owned()] }
}

/// Puts the clones' buckets on their shards, by the same code that services use.
pub(crate) async fn spread(settings: &Settings, shards: &[ShardSettings], migrations: Vec<Migrations>) -> anyhow::Result<()> {
    migrate(settings, shards, migrations).await
}
