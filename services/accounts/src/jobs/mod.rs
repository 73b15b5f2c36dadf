//! What must follow a write elsewhere: one file a job.

mod end_sessions;
mod recount;
mod settle_names;

pub use end_sessions::EndSessions;
pub use recount::Recount;
pub use settle_names::SettleNames;
