use magnitude_contract::{
    CallError,
    social::{About, Notice, NotifyCall},
};
use magnitude_jobs::{Context, Job, JobError};
use serde::{Deserialize, Serialize};

use crate::{App, article::Head, slug};

/// Tells social what readers are to be notified of. Safe to run twice: under the job's id it counts once there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Notify(pub Notice);

impl Job for Notify {
    type State = App;
    const KIND: &'static str = "notify";

    async fn run(&self, app: &App, context: &Context) -> Result<(), JobError> {
        let call = NotifyCall { id: context.id, notice: self.0.clone() };
        app.social.notify(&call).await.map_err(|error| match error {
            CallError::Status { status: 400..500, .. } => JobError::Retry(error.into()),
            // Social is down: that is no failure of the job.
            _ => JobError::Wait(error.into()),
        })
    }
}

/// An article as readers are told of it.
pub fn about(head: &Head) -> About {
    About { id: head.id, slug: slug::slug(&head.title, head.id), title: head.title.clone() }
}
