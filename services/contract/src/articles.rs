//! What articles owns: its public bodies.

use std::sync::Arc;

use serde::Serialize;

use crate::{Timestamp, accounts::ProfileBody};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArticleBody {
    pub slug: String,
    pub title: String,
    pub description: String,
    /// Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Arc<str>>,
    pub tag_list: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub favorited: bool,
    pub favorites_count: i64,
    pub author: ProfileBody,
}

#[derive(Clone, Debug, Serialize)]
pub struct ArticleAnswer {
    pub article: ArticleBody,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArticlesAnswer {
    pub articles: Vec<ArticleBody>,
    /// Of all matches, not of the page.
    pub articles_count: i64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommentBody {
    /// Unique in its article, and exact as a JavaScript number.
    pub id: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub body: String,
    pub author: ProfileBody,
}

#[derive(Clone, Debug, Serialize)]
pub struct CommentAnswer {
    pub comment: CommentBody,
}

#[derive(Clone, Debug, Serialize)]
pub struct CommentsAnswer {
    pub comments: Vec<CommentBody>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TagsAnswer {
    pub tags: Vec<String>,
}
