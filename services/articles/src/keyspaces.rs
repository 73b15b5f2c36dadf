//! What this service caches. It owns all of it: only it fills and voids.

use std::{fmt::Write, time::Duration};

use magnitude_cache::{Group, Keyspace, Void};
use magnitude_contract::keyspace;
use magnitude_ids::{Bucket, Id};

use crate::{
    article::{Article, Comment, Head},
    store::lists::Listed,
};

const SERVICE: &str = "articles";

/// An article with its body, by id.
pub static ARTICLES: Keyspace<Article> = keyspace(SERVICE, "article");
/// What lists show of an article, by id.
pub static HEADS: Keyspace<Head> = keyspace(SERVICE, "head");
/// How many favorited an article, by its id.
pub static COUNTS: Keyspace<i64> = keyspace(SERVICE, "favorites").enduring();
/// Whether a user favorited an article, by both ids, in the article's bucket.
pub static FAVORITED: Keyspace<bool> = keyspace(SERVICE, "favorited");
/// The comments of an article, by its id.
pub static COMMENTS: Keyspace<Vec<Comment>> = keyspace(SERVICE, "comments");
/// An author's newest articles and their number, by the author's id: what a feed is made of.
pub static NEWEST: Keyspace<Listed> = keyspace(SERVICE, "newest");
/// Pages of lists: ids and the number of all. They end with their group; until then they only take room.
pub static PAGES: Keyspace<Listed> = Keyspace::new(SERVICE, "page", Duration::from_mins(1), Duration::from_mins(5), Duration::from_mins(1));
/// The list of tags. What was used within the last minute is listed, so it is made anew now and then.
pub static TAGS: Keyspace<Vec<String>> =
    Keyspace::new(SERVICE, "tags", Duration::from_secs(10), Duration::from_mins(1), Duration::from_secs(10));

/// The key of [`FAVORITED`].
pub fn favorited_key(article: Id, user: Id) -> (Bucket, String) {
    let mut key = String::with_capacity(2 * Id::LONGEST + 1);
    write!(key, "{article}:{user}").expect("text takes all that is written");
    (article.bucket(), key)
}

/// What no place names is kept in the first.
fn of_all() -> Bucket {
    Bucket::all().next().expect("there are buckets")
}

/// The list of all articles.
pub fn all() -> Group {
    Group::new(of_all(), "all")
}

/// The list of tags.
pub fn tags() -> Group {
    Group::new(of_all(), "tags")
}

/// The articles of a tag.
pub fn tag(tag: &str) -> Group {
    Group::new(Bucket::of_name(tag), format!("tag:{tag}"))
}

/// The articles of an author, of one tag too.
pub fn author(author: Id) -> Group {
    Group::new(author.bucket(), format!("author:{author}"))
}

/// What a user favorited.
pub fn favorited_by(user: Id) -> Group {
    Group::new(user.bucket(), format!("favorited:{user}"))
}

/// All that a new version of an article makes old, its lists apart.
pub fn voids(article: Id, version: i64) -> Vec<Void> {
    vec![ARTICLES.void(article.bucket(), article, version), HEADS.void(article.bucket(), article, version)]
}

/// All that an article which comes or goes makes old.
pub fn listing_voids(head: &Head, version: i64) -> Vec<Void> {
    let mut voids = voids(head.id, version);
    voids.extend([all().void(), author(head.author).void(), NEWEST.drop(head.author.bucket(), head.author)]);
    voids.extend([COMMENTS.drop(head.id.bucket(), head.id), COUNTS.drop(head.id.bucket(), head.id)]);
    voids.extend(tag_voids(&head.tags));
    voids
}

/// All that an article makes old by getting or losing these tags.
pub fn tag_voids<'a>(changed: impl IntoIterator<Item = &'a String>) -> Vec<Void> {
    let mut voids: Vec<_> = changed.into_iter().map(|changed| tag(changed).void()).collect();
    if !voids.is_empty() {
        voids.push(tags().void());
    }
    voids
}

/// All that a favorite, given or taken, makes old in the article's bucket.
pub fn favorite_voids(article: Id, user: Id, version: i64) -> Vec<Void> {
    let (bucket, key) = favorited_key(article, user);
    vec![FAVORITED.void(bucket, key, version), COUNTS.drop(bucket, article)]
}
