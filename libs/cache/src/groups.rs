//! Pages of lists. What a list hangs on (an author, a tag, all) has a random generation that is part of its pages' keys, so one
//! void ends all of them, whatever their windows and filters.

use std::{collections::HashMap, fmt::Display, sync::Arc, time::Duration};

use magnitude_ids::Bucket;
use magnitude_sharding::Error;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Cache, Keyspace, Versioned, Void};

const HOUR: Duration = Duration::from_hours(1);

/// What lists hang on, in the bucket whose node holds its pages.
#[derive(Clone, Debug)]
pub struct Group {
    bucket: Bucket,
    name: String,
}

impl Group {
    pub fn new(bucket: Bucket, name: impl Into<String>) -> Self {
        Self { bucket, name: name.into() }
    }

    /// Ends all pages of the group.
    pub fn void(&self) -> Void {
        generations("").drop(self.bucket, &self.name)
    }
}

/// Made anew where it is missing, never counted up: one that was lost can then never come back with another list behind it.
fn generations(owner: &'static str) -> Keyspace<u64> {
    Keyspace::new(owner, "generation", HOUR, HOUR, HOUR)
}

impl Cache {
    /// Reads a page of a group through. `load` must find out how fresh its source must be after it was called.
    pub async fn page<T, E, F, Fut>(&self, keyspace: &Keyspace<T>, group: &Group, page: impl Display, load: F) -> Result<Arc<T>, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
        E: From<Error> + Send,
    {
        let generation = self.generation::<E>(group).await?;
        let key = [(group.bucket, format!("{}:{generation:016x}:{page}", group.name))];
        let load = async |_: Vec<usize>| Ok::<_, E>(HashMap::from([(0, Versioned::unversioned(load().await?))]));
        let mut pages = self.through(keyspace, &key, load).await?;
        pages.pop().flatten().ok_or_else(|| Error::Unavailable.into())
    }

    /// Without Redis it is a new one each time, under which nobody else will look.
    async fn generation<E: From<Error> + Send>(&self, group: &Group) -> Result<u64, E> {
        let new = async |_: Vec<usize>| Ok::<_, E>(HashMap::from([(0, Versioned::unversioned(rand::random::<u64>()))]));
        let key = [(group.bucket, group.name.clone())];
        let found = self.through(&generations(self.service), &key, new).await?;
        found.into_iter().flatten().next().map(|generation| *generation).ok_or_else(|| Error::Unavailable.into())
    }
}
