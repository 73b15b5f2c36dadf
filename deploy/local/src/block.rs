//! A stack's own piece of the loopback network: `127.A.B.0/24`, claimed by a file outside of the tree.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    pub a: u8,
    pub b: u8,
}

impl Block {
    pub fn address(self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.a, self.b, host)
    }

    /// A number of its own for things that are counted per machine, such as Envoy's base id.
    pub fn number(self) -> u32 {
        u32::from(self.a) << 8 | u32::from(self.b)
    }

    /// The blocks that a stack tries, in its own order: 127.64 to 127.127, away from what people write by hand.
    fn candidates(owner: &Path) -> impl Iterator<Item = Self> {
        const BLOCKS: u32 = 64 * 256;
        let first = fingerprint(owner) % BLOCKS;
        (0..BLOCKS).map(move |step| {
            let [.., a, b] = ((first + step) % BLOCKS).to_be_bytes();
            Self { a: 64 + a, b }
        })
    }
}

/// The claims of this user. Always the same folder: one that depends on the session would let two sessions claim one block.
pub fn claims_folder() -> Result<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    let folder = PathBuf::from(format!("/tmp/magnitude-blocks-{uid}"));
    let _ = fs::DirBuilder::new().mode(0o700).create(&folder);
    let owner = fs::symlink_metadata(&folder).with_context(|| format!("cannot use {}", folder.display()))?;
    ensure!(owner.is_dir() && owner.uid() == uid, "{} belongs to somebody else: remove it", folder.display());
    Ok(folder)
}

/// Claims a block for the stack whose state lives in `owner`: the one it holds, else `wanted`, else a free one.
pub fn claim(folder: &Path, owner: &Path, wanted: Option<Block>, in_use: impl Fn(Block) -> bool) -> Result<Block> {
    let _lock = lock(folder)?;
    drop_stale(folder)?;
    if let Some(block) = held(folder, owner)? {
        return Ok(block);
    }
    let free = |block: &Block| !file(folder, *block).exists() && !in_use(*block);
    let Some(block) = wanted.into_iter().chain(Block::candidates(owner)).find(free) else { bail!("every block of 127.64.0.0/10 is taken") };
    crate::files::write(&file(folder, block), owner.as_os_str().as_encoded_bytes(), 0o600)?;
    Ok(block)
}

/// Gives up whatever `owner` holds.
pub fn release(folder: &Path, owner: &Path) -> Result<()> {
    let _lock = lock(folder)?;
    if let Some(block) = held(folder, owner)? {
        fs::remove_file(file(folder, block))?;
    }
    Ok(())
}

/// Whether something listens in the block although nobody here claims it: another user's stack.
pub fn listening(block: Block) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    // Addresses are in host order: 127.A.B.H reads HHBBAA7F.
    let ending = format!("{:02X}{:02X}7F", block.b, block.a);
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields.get(3) == Some(&"0A");
        listens && fields.get(1).and_then(|local| local.get(2..8)) == Some(&ending)
    })
}

fn lock(folder: &Path) -> Result<File> {
    let file = File::options().create(true).append(true).open(folder.join("lock"))?;
    file.lock()?;
    Ok(file)
}

fn held(folder: &Path, owner: &Path) -> Result<Option<Block>> {
    Ok(claims(folder)?.into_iter().find(|(_, claimed)| claimed == owner).map(|(block, _)| block))
}

/// A clone that was deleted without `make clean` needs its block no more.
fn drop_stale(folder: &Path) -> Result<()> {
    for (block, owner) in claims(folder)? {
        if !owner.exists() {
            fs::remove_file(file(folder, block))?;
        }
    }
    Ok(())
}

fn claims(folder: &Path) -> Result<Vec<(Block, PathBuf)>> {
    let mut claims = vec![];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(block) = parse(&entry.file_name().to_string_lossy()) {
            claims.push((block, PathBuf::from(fs::read_to_string(entry.path())?)));
        }
    }
    Ok(claims)
}

fn parse(name: &str) -> Option<Block> {
    let (a, b) = name.split_once('-')?;
    Some(Block { a: a.parse().ok()?, b: b.parse().ok()? })
}

fn file(folder: &Path, block: Block) -> PathBuf {
    folder.join(format!("{}-{}", block.a, block.b))
}

/// FNV-1a: only spreads names and first tries, so that clones rarely meet.
pub fn fingerprint(path: &Path) -> u32 {
    path.as_os_str().as_encoded_bytes().iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("stack-block-{name}-{}", std::process::id()));
            fs::create_dir_all(path.join("one")).expect("is created");
            fs::create_dir_all(path.join("two")).expect("is created");
            fs::create_dir_all(path.join("claims")).expect("is created");
            Self(path)
        }

        fn claim(&self, owner: &str, wanted: Option<Block>) -> Block {
            claim(&self.0.join("claims"), &self.0.join(owner), wanted, |_| false).expect("a block is free")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_second_claim_gets_the_same_block() {
        let folder = Folder::new("same");
        assert_eq!(folder.claim("one", None), folder.claim("one", Some(Block { a: 70, b: 7 })));
    }

    #[test]
    fn two_clones_get_different_blocks() {
        let folder = Folder::new("two");
        let one = folder.claim("one", None);
        assert_ne!(one, folder.claim("two", Some(one)));
    }

    #[test]
    fn a_vanished_clone_loses_its_block() {
        let folder = Folder::new("stale");
        let one = folder.claim("one", None);
        fs::remove_dir(folder.0.join("one")).expect("is removed");
        assert_eq!(folder.claim("two", Some(one)), one);
    }

    #[test]
    fn a_block_that_others_listen_in_is_passed_over() {
        let folder = Folder::new("busy");
        let wanted = Block { a: 90, b: 9 };
        let got = claim(&folder.0.join("claims"), &folder.0.join("one"), Some(wanted), |block| block == wanted).expect("a block is free");
        assert_ne!(got, wanted);
    }
}
