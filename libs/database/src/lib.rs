//! skeleton
use serde::{Deserialize, Serialize};

/// One node's place in the log: timeline and LSN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position { pub timeline: u32, pub lsn: u64 }
