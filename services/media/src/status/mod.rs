//! How every part of the stack is: what the load balancer finds of the instances behind it, and what this service finds of what it needs.
//! Neither addresses nor versions nor secrets go out.

mod envoy;
mod own;

use std::time::Duration;

use magnitude_objects::Objects;
use magnitude_sharding::Shards;
use serde::Serialize;

use crate::{Settings, app::BRIEF, briefly::Briefly};

/// A part, and how many of its nodes are as they should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    pub name: String,
    pub well: usize,
    pub all: usize,
}

impl Part {
    pub fn new(name: impl Into<String>, nodes: &[bool]) -> Self {
        Self { name: name.into(), well: nodes.iter().filter(|well| **well).count(), all: nodes.len() }
    }

    /// A part without nodes is not there.
    pub fn is_green(&self) -> bool {
        self.all > 0 && self.well == self.all
    }
}

/// What is asked, once a second at most.
pub struct Watch {
    envoy: Option<envoy::Admin>,
    own: own::Own,
    known: Briefly<Vec<Part>>,
}

/// Of one question: whatever does not answer by then is red.
const PATIENCE: Duration = Duration::from_millis(800);

impl Watch {
    pub fn new(settings: &Settings, shards: Shards, objects: Objects) -> anyhow::Result<Self> {
        let envoy = &settings.status.envoy;
        let envoy = if envoy.is_empty() { None } else { Some(envoy::Admin::new(envoy)?) };
        Ok(Self { envoy, own: own::Own::new(settings, shards, objects)?, known: Briefly::new(BRIEF) })
    }

    pub async fn parts(&self) -> std::sync::Arc<Vec<Part>> {
        let find = async || {
            let balancer = async {
                match &self.envoy {
                    Some(envoy) => envoy.parts().await,
                    None => Vec::new(),
                }
            };
            let (mut parts, own) = futures_util::join!(balancer, self.own.parts());
            parts.extend(own);
            Ok::<_, std::convert::Infallible>(parts)
        };
        match self.known.get(find).await {
            Ok(parts) => parts,
            Err(never) => match never {},
        }
    }
}
