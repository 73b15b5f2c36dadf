//! What must follow a write elsewhere: one file a job.

mod mirror_favorite;
mod retract_favorites;
mod void_article;

pub use mirror_favorite::MirrorFavorite;
pub use retract_favorites::RetractFavorites;
pub use void_article::VoidArticle;
