use std::time::Instant;

use anyhow::anyhow;
use magnitude_ids::Id;
use magnitude_jobs::{Context, Job, JobError, record_voids};
use magnitude_objects::{Hash, Key};
use magnitude_sharding::Freshness;
use serde::{Deserialize, Serialize};

use crate::{
    App,
    decode::Made,
    decoder::Decoded,
    keyspaces,
    medium::Variant,
    store::{objects, uploads},
};

/// Decodes an upload and stores what is made of it. Safe to run twice: contents are stored under their hashes, and an upload is settled
/// once.
#[derive(Debug, Serialize, Deserialize)]
pub struct MakeVariants {
    pub upload: Id,
}

/// A decoder that fails so often, for another reason than what it was given, will not do better the next time.
const TRIES: i32 = 3;

impl Job for MakeVariants {
    type State = App;
    const KIND: &'static str = "MakeVariants";

    async fn run(&self, app: &App, context: &Context) -> Result<(), JobError> {
        // It may have been settled by another run, and removed since.
        let Some(upload) = uploads::find(&app.shards, Freshness::Primary, self.upload).await? else { return Ok(()) };
        let staged = Key::new(&upload.staged).ok_or_else(|| JobError::GiveUp(anyhow!("{:?} is no key", upload.staged)))?;
        let began = Instant::now();
        let outcome = match decoded(app, &staged, context.attempt).await? {
            Decoded::Refused(reason) => Err(reason),
            Decoded::Variants(made) => Ok(keep(app, made).await?),
        };
        self.settle(app, context, &outcome).await?;
        let outcome = if outcome.is_ok() { "ready" } else { "rejected" };
        metrics::histogram!("media_decode_seconds", "outcome" => outcome).record(began.elapsed().as_secs_f64());
        // Nobody needs it any more; should this fail, the sweep does it.
        app.objects.delete(&staged).await.ok();
        Ok(())
    }
}

impl MakeVariants {
    async fn settle(&self, app: &App, context: &Context, outcome: &Result<Vec<Variant>, String>) -> Result<(), JobError> {
        let mut write = context.write(self.upload.bucket()).await?;
        if let Some(version) = uploads::settle(&mut write, self.upload, outcome).await? {
            let voids = keyspaces::voids(self.upload, version);
            record_voids(&mut write, &voids).await?;
            app.cache.wrote(&write.commit().await?, &voids).await;
        }
        Ok(())
    }
}

async fn decoded(app: &App, staged: &Key, attempt: i32) -> Result<Decoded, JobError> {
    let Some(object) = app.objects.get(staged, None).await.map_err(|error| JobError::Wait(error.into()))? else {
        return Ok(Decoded::Refused("was lost before it was decoded: upload it again".to_owned()));
    };
    match app.decoder.decode(object.content).await {
        Ok(decoded) => Ok(decoded),
        Err(error) if attempt + 1 < TRIES => Err(JobError::Retry(error)),
        Err(error) => {
            tracing::warn!(error = %format_args!("{error:#}"), "an upload could not be decoded: it is rejected");
            Ok(Decoded::Refused("cannot be decoded".to_owned()))
        }
    }
}

/// Touched before it is stored: from then on nobody deletes it for an hour, and by then the upload refers to it.
async fn keep(app: &App, made: Vec<Made>) -> Result<Vec<Variant>, JobError> {
    let mut variants = Vec::with_capacity(made.len());
    for Made { width, height, webp } in made {
        let hash = Hash::of(&webp);
        if !objects::touch(&app.shards, hash.as_str()).await? {
            return Err(JobError::Wait(anyhow!("the same content is being deleted just now")));
        }
        app.objects.keep(&hash, webp.into()).await.map_err(|error| JobError::Wait(error.into()))?;
        variants.push(Variant { width, height, hash: hash.to_string() });
    }
    Ok(variants)
}
