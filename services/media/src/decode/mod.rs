//! What runs as a process of its own, `media decode`: the bytes of an upload come in, variants or the reason for refusing go out. Decoders
//! meet what strangers wrote, so they run where nothing can be opened or reached, and memory and time end.

mod confine;
mod encode;
mod picture;
mod variants;
mod whole;
mod wire;

use std::{
    io::{Read, Write},
    process::ExitCode,
};

use serde::{Deserialize, Serialize};

pub use variants::widths;
pub use wire::{Made, Said, read_one};

/// `[decoder]` as the process is told it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Widths of variants; those that the picture does not have are left out.
    pub widths: Vec<u32>,
    pub most_bytes: usize,
    pub most_pixels: u64,
    pub longest_side: u32,
    /// What the process may allocate.
    pub memory_bytes: u64,
    pub cpu_seconds: u64,
    /// Of WebP, 0 to 100.
    pub quality: f32,
}

/// The argument that makes the binary this process.
pub const COMMAND: &str = "decode";

/// Does the work of the process; the limits come as its one argument.
pub fn main(limits: Option<&str>) -> ExitCode {
    let limits = limits.map(serde_json::from_str::<Limits>);
    let Some(Ok(limits)) = limits else {
        eprintln!("the limits are missing: this command is for the service itself");
        return ExitCode::FAILURE;
    };
    if let Err(error) = confine::confine(&limits) {
        eprintln!("this process could not be confined: {error:#}");
        return ExitCode::FAILURE;
    }
    match work(&limits) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work(limits: &Limits) -> anyhow::Result<()> {
    let mut file = Vec::new();
    std::io::stdin().lock().take(limits.most_bytes as u64 + 1).read_to_end(&mut file)?;
    let mut out = std::io::stdout().lock();
    match picture::decode(file, limits) {
        Ok(picture) => variants::make(picture, limits, &mut out)?,
        Err(reason) => wire::refuse(&mut out, &reason)?,
    }
    wire::end(&mut out)?;
    Ok(out.flush()?)
}
