//! What this service caches. It owns all of it: only it fills and voids.

use std::time::Duration;

use magnitude_cache::{Keyspace, Void};
use magnitude_ids::Id;

use crate::article::{Article, Head};

const SOFT: Duration = Duration::from_mins(5);
const HARD: Duration = Duration::from_hours(1);
const NEGATIVE: Duration = Duration::from_secs(30);

/// An article with its body, by id.
pub static ARTICLES: Keyspace<Article> = Keyspace::new("article", SOFT, HARD, NEGATIVE);
/// What lists show of an article, by id.
pub static HEADS: Keyspace<Head> = Keyspace::new("head", SOFT, HARD, NEGATIVE);

/// All that a new version of an article makes old.
pub fn voids(article: Id, version: i64) -> Vec<Void> {
    vec![ARTICLES.void(article.bucket(), article, version), HEADS.void(article.bucket(), article, version)]
}
