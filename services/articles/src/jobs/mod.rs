//! What must follow a write elsewhere: one file a job.

mod mirror_favorite;
mod notify;
mod recount;
mod retract_favorites;

pub use mirror_favorite::MirrorFavorite;
pub use notify::{Notify, about};
pub use recount::Recount;
pub use retract_favorites::RetractFavorites;
