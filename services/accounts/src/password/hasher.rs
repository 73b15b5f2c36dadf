use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};

/// Argon2id, in memory that is kept from one hash to the next: the allocator would keep several times as much of what is freed.
pub struct Hasher {
    params: Params,
    memory: Vec<Block>,
}

impl Hasher {
    pub fn new(params: Params) -> Self {
        Self { params, memory: Vec::new() }
    }

    /// With a salt of its own, as a PHC string.
    pub fn hash(&mut self, password: &str) -> anyhow::Result<String> {
        let (params, salt) = (self.params.clone(), Salt::generate());
        let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
        let hash = PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params).map_err(shown)?,
            hash: Some(self.output(&Argon2::new(algorithm, version, params), password, &salt)?),
            salt: Some(salt),
        };
        Ok(hash.to_string())
    }

    /// Whether `stored`, a PHC string, is of this password; by its own parameters, which may be older than those of today.
    pub fn verify(&mut self, password: &str, stored: &str) -> anyhow::Result<bool> {
        let stored = PasswordHash::new(stored).map_err(shown)?;
        let (Some(salt), Some(hash), Some(version)) = (stored.salt, stored.hash, stored.version) else { return Ok(false) };
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(shown)?;
        let (version, params) = (Version::try_from(version).map_err(shown)?, Params::try_from(&stored).map_err(shown)?);
        // This comparison takes the same time wherever they differ.
        Ok(self.output(&Argon2::new(algorithm, version, params), password, &salt)? == hash)
    }

    fn output(&mut self, argon2: &Argon2<'_>, password: &str, salt: &[u8]) -> anyhow::Result<Output> {
        let blocks = argon2.params().block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::new());
        }
        let mut output = vec![0; argon2.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut output, &mut self.memory[..blocks]).map_err(shown)?;
        Output::new(&output).map_err(shown)
    }
}

/// Without their own features these errors are none of the standard library's.
fn shown(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(memory_kib: u32) -> Hasher {
        Hasher::new(Params::new(memory_kib, 1, 1, None).expect("good parameters"))
    }

    #[test]
    fn a_hash_is_of_its_password_only() {
        let mut hasher = hasher(64);
        let stored = hasher.hash("correct horse").expect("a hash");

        assert!(hasher.verify("correct horse", &stored).expect("a PHC string"));
        assert!(!hasher.verify("battery staple", &stored).expect("a PHC string"));
        assert_ne!(hasher.hash("correct horse").expect("a hash"), stored, "each has a salt of its own");
        assert!(hasher.verify("correct horse", "nonsense").is_err());
    }

    #[test]
    fn a_hash_of_other_parameters_is_still_verified() {
        let stored = hasher(256).hash("correct horse").expect("a hash");
        let mut hasher = hasher(64);

        let own = hasher.hash("correct horse").expect("a hash");
        assert!(own.contains("m=64,"));
        // More memory than any hash of its own took, then less again.
        assert!(hasher.verify("correct horse", &stored).expect("a PHC string"));
        assert!(hasher.verify("correct horse", &own).expect("a PHC string"));
    }

    #[test]
    fn what_another_implementation_hashed_is_verified() {
        // argon2-cffi: PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("correct horse")
        let stored = "$argon2id$v=19$m=64,t=1,p=1$QM0zUGppar/bxrZ9sDci1w$taQ+CqaGVr4EFyUOSIEp7O902c2+jn4FjysrRjOyt7U";
        assert!(hasher(64).verify("correct horse", stored).expect("a PHC string"));
        assert!(!hasher(64).verify("correct horse ", stored).expect("a PHC string"));
    }
}
