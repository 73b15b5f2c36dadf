//! The queues of a service: one table, from which everything about them is told to the broker.

use lapin::{
    Channel,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};

use crate::{Lane, broker::BrokerError};

/// Where the broker leaves what those who took it never answered for.
const DEAD: &str = "dead";

/// A queue's name behind the service's, and how often a message is delivered before the broker gives it up (before 4.0 it would never).
/// Whatever the number, the row decides how often the job is tried.
const TABLE: [(&str, Option<Lane>, i64); 4] =
    [("critical", Some(Lane::Critical), 5), ("default", Some(Lane::Default), 5), ("bulk", Some(Lane::Bulk), 5), (DEAD, None, 1000)];

pub(crate) struct Queues {
    /// Prefix and service.
    owner: String,
}

impl Queues {
    pub fn new(prefix: &str, service: &str) -> Self {
        Self { owner: format!("{prefix}{service}") }
    }

    pub fn of(&self, lane: Lane) -> String {
        self.name(lane.name())
    }

    pub fn dead(&self) -> String {
        self.name(DEAD)
    }

    fn name(&self, queue: &str) -> String {
        format!("{}.{queue}", self.owner)
    }

    /// Makes what is missing. A queue that is there with other arguments is left as it is: [`BrokerError::Refused`] says which.
    pub async fn declare(&self, channel: &Channel) -> Result<(), BrokerError> {
        for (queue, lane, deliveries) in TABLE {
            let (name, arguments) = (self.name(queue), self.arguments(lane.is_some(), deliveries));
            let declared = channel.queue_declare(name.as_str().into(), QueueDeclareOptions::durable(), arguments).await;
            declared.map_err(|error| BrokerError::of_queue(&name, error))?;
        }
        Ok(())
    }

    fn arguments(&self, gives_up: bool, deliveries: i64) -> FieldTable {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), text("quorum"));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(deliveries));
        if gives_up {
            // Only all four together lose nothing on the way.
            arguments.insert("x-dead-letter-exchange".into(), text(""));
            arguments.insert("x-dead-letter-routing-key".into(), text(&self.dead()));
            arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
            arguments.insert("x-overflow".into(), text("reject-publish"));
        }
        arguments
    }
}
