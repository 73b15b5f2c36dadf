//! The queues of a test, past the lib.

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use magnitude_jobs::Settings;
use magnitude_kit::eventually;

use crate::bench::SERVICE;

const NAMES: [&str; 4] = ["critical", "default", "bulk", "dead"];

pub struct Queues {
    settings: Settings,
}

impl Queues {
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    pub fn name(&self, queue: &str) -> String {
        format!("{}{SERVICE}.{queue}", self.settings.prefix)
    }

    pub async fn publish(&self, queue: &str, body: &[u8]) {
        let (_connection, channel) = open(&self.settings).await;
        let properties = BasicProperties::default().with_delivery_mode(2);
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let sent =
            channel.basic_publish("".into(), self.name(queue).into(), BasicPublishOptions::default(), body, properties).await.unwrap();
        assert!(sent.await.unwrap().is_ack());
    }

    /// Messages that wait in it; none if it is not there.
    pub async fn depth(&self, queue: &str) -> Option<u32> {
        self.find(queue).await.map(|queue| queue.message_count())
    }

    /// Waits until so many workers take jobs from the broker.
    pub async fn consumed_by(&self, workers: u32) {
        eventually("the workers take jobs from the broker", async || {
            for queue in NAMES {
                if self.consumers(queue).await != Some(workers) {
                    return false;
                }
            }
            true
        })
        .await;
    }

    /// A quorum queue also counts one that has stopped, until it has answered for all that it took.
    pub async fn consumers(&self, queue: &str) -> Option<u32> {
        self.find(queue).await.map(|queue| queue.consumer_count())
    }

    async fn find(&self, queue: &str) -> Option<lapin::Queue> {
        let (_connection, channel) = open(&self.settings).await;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.name(queue).into(), passive, FieldTable::default()).await.ok()
    }

    /// Takes every message and gives it back, until the broker keeps them no longer.
    pub async fn refuse_all(&self, queue: &str) {
        let (_connection, channel) = open(&self.settings).await;
        while let Some(message) = channel.basic_get(self.name(queue).into(), BasicGetOptions::default()).await.unwrap() {
            message.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await.unwrap();
        }
    }

    pub async fn declare(&self, queue: &str, arguments: FieldTable) {
        let (_connection, channel) = open(&self.settings).await;
        channel.queue_declare(self.name(queue).into(), QueueDeclareOptions::durable(), arguments).await.unwrap();
    }
}

async fn open(settings: &Settings) -> (Connection, Channel) {
    let uri = format!("amqp://{}:{}@{}/{}", settings.user, settings.password, settings.nodes[0], settings.vhost);
    let connection = Connection::connect(&uri, ConnectionProperties::default()).await.expect("the broker answers");
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

impl Drop for Queues {
    fn drop(&mut self) {
        let (settings, names) = (self.settings.clone(), NAMES.map(|name| self.name(name)));
        // Drop cannot await, and the test's runtime may have one thread, which is here.
        let deleted = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let (_connection, channel) = open(&settings).await;
                for name in names {
                    channel.queue_delete(name.into(), QueueDeleteOptions::default()).await.ok();
                }
            });
        });
        // A broker that a test broke keeps them until the stack is cleaned.
        deleted.join().ok();
    }
}
