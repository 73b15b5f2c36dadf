use std::ops::Range;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStoreExt};
use tokio::time::timeout;

use crate::{Error, Key, Objects};

/// What is known of an object without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Bytes.
    pub size: u64,
    pub modified: DateTime<Utc>,
}

/// An object that is being read.
pub struct Object {
    /// Of the whole of it.
    pub about: About,
    pub content: BoxStream<'static, Result<Bytes, Error>>,
}

impl Objects {
    pub async fn about(&self, key: &Key) -> Result<Option<About>, Error> {
        let found = self.bound("head", self.store.head(&key.path())).await;
        Ok(missing(found)?.map(|meta| About::from(&meta)))
    }

    /// The object, or these bytes of it, which must be within it.
    pub async fn get(&self, key: &Key, range: Option<Range<u64>>) -> Result<Option<Object>, Error> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let path = key.path();
        let Some(found) = missing(self.bound("get", self.store.get_opts(&path, options)).await)? else { return Ok(None) };
        let about = About::from(&found.meta);
        let limit = self.timeout;
        let content = stream::unfold(Some(found.into_stream()), move |pieces| async move {
            let mut pieces = pieces?;
            match timeout(limit, pieces.next()).await {
                Ok(Some(Ok(piece))) => Some((Ok(piece), Some(pieces))),
                Ok(Some(Err(error))) => Some((Err(error.into()), None)),
                Ok(None) => None,
                Err(_) => Some((Err(Error::Late), None)),
            }
        });
        Ok(Some(Object { about, content: content.boxed() }))
    }

    /// The first bytes of an object, or all if it has fewer.
    pub async fn get_small_part(&self, key: &Key, most: u64) -> Result<Option<Bytes>, Error> {
        let options = GetOptions { range: Some(GetRange::Bounded(0..most)), ..GetOptions::default() };
        let path = key.path();
        let read = async { self.store.get_opts(&path, options).await?.bytes().await };
        missing(self.bound("get", read).await)
    }

    /// A small object as a whole; nothing also if it is larger than `most` bytes.
    pub async fn get_small(&self, key: &Key, most: usize) -> Result<Option<Bytes>, Error> {
        let Some(Object { about, mut content }) = self.get(key, None).await? else { return Ok(None) };
        if about.size > most as u64 {
            return Ok(None);
        }
        let mut whole = Vec::new();
        while let Some(piece) = content.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(Some(whole.into()))
    }
}

impl From<&ObjectMeta> for About {
    fn from(meta: &ObjectMeta) -> Self {
        Self { size: meta.size, modified: meta.last_modified }
    }
}

fn missing<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::Failed(object_store::Error::NotFound { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}
