use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, ObjectStoreExt};

use crate::{Error, Key, Objects};

/// The least that S3 takes as a part.
const PART: usize = 5 << 20;

/// An object that comes piece by piece. Dropped before it is finished it leaves nothing.
pub struct Upload {
    objects: Objects,
    key: Key,
    held: BytesMut,
    /// Begun when more came than is held: a small object is one call.
    parts: Option<Box<dyn MultipartUpload>>,
}

impl Objects {
    /// Begins an object, which shows once it is finished.
    pub fn begin(&self, key: Key) -> Upload {
        Upload { objects: self.clone(), key, held: BytesMut::new(), parts: None }
    }
}

impl Upload {
    pub async fn write(&mut self, mut piece: Bytes) -> Result<(), Error> {
        while self.held.len() + piece.len() > PART {
            let part = piece.split_to(PART - self.held.len());
            self.held.extend_from_slice(&part);
            self.send().await?;
        }
        self.held.extend_from_slice(&piece);
        Ok(())
    }

    /// Makes the object show.
    pub async fn finish(mut self) -> Result<(), Error> {
        if self.parts.is_none() {
            let content = std::mem::take(&mut self.held).freeze();
            return self.objects.put(&self.key, content).await;
        }
        self.send().await?;
        // Taken out only when it is done: if this fails, what was sent is taken back.
        if let Some(parts) = &mut self.parts {
            self.objects.bound("complete", parts.complete()).await?;
        }
        self.parts = None;
        Ok(())
    }

    /// Sends what is held, so that one part at most is under way.
    async fn send(&mut self) -> Result<(), Error> {
        if self.held.is_empty() {
            return Ok(());
        }
        let path = self.key.path();
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => none.insert(self.objects.bound("begin", self.objects.store.put_multipart(&path)).await?),
        };
        let part = self.held.split().freeze();
        self.objects.bound("part", parts.put_part(part.into())).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let objects = self.objects.clone();
        runtime.spawn(async move {
            if let Err(error) = objects.bound("abort", parts.abort()).await {
                tracing::warn!(%error, "an upload that was given up could not be taken back: it is left to the sweep");
            }
        });
    }
}
