//! One session with the broker after another: connections, queues, consumers, until the line breaks.

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join_all;
use lapin::{
    Connection,
    options::{ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Lane,
    broker::{Broker, BrokerError, connect, in_time},
    consume::consume,
    publish::Publisher,
    worker::Worker,
};

/// Between two attempts: doubled up to a second, which bounds how late consumers come back.
const FIRST: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_secs(1);
/// A session that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(5);
/// How often the line and the queues' depths are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Keeps a session until `stop`; what is wrong is logged when it changes.
pub(crate) async fn keep<S: Clone + Send + Sync + 'static>(worker: Arc<Worker<S>>, broker: Arc<Broker>, stop: CancellationToken) {
    let (mut pause, mut said) = (FIRST, String::new());
    for node in worker.settings.nodes.iter().cycle() {
        let begun = Instant::now();
        let ended = session(&worker, &broker, node, &stop).await;
        broker.set(None);
        let Err(error) = ended else { return };
        if stop.is_cancelled() {
            return;
        }
        let sentence = format!("{:#}", anyhow::Error::from(error));
        if begun.elapsed() >= GOOD {
            (pause, said) = (FIRST, String::new());
        }
        if said != sentence {
            tracing::error!(node, error = sentence, "no line to the broker: jobs run in the worker that finds them, until there is one");
            said = sentence;
        }
        stop.run_until_cancelled(sleep(pause.mul_f64(rand::random_range(0.5..=1.0)))).await;
        pause = (pause * 2).min(LAST);
    }
}

/// Ends well only when it was told to stop, and all that ran is acknowledged.
async fn session<S: Clone + Send + Sync + 'static>(
    worker: &Arc<Worker<S>>,
    broker: &Broker,
    node: &str,
    stop: &CancellationToken,
) -> Result<(), BrokerError> {
    let (publisher, consuming) = open(worker, node).await?;
    broker.set(Some(publisher.clone()));
    tracing::info!(node, "jobs go through the broker");
    let queues = Lane::ALL.into_iter().map(Some).chain([None]);
    let consumers = try_join_all(queues.map(|lane| consume(worker.clone(), &consuming, lane, stop.clone())));
    // Held while what runs is acknowledged on them.
    let _channels = tokio::select! {
        channels = consumers => channels?,
        ended = watch(worker, broker, &publisher, &consuming) => return ended,
    };
    broker.set(None);
    worker.running.close();
    worker.running.wait().await;
    for connection in [&publisher.connection, &consuming] {
        // The process ends anyway.
        in_time(&worker.settings, connection.close(200, "bye".into())).await.ok();
    }
    Ok(())
}

async fn open<S>(worker: &Worker<S>, node: &str) -> Result<(Arc<Publisher>, Connection), BrokerError> {
    let settings = &worker.settings;
    let name = |part: &str| format!("{} {part}", worker.queues.dead().trim_end_matches(".dead"));
    let connection = connect(settings, node, name("relays")).await?;
    let consuming = connect(settings, node, name("consumers")).await?;
    let channel = in_time(settings, connection.create_channel()).await?;
    let patience = Duration::from_millis(settings.timeout_ms);
    tokio::time::timeout(patience, worker.queues.declare(&channel)).await.unwrap_or(Err(BrokerError::Late))?;
    in_time(settings, channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok((Arc::new(Publisher { connection, channel, patience, bad: CancellationToken::new() }), consuming))
}

/// Returns when the line is broken, or a queue is gone. Asks on the connection of the consumers: the other one may be blocked.
async fn watch<S>(worker: &Worker<S>, broker: &Broker, publisher: &Publisher, consuming: &Connection) -> Result<(), BrokerError> {
    let settings = &worker.settings;
    let channel = in_time(settings, consuming.create_channel()).await?;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    loop {
        for lane in Lane::ALL {
            let asked = channel.queue_declare(worker.queues.of(lane).into(), passive, FieldTable::default());
            broker.tell_depth(lane, in_time(settings, asked).await?.message_count());
        }
        if publisher.bad.run_until_cancelled(sleep(LOOK)).await.is_none() || !publisher.connection.status().connected() {
            return Err(BrokerError::NotTaken);
        }
    }
}
