use serde::{Deserialize, Serialize};

/// A user as that user sees it: no password, which is read from primaries only and never cached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    pub email: String,
    pub username: String,
    pub bio: Option<String>,
    pub image: Option<String>,
}
