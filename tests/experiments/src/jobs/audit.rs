//! Sees every effect of a job: the service's own keys would hide a second one, so a trigger notes each in its transaction.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use super::SERVICE;
use crate::databases::Databases;

/// Who is told, and of whom.
pub type Pair = (i64, i64);

/// When each effect was made, in seconds of the Unix clock.
pub type Effects = BTreeMap<Pair, Vec<f64>>;

/// Moves of buckets copy rows as the superuser: that is no effect. One whom the actor `poison` follows is refused, and the sequence counts how
/// often, since it goes on in transactions that roll back too.
const BEGIN: &str = "
    drop schema if exists experiment cascade;
    create schema experiment;
    create table experiment.effects (reader bigint not null, actor bigint not null, at timestamptz not null default clock_timestamp());
    create table experiment.poison (actor bigint primary key);
    create sequence experiment.tries;
    create function experiment.note() returns trigger language plpgsql security definer as $$
    begin
        if exists (select from experiment.poison where actor = new.actor) then
            perform nextval('experiment.tries');
            raise exception 'poison';
        end if;
        insert into experiment.effects (reader, actor)
        select reader, new.actor from public.notifications where bucket = new.bucket and id = new.notification;
        return new;
    end $$;
    create trigger experiment_note before insert on notification_actors
    for each row when (session_user <> 'postgres') execute function experiment.note()";

pub struct Audit {
    databases: Databases,
}

impl Audit {
    pub async fn begin(databases: &Databases) -> anyhow::Result<Self> {
        let audit = Self { databases: databases.clone() };
        audit.on_all(BEGIN).await?;
        Ok(audit)
    }

    pub async fn end(self) -> anyhow::Result<()> {
        self.on_all("drop schema experiment cascade").await
    }

    pub async fn effects(&self) -> anyhow::Result<Effects> {
        let mut effects = Effects::new();
        for shard in 0..self.databases.shards().len() {
            let all = "select reader, actor, extract(epoch from at)::float8 from experiment.effects";
            for (reader, actor, at) in sqlx::query_as::<_, (i64, i64, f64)>(all).fetch_all(&mut self.primary(shard).await?).await? {
                effects.entry((reader, actor)).or_default().push(at);
            }
        }
        Ok(effects)
    }

    /// What the rows of the owners say, wherever they have moved since.
    pub async fn told(&self) -> anyhow::Result<BTreeSet<Pair>> {
        let mut told = BTreeSet::new();
        for shard in 0..self.databases.shards().len() {
            let all =
                "select n.reader, a.actor from notification_actors a join notifications n on n.bucket = a.bucket and n.id = a.notification
                       where a.bucket in (select bucket from sharding.held)";
            told.extend(sqlx::query_as::<_, Pair>(all).fetch_all(&mut self.primary(shard).await?).await?);
        }
        Ok(told)
    }

    /// What was given up although nothing was wrong with it.
    pub async fn given_up(&self) -> anyhow::Result<Vec<String>> {
        let all = "select kind || ' ' || id || ' after ' || attempt || ' tries: ' || reason from jobs.dead
                   where bucket in (select bucket from sharding.held)";
        Ok(self.databases.everywhere(all).await?.into_iter().map(|(place, dead)| format!("{place}: {dead}")).collect())
    }

    /// From now on nobody can be told of this actor.
    pub async fn refuse(&self, actor: i64) -> anyhow::Result<()> {
        for shard in 0..self.databases.shards().len() {
            let refuse = sqlx::query("insert into experiment.poison (actor) values ($1)").bind(actor);
            refuse.execute(&mut self.primary(shard).await?).await?;
        }
        Ok(())
    }

    /// How often somebody tried to tell of such an actor.
    pub async fn refused(&self) -> anyhow::Result<i64> {
        let mut refused = 0;
        for shard in 0..self.databases.shards().len() {
            let tries = "select case when is_called then last_value else 0 end from experiment.tries";
            refused += sqlx::query_scalar::<_, i64>(tries).fetch_one(&mut self.primary(shard).await?).await?;
        }
        Ok(refused)
    }

    async fn on_all(&self, sql: &'static str) -> anyhow::Result<()> {
        for shard in 0..self.databases.shards().len() {
            sqlx::raw_sql(sql).execute(&mut self.primary(shard).await?).await?;
        }
        Ok(())
    }

    async fn primary(&self, shard: usize) -> anyhow::Result<PgConnection> {
        self.databases.primary(shard, SERVICE).await
    }
}

/// Jobs whose transaction was answered and whose effect was never there, or is not there any more.
pub fn lost(acknowledged: &[Pair], effects: &Effects, told: &BTreeSet<Pair>) -> Vec<String> {
    let never = acknowledged.iter().filter(|pair| !effects.contains_key(pair));
    let gone = acknowledged.iter().filter(|pair| effects.contains_key(pair) && !told.contains(pair));
    never
        .map(|(reader, actor)| format!("{reader} was not told of {actor}"))
        .chain(gone.map(|(reader, actor)| format!("{reader} was told of {actor} and has no row of it")))
        .collect()
}

/// Jobs that took effect more than once.
pub fn doubled(effects: &Effects) -> Vec<String> {
    let doubled = effects.iter().filter(|(_, at)| at.len() > 1);
    doubled.map(|((reader, actor), at)| format!("{reader} was told of {actor} {} times", at.len())).collect()
}

/// Rows that relays take from a moment on.
pub struct Taken {
    databases: Databases,
    /// The moment by the clock of each shard.
    since: Vec<String>,
}

impl Taken {
    pub async fn from_now(databases: &Databases) -> anyhow::Result<Self> {
        let mut since = Vec::new();
        for shard in 0..databases.shards().len() {
            let mut primary = databases.primary(shard, SERVICE).await?;
            since.push(sqlx::query_scalar("select clock_timestamp()::text").fetch_one(&mut primary).await?);
        }
        Ok(Self { databases: databases.clone(), since })
    }

    /// Whether there is any: what is taken is marked for a minute.
    pub async fn any(&self) -> anyhow::Result<Option<()>> {
        for (shard, since) in self.since.iter().enumerate() {
            let taken = "select exists (select from jobs.jobs where published_until > $1::timestamptz + interval '1 minute')";
            let mut primary = self.databases.primary(shard, SERVICE).await?;
            if sqlx::query_scalar(taken).bind(since).fetch_one(&mut primary).await? {
                return Ok(Some(()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_is_lost_and_what_was_done_twice_is_doubled() {
        let effects = Effects::from([((1, 2), vec![1.0]), ((1, 3), vec![1.0, 1.5])]);
        let lost = lost(&[(1, 2), (1, 3), (1, 4)], &effects, &BTreeSet::from([(1, 3)]));

        assert_eq!(lost, ["1 was not told of 4", "1 was told of 2 and has no row of it"]);
        assert_eq!(doubled(&effects), ["1 was told of 3 2 times"]);
    }
}
