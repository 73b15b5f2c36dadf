//! Work that must follow a write: one file a job.

mod fan_out;
mod mirror_follow;
mod notify_followed;
mod notify_page;
mod recount;
mod trim_notifications;

pub use fan_out::FanOut;
pub use mirror_follow::MirrorFollow;
pub use notify_followed::NotifyFollowed;
pub use notify_page::NotifyPage;
pub use recount::Recount;
pub use trim_notifications::TrimNotifications;
