use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        mpsc::{SyncSender, sync_channel},
    },
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use magnitude_chassis::ApiError;
use tokio::sync::oneshot;

use crate::settings;

type Work = Box<dyn FnOnce() + Send>;

/// Argon2id on a bounded pool: so many hashes at once, so many waiting, and 503 for more.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    queue: SyncSender<Work>,
    /// Verified in place of an unknown user's, so that both cost the same time.
    dummy: Arc<str>,
}

impl Passwords {
    pub fn new(settings: settings::Passwords) -> anyhow::Result<Self> {
        let params = Params::new(settings.memory_kib, settings.passes, settings.lanes, None).map_err(|error| anyhow::anyhow!("{error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon2, "nobody's password")?.into();
        Ok(Self { argon2, queue: threads(settings.at_once, settings.queue)?, dummy })
    }

    pub async fn hash(&self, password: &str) -> Result<String, ApiError> {
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        self.run(move || hash(&argon2, &password)).await?.map_err(ApiError::internal)
    }

    /// Whether the password is that of `stored`. Without a stored one it is not, and takes as long to say so.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool, ApiError> {
        let (argon2, password) = (self.argon2.clone(), password.to_owned());
        let (known, stored) = (stored.is_some(), stored.unwrap_or(&self.dummy).to_owned());
        let matches = move || PasswordHash::new(&stored).is_ok_and(|stored| argon2.verify_password(password.as_bytes(), &stored).is_ok());
        Ok(self.run(matches).await? && known)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let (done, result) = oneshot::channel();
        let work = Box::new(move || drop(done.send(work())));
        // Full, or every thread gone: the same to who waits.
        self.queue.try_send(work).map_err(|_| ApiError::unavailable(anyhow::anyhow!("too many passwords wait to be hashed")))?;
        result.await.map_err(ApiError::internal)
    }
}

/// Threads of its own rather than the runtime's: each keeps the memory of its last hash, and the runtime has hundreds. They end when the
/// queue's last sender is gone.
fn threads(at_once: usize, queue: usize) -> anyhow::Result<SyncSender<Work>> {
    let (sender, receiver) = sync_channel::<Work>(queue.max(1));
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..at_once {
        let receiver = receiver.clone();
        std::thread::Builder::new().name("passwords".to_owned()).spawn(move || {
            loop {
                let next = receiver.lock().expect("no holder of this lock panics").recv();
                let Ok(work) = next else { break };
                // Its caller sees that no answer comes; the thread lives on.
                drop(catch_unwind(AssertUnwindSafe(work)));
            }
        })?;
    }
    Ok(sender)
}

fn hash(argon2: &Argon2<'_>, password: &str) -> anyhow::Result<String> {
    let hash: argon2::password_hash::phc::PasswordHash =
        argon2.hash_password(password.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(hash.to_string())
}
