use serde::Serialize;

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Publish,
    Update,
    Favorite,
    Unfavorite,
    Follow,
    Unfollow,
    /// With a name that another session wants at the same time.
    Register,
    ReadOwn,
    ReadAnonymously,
    ListAuthor,
    ListAll,
}

/// What the client knows afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Ok,
    /// It did not happen.
    Failed,
    /// It may have happened, or may yet.
    Unknown,
}

impl Kind {
    pub fn is_write(self) -> bool {
        !matches!(self, Self::ReadOwn | Self::ReadAnonymously | Self::ListAuthor | Self::ListAll)
    }

    /// The service in whose database the operation's bucket counts.
    pub fn service(self) -> &'static str {
        match self {
            Self::Register => "accounts",
            Self::Follow | Self::Unfollow => "social",
            _ => "articles",
        }
    }
}
