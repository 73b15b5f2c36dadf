//! Work that must follow a write: one file a job.

mod collect;
mod make_variants;
mod sweep_staged;

pub use collect::Collect;
pub use make_variants::MakeVariants;
pub use sweep_staged::SweepStaged;
