use chrono::{DateTime, Utc};
use magnitude_ids::Id;
use serde::{Deserialize, Serialize};

/// An article as lists show it: all but its body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    pub id: Id,
    pub author: Id,
    pub title: String,
    pub description: String,
    pub tags: Vec<String>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Article {
    pub head: Head,
    pub body: String,
}

/// What a client gives for a new article.
#[derive(Clone, Debug)]
pub struct NewArticle {
    pub title: String,
    pub description: String,
    pub body: String,
    pub tags: Vec<String>,
}

/// What a client changes of one: nothing where it said nothing.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub title: Option<String>,
    pub description: Option<String>,
    pub body: Option<String>,
    pub tags: Option<Vec<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comment {
    pub id: i64,
    pub author: Id,
    pub body: String,
    pub created_at: DateTime<Utc>,
}

/// What others made of an article, as one viewer sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Favorites {
    pub count: i64,
    pub favorited: bool,
}
