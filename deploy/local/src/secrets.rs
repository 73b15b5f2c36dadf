//! Random passwords, made once and kept in files that only their owner may read.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use anyhow::Result;

use crate::edge::REFRESH;
use crate::patroni::{PATRONI, REPLICATOR, REWIND};
use crate::postgres::SUPERUSER;
use crate::rabbitmq::{COOKIE, RABBITMQ};
use crate::redis::REDIS;
use crate::stack::Stack;

/// The password of the people in the demo data.
pub const DEMO: &str = "demo";

impl Stack {
    /// Makes every secret before nodes start side by side: two of them must not make the same one twice.
    pub(crate) fn make_secrets(&self) -> Result<()> {
        let services = self.topology.services.iter().map(|service| service.name.as_str());
        [SUPERUSER, REPLICATOR, REWIND, PATRONI, REDIS, RABBITMQ, COOKIE, REFRESH, DEMO]
            .into_iter()
            .chain(services)
            .try_for_each(|name| self.secret(name).map(drop))
    }

    /// The secret of this name; made at the first call.
    pub(crate) fn secret(&self, name: &str) -> Result<String> {
        let path = self.secret_file(name);
        if let Ok(secret) = fs::read_to_string(&path) {
            return Ok(secret);
        }
        let mut bytes = [0_u8; 24];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let secret = bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        crate::files::write(&path, secret.as_bytes(), 0o600)?;
        Ok(secret)
    }

    pub(crate) fn secret_file(&self, name: &str) -> PathBuf {
        self.folder.join("secrets").join(name)
    }
}
