use std::sync::Arc;

use futures_util::StreamExt;
use lapin::{
    Channel, Connection, Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Lane,
    broker::{BrokerError, in_time},
    park::park_stray,
    row::{LARGEST, Ticket},
    worker::Worker,
};

/// Takes what comes through the queue of a lane, or without one what the broker gave up, until `stop`, and then what it was sent already.
/// Returns the channel, if it had one, on which those that still run are acknowledged.
pub(crate) async fn consume<S: Clone + Send + Sync + 'static>(
    worker: Arc<Worker<S>>,
    connection: &Connection,
    lane: Option<Lane>,
    stop: CancellationToken,
) -> Result<Option<Channel>, BrokerError> {
    let queue: Arc<str> = lane.map_or_else(|| worker.queues.dead(), |lane| worker.queues.of(lane)).into();
    // A queue can be stuck alone, for want of a leader (seen after a broker was shot that had only just made it): the others go on.
    let (channel, mut consumer) = loop {
        match stop.run_until_cancelled(subscribe(&worker, connection, &queue)).await {
            None => return Ok(None),
            Some(Err(BrokerError::Late)) => tracing::error!(%queue, "the broker lets nobody take from a queue; it is asked again"),
            Some(subscribed) => break subscribed?,
        }
    };
    let mut stopping = false;
    loop {
        let next = tokio::select! {
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                in_time(&worker.settings, channel.basic_cancel(consumer.tag(), BasicCancelOptions::default())).await?;
                continue;
            }
            next = consumer.next() => next,
        };
        match next {
            Some(delivery) => take(&worker, &queue, lane, delivery?).await,
            None if stopping => return Ok(Some(channel)),
            None => return Err(BrokerError::Cancelled(queue.to_string())),
        }
    }
}

async fn subscribe<S>(worker: &Worker<S>, connection: &Connection, queue: &str) -> Result<(Channel, Consumer), BrokerError> {
    let settings = &worker.settings;
    let channel = in_time(settings, connection.create_channel()).await?;
    in_time(settings, channel.basic_qos(settings.at_once, BasicQosOptions::default())).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = in_time(settings, channel.basic_consume(queue.into(), "".into(), options, arguments)).await?;
    Ok((channel, consumer))
}

/// Returns when the job has a place to run in: what was sent beyond waits.
async fn take<S: Clone + Send + Sync + 'static>(worker: &Arc<Worker<S>>, queue: &Arc<str>, lane: Option<Lane>, delivery: Delivery) {
    let Some(lane) = lane else {
        let handled = match read(&delivery.data) {
            Ok(ticket) => worker.fail(&ticket, why(&delivery)).await,
            Err(reason) => park_stray(&worker.shards, queue, &delivery.data, &reason).await,
        };
        return answer(&delivery, handled.is_ok()).await;
    };
    let place = worker.gate(lane).enter().await;
    let (worker, queue) = (worker.clone(), queue.clone());
    worker.running.clone().spawn(async move {
        let handled = match read(&delivery.data) {
            Ok(ticket) => {
                worker.handle(&ticket).await;
                true
            }
            Err(reason) => park_stray(&worker.shards, &queue, &delivery.data, &reason).await.is_ok(),
        };
        answer(&delivery, handled).await;
        drop(place);
    });
}

fn read(body: &[u8]) -> Result<Ticket, String> {
    if i64::try_from(body.len()).is_ok_and(|size| size > LARGEST) {
        return Err(format!("a message of {} bytes is larger than {LARGEST}", body.len()));
    }
    serde_json::from_slice(body).map_err(|error| format!("the message does not decode: {error}"))
}

/// A line that broke meanwhile brings the message again, and then there is nothing left to do.
async fn answer(delivery: &Delivery, handled: bool) {
    let answered = if handled {
        delivery.ack(BasicAckOptions::default()).await
    } else {
        delivery.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await
    };
    if let Err(error) = answered {
        tracing::debug!(%error, "a delivery could not be acknowledged: it comes again");
    }
}

fn why(delivery: &Delivery) -> String {
    let headers = delivery.properties.headers().as_ref();
    let reason = headers.and_then(|headers| headers.inner().get("x-first-death-reason"));
    let reason = match reason {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        _ => "no reason told".to_owned(),
    };
    format!("the broker gave it up ({reason}): the workers that took it ended or lost their line")
}
