use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What makes one logical write recognizable when its answer was lost or its client asks again.
#[derive(Clone, Debug)]
pub struct WriteId {
    pub(crate) id: Uuid,
    /// Set for a client's idempotency key: what must be the same when the key is used again.
    pub(crate) fingerprint: Option<[u8; 32]>,
    /// The same request came before, and who took it died.
    pub(crate) outlives: bool,
    /// Another bucket knows of it, and acts on what becomes of it.
    pub(crate) told: bool,
}

/// The first answer to an idempotent write, as it was stored with its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl WriteId {
    /// For a write that nobody will ask for again.
    pub fn random() -> Self {
        Self::of(Uuid::new_v4())
    }

    /// For a write whose id was told to another bucket beforehand, so that it can be settled from there.
    pub fn with_id(id: Uuid) -> Self {
        Self { told: true, ..Self::of(id) }
    }

    /// For an idempotency key, which counts per owner (user or email) and route.
    pub fn from_key(owner: &str, route: &str, key: &str, body: &[u8]) -> Self {
        Self { fingerprint: Some(Sha256::digest(body).into()), ..Self::of(hash([owner, route, key])) }
    }

    /// For a request that only the load balancer may send once more, under the number that it gave it.
    pub fn of_request(owner: &str, route: &str, number: &str) -> Self {
        Self::of(hash(["request", owner, route, number]))
    }

    fn of(id: Uuid) -> Self {
        Self { id, fingerprint: None, outlives: false, told: false }
    }

    /// For a request that a load balancer sends once more, since the instance died that had it: what that one left in the database is waited
    /// for, until the write deadline, instead of [`crate::Error::InProgress`].
    #[must_use]
    pub fn outliving(self, outlives: bool) -> Self {
        Self { outlives, ..self }
    }

    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Whether a client chose the key, so that it may ask for the first answer.
    pub fn is_keyed(&self) -> bool {
        self.fingerprint.is_some()
    }
}

/// The length in front of each part keeps ("ab", "c") and ("a", "bc") apart.
fn hash<const N: usize>(parts: [&str; N]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    Uuid::from_slice(&digest[..16]).expect("16 bytes make a UUID")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_per_owner_and_route() {
        let id = |owner, route, key| WriteId::from_key(owner, route, key, b"").id();

        assert_eq!(id("ann", "POST /a", "1"), id("ann", "POST /a", "1"));
        assert_ne!(id("ann", "POST /a", "1"), id("bob", "POST /a", "1"));
        assert_ne!(id("ann", "POST /a", "1"), id("ann", "POST /b", "1"));
        assert_ne!(id("ab", "c", "1"), id("a", "bc", "1"));
        assert_ne!(id("ann", "POST /a", "1"), WriteId::of_request("ann", "POST /a", "1").id());
        assert_ne!(id("request", "ann", "POST /a"), WriteId::of_request("ann", "POST /a", "").id());
    }
}
