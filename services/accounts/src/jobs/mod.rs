//! What must follow a write elsewhere: one file a job.

mod end_sessions;
mod settle_names;

pub use end_sessions::EndSessions;
pub use settle_names::SettleNames;
