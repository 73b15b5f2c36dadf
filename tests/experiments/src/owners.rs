//! Which shard owns which bucket, as the shards said at one moment.

use std::collections::BTreeMap;

use anyhow::Context;
use magnitude_ids::{BUCKETS, Bucket, Id};

use crate::databases::{Databases, SERVICES};

/// Each service has a map of its own.
#[derive(Clone, Debug)]
pub struct Owners {
    shards: Vec<String>,
    maps: BTreeMap<&'static str, Vec<Option<usize>>>,
}

impl Owners {
    /// Asks every primary. Of two claims the higher epoch counts, as for the services.
    pub async fn read(databases: &Databases) -> anyhow::Result<Self> {
        let (shards, mut maps) = (databases.shards(), BTreeMap::new());
        for service in SERVICES {
            let mut map = vec![(0, None); usize::from(BUCKETS)];
            for shard in 0..shards.len() {
                let mut primary = databases.primary(shard, service).await?;
                let sql = "select bucket, epoch from sharding.buckets where state <> 'released'";
                let claims: Vec<(i16, i64)> = sqlx::query_as(sql).fetch_all(&mut primary).await?;
                for (bucket, epoch) in claims {
                    let place = &mut map[usize::try_from(bucket)?];
                    *place = (*place).max((epoch, Some(shard)));
                }
            }
            maps.insert(service, map.into_iter().map(|(_, owner)| owner).collect());
        }
        Ok(Self { shards, maps })
    }

    /// The number of the shard that owns the bucket in the database of `service`.
    pub fn number(&self, service: &str, bucket: Bucket) -> Option<usize> {
        self.maps.get(service)?[usize::from(bucket.number())]
    }

    pub fn name(&self, service: &str, bucket: Bucket) -> Option<&str> {
        Some(&self.shards[self.number(service, bucket)?])
    }

    /// The buckets that a shard owns, in order.
    pub fn owned(&self, service: &str, shard: usize) -> Vec<Bucket> {
        Bucket::all().filter(|bucket| self.number(service, *bucket) == Some(shard)).collect()
    }

    /// The buckets that a shard owns in every service, in order.
    pub fn owned_everywhere(&self, shard: usize) -> Vec<Bucket> {
        Bucket::all().filter(|bucket| SERVICES.iter().all(|service| self.number(service, *bucket) == Some(shard))).collect()
    }

    /// A map that is wrong on purpose: the bucket belongs to `shard`.
    #[must_use]
    pub fn believing(mut self, service: &str, bucket: Bucket, shard: usize) -> Self {
        if let Some(map) = self.maps.get_mut(service) {
            map[usize::from(bucket.number())] = Some(shard);
        }
        self
    }

    /// Who wrote an article.
    pub async fn author_of(&self, databases: &Databases, article: Id) -> anyhow::Result<Id> {
        let shard = self.number("articles", article.bucket()).context("nobody owns the article")?;
        let mut primary = databases.primary(shard, "articles").await?;
        let author = sqlx::query_scalar("select author from articles where bucket = $1 and id = $2");
        let author: i64 = author.bind(article.bucket().as_i16()).bind(article.as_i64()).fetch_one(&mut primary).await?;
        Id::from_i64(author).context("the author has no id")
    }

    pub fn shards(&self) -> &[String] {
        &self.shards
    }
}
