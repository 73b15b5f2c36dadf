//! Work that must follow a write: one file a job.

mod mirror_follow;

pub use mirror_follow::MirrorFollow;
