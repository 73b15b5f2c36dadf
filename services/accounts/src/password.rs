use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use magnitude_chassis::ApiError;
use tokio::sync::Semaphore;

use crate::settings;

/// Argon2id on a bounded pool: so many hashes at once, so many waiting, and 503 for more.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// Verified in place of an unknown user's, so that both cost the same time.
    dummy: Arc<str>,
}

impl Passwords {
    pub fn new(settings: settings::Passwords) -> anyhow::Result<Self> {
        let params = Params::new(settings.memory_kib, settings.passes, settings.lanes, None).map_err(|error| anyhow::anyhow!("{error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon2, "nobody's password")?.into();
        Ok(Self {
            argon2,
            turns: Arc::new(Semaphore::new(settings.at_once)),
            places: Arc::new(Semaphore::new(settings.at_once + settings.queue)),
            dummy,
        })
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
        let place = self.places.clone().try_acquire_owned().map_err(ApiError::unavailable)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(ApiError::unavailable)?;
        let work = move || {
            // Held by the work itself: a client that goes away does not make room for another hash.
            let _held = (place, turn);
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)
    }
}

fn hash(argon2: &Argon2<'_>, password: &str) -> anyhow::Result<String> {
    let hash: argon2::password_hash::phc::PasswordHash =
        argon2.hash_password(password.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(hash.to_string())
}
