mod hasher;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        mpsc::{SyncSender, sync_channel},
    },
};

use argon2::Params;
use magnitude_chassis::ApiError;
use tokio::sync::oneshot;

use crate::settings;
use hasher::Hasher;

type Work = Box<dyn FnOnce(&mut Hasher) + Send>;

/// Argon2id on a bounded pool: so many hashes at once, so many waiting, and 503 for more.
#[derive(Clone)]
pub struct Passwords {
    queue: SyncSender<Work>,
    /// Verified in place of an unknown user's, so that both cost the same time.
    dummy: Arc<str>,
}

impl Passwords {
    pub fn new(settings: settings::Passwords) -> anyhow::Result<Self> {
        let params = Params::new(settings.memory_kib, settings.passes, settings.lanes, None).map_err(|error| anyhow::anyhow!("{error}"))?;
        let dummy = Hasher::new(params.clone()).hash("nobody's password")?.into();
        Ok(Self { queue: threads(&params, settings.at_once, settings.queue)?, dummy })
    }

    pub async fn hash(&self, password: &str) -> Result<String, ApiError> {
        let password = password.to_owned();
        self.run(move |hasher| hasher.hash(&password)).await?.map_err(ApiError::internal)
    }

    /// Whether the password is that of `stored`. Without a stored one it is not, and takes as long to say so.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool, ApiError> {
        let password = password.to_owned();
        let (known, stored) = (stored.is_some(), stored.unwrap_or(&self.dummy).to_owned());
        Ok(self.run(move |hasher| hasher.verify(&password, &stored).unwrap_or(false)).await? && known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Hasher) -> T + Send + 'static) -> Result<T, ApiError> {
        let (done, result) = oneshot::channel();
        let work = Box::new(move |hasher: &mut Hasher| drop(done.send(work(hasher))));
        // Full, or every thread gone: the same to who waits.
        self.queue.try_send(work).map_err(|_| ApiError::unavailable(anyhow::anyhow!("too many passwords wait to be hashed")))?;
        result.await.map_err(ApiError::internal)
    }
}

/// Threads of its own rather than the runtime's: each keeps the memory of its last hash, and the runtime has hundreds. They end when the
/// queue's last sender is gone.
fn threads(params: &Params, at_once: usize, queue: usize) -> anyhow::Result<SyncSender<Work>> {
    let (sender, receiver) = sync_channel::<Work>(queue.max(1));
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..at_once {
        let (receiver, mut hasher) = (receiver.clone(), Hasher::new(params.clone()));
        std::thread::Builder::new().name("passwords".to_owned()).spawn(move || {
            loop {
                let next = receiver.lock().expect("no holder of this lock panics").recv();
                let Ok(work) = next else { break };
                // Its caller sees that no answer comes; the thread lives on.
                drop(catch_unwind(AssertUnwindSafe(|| work(&mut hasher))));
            }
        })?;
    }
    Ok(sender)
}
