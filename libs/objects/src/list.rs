use chrono::{DateTime, Utc};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use object_store::{ObjectMeta, path::Path};
use tokio::time::timeout;

use crate::{Error, Key, Objects};

/// An object in a list.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Key,
    /// Bytes.
    pub size: u64,
    pub modified: DateTime<Utc>,
}

impl Objects {
    /// Everything below a folder, in any order and a page at a time, however much there is. What is no key is left out.
    pub fn list(&self, folder: &Key) -> BoxStream<'static, Result<Entry, Error>> {
        let (limit, path) = (self.timeout, Path::from(folder.as_str()));
        let found: BoxStream<'static, _> = self.store.list(Some(&path));
        let bounded = stream::unfold(Some(found), move |found| async move {
            let mut found = found?;
            match timeout(limit, found.next()).await {
                Ok(Some(Ok(meta))) => Some((Ok(entry(&meta)), Some(found))),
                Ok(Some(Err(error))) => Some((Err(error.into()), None)),
                Ok(None) => None,
                Err(_) => Some((Err(Error::Late), None)),
            }
        });
        bounded.filter_map(async |entry| entry.transpose()).boxed()
    }
}

fn entry(meta: &ObjectMeta) -> Option<Entry> {
    Some(Entry { key: Key::new(meta.location.as_ref())?, size: meta.size, modified: meta.last_modified })
}
