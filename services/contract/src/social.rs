//! What social owns: who follows whom.

use std::collections::HashSet;

use magnitude_ids::Id;
use serde::{Deserialize, Serialize};

use crate::{
    CallError, Settings,
    call::{BATCH, Caller},
};

pub const FOLLOWS: &str = "/internal/social/follows";
pub const FOLLOWING: &str = "/internal/social/following";

#[derive(Debug, Serialize, Deserialize)]
pub struct FollowsCall {
    pub viewer: Id,
    pub ids: Vec<Id>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct FollowingCall {
    pub reader: Id,
}

/// The answer to both: the followed of those asked for, or all.
#[derive(Debug, Serialize, Deserialize)]
pub struct Followed {
    pub ids: Vec<Id>,
}

#[derive(Clone, Debug)]
pub struct SocialClient(Caller);

impl SocialClient {
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        Caller::new(settings).map(Self)
    }

    /// Which of `ids` the viewer follows.
    pub async fn follows(&self, viewer: Id, ids: &[Id]) -> Result<HashSet<Id>, CallError> {
        let mut followed = HashSet::new();
        for ids in ids.chunks(BATCH) {
            let answer: Followed = self.0.post(FOLLOWS, &FollowsCall { viewer, ids: ids.to_vec() }).await?;
            followed.extend(answer.ids);
        }
        Ok(followed)
    }

    /// All whom the reader follows.
    pub async fn following(&self, reader: Id) -> Result<Vec<Id>, CallError> {
        let answer: Followed = self.0.post(FOLLOWING, &FollowingCall { reader }).await?;
        Ok(answer.ids)
    }
}
