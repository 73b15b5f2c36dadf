use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::BasicPublishOptions,
    types::{AMQPValue, FieldTable},
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::relay::Taken;

/// How often a relay that waits for confirmations looks whether the broker takes nothing more.
const LOOK: Duration = Duration::from_millis(20);
const PERSISTENT: u8 = 2;

/// A channel in confirm mode, on a connection that only publishes: a broker that is short of memory stops reading from such a one, and
/// acknowledgements must go on.
pub(crate) struct Publisher {
    pub connection: Connection,
    pub channel: Channel,
    pub patience: Duration,
    /// Set when the line proved bad: the session ends and another begins.
    pub bad: CancellationToken,
}

impl Publisher {
    pub fn usable(&self) -> bool {
        let status = self.connection.status();
        status.connected() && !status.blocked() && !self.bad.is_cancelled()
    }

    /// Publishes all of these, and says of each whether the broker has it for sure. What is not sure may have arrived all the same.
    pub async fn publish(&self, batch: &[Taken], queue: impl Fn(&Taken) -> String) -> Vec<bool> {
        let mut sure = vec![false; batch.len()];
        let confirms = async {
            let mut confirms = Vec::with_capacity(batch.len());
            for taken in batch {
                confirms.push(self.send(taken, queue(taken)).await?);
            }
            for (confirm, sure) in confirms.into_iter().zip(&mut sure) {
                *sure = confirm.await? == Confirmation::Ack(None);
            }
            lapin::Result::Ok(())
        };
        let done = tokio::select! {
            done = timeout(self.patience, confirms) => done.is_ok_and(|done| done.is_ok()),
            // Not the line's fault: the broker reads on when it can.
            () = self.blocked() => return sure,
        };
        if !done || sure.contains(&false) {
            self.bad.cancel();
        }
        sure
    }

    async fn send(&self, taken: &Taken, queue: String) -> lapin::Result<lapin::PublisherConfirm> {
        let body = serde_json::to_vec(&taken.ticket()).expect("numbers and an id are JSON");
        let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT).with_message_id(taken.id.to_string().into());
        if let Some(traceparent) = &taken.traceparent {
            let mut headers = FieldTable::default();
            headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.as_str().into()));
            properties = properties.with_headers(headers);
        }
        // Without `mandatory` a message that no queue takes is confirmed.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        self.channel.basic_publish("".into(), queue.into(), options, &body, properties).await
    }

    async fn blocked(&self) {
        while !self.connection.status().blocked() {
            sleep(LOOK).await;
        }
    }
}
