use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use bytes::Bytes;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    local::LocalFileSystem,
    memory::InMemory,
    prefix::PrefixStore,
};
use tokio::time::timeout;

use crate::{Error, Hash, Key, Settings};

/// More failures of one call than this are its caller's to handle.
const RETRIES: usize = 2;

/// A store of objects. Cloned freely.
#[derive(Clone, Debug)]
pub struct Objects {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) timeout: Duration,
    /// Where the objects are files.
    pub(crate) folder: Option<Arc<PathBuf>>,
}

impl Objects {
    /// Connects to nothing yet; a folder is made if it is missing.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        let timeout = Duration::from_millis(settings.timeout_ms);
        if let Some((_, prefix)) = settings.s3() {
            let s3 = s3(settings, timeout).context("objects: the S3 cannot be used")?;
            let store: Arc<dyn ObjectStore> = if prefix.is_empty() { Arc::new(s3) } else { Arc::new(PrefixStore::new(s3, prefix)) };
            return Ok(Self { store, timeout, folder: None });
        }
        let folder = PathBuf::from(&settings.store);
        std::fs::create_dir_all(&folder).with_context(|| format!("objects.store: {} cannot be made", folder.display()))?;
        let local = LocalFileSystem::new_with_prefix(&folder).with_context(|| format!("objects.store: {}", folder.display()))?;
        Ok(Self { store: Arc::new(local.with_fsync(true)), timeout, folder: Some(Arc::new(folder)) })
    }

    /// One that ends with the process.
    pub fn in_memory() -> Self {
        Self { store: Arc::new(InMemory::new()), timeout: Duration::from_secs(5), folder: None }
    }

    /// Stores a whole object, over what may be there.
    pub async fn put(&self, key: &Key, content: Bytes) -> Result<(), Error> {
        let put = self.bound("put", self.store.put(&key.path(), content.into())).await;
        put.map(drop)
    }

    /// Stores content under its hash; again only if it is not there already.
    pub async fn keep(&self, hash: &Hash, content: Bytes) -> Result<(), Error> {
        let key = Key::of_content(hash);
        let there = self.about(&key).await?.is_some_and(|about| about.size == content.len() as u64);
        if there { Ok(()) } else { self.put(&key, content).await }
    }

    /// It is no error if there is no such object.
    pub async fn delete(&self, key: &Key) -> Result<(), Error> {
        match self.bound("delete", self.store.delete(&key.path())).await {
            Err(Error::Failed(object_store::Error::NotFound { .. })) => Ok(()),
            done => done,
        }
    }

    /// Ends a call at the deadline, and counts what did not succeed.
    pub(crate) async fn bound<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, object_store::Error>>,
    ) -> Result<T, Error> {
        let done = match timeout(self.timeout, work).await {
            Ok(done) => done.map_err(Error::from),
            Err(_) => Err(Error::Late),
        };
        if !matches!(done, Ok(_) | Err(Error::Failed(object_store::Error::NotFound { .. }))) {
            metrics::counter!("object_store_failures_total", "call" => call).increment(1);
        }
        done
    }
}

fn s3(settings: &Settings, timeout: Duration) -> anyhow::Result<AmazonS3> {
    let (bucket, _) = settings.s3().context("it is no S3")?;
    let client = ClientOptions::new()
        .with_timeout(timeout)
        .with_connect_timeout(timeout.min(Duration::from_secs(2)))
        .with_allow_http(settings.endpoint.starts_with("http://"));
    let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: timeout };
    // Without conditional writes, which not every S3 has: content addressing needs none.
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(&settings.region)
        .with_client_options(client)
        .with_retry(retry)
        .with_conditional_put(object_store::aws::S3ConditionalPut::Disabled);
    if !settings.endpoint.is_empty() {
        builder = builder.with_endpoint(&settings.endpoint);
    }
    if !settings.access_key.is_empty() {
        builder = builder.with_access_key_id(&settings.access_key).with_secret_access_key(&settings.secret_key);
    }
    Ok(builder.build()?)
}
