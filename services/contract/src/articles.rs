//! What articles owns: its public bodies.

use std::sync::Arc;

use magnitude_ids::Bucket;
use serde::{Deserialize, Serialize};

use crate::{CallError, Settings, Timestamp, accounts::ProfileBody, call::Caller};

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

pub const COPIED: &str = "/internal/articles/copied";

/// A key of one of the service's keyspaces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CopiedCall {
    pub bucket: Bucket,
    pub keyspace: String,
    pub key: String,
}

/// What the instance that was asked would answer with from its own copies; nothing if it has none.
#[derive(Debug, Serialize, Deserialize)]
pub struct Copied {
    pub copy: Option<serde_json::Value>,
}

#[derive(Clone)]
pub struct ArticlesClient(Caller);

impl ArticlesClient {
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        Caller::new(settings).map(Self)
    }

    pub async fn copied(&self, call: &CopiedCall) -> Result<Copied, CallError> {
        self.0.post(COPIED, call).await
    }
}
