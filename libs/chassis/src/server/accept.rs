use std::{convert::Infallible, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::head_clock::{HeadClock, Timed};

/// After an accept that failed for want of descriptors: time for some to be freed.
const BREATH: Duration = Duration::from_millis(50);

/// One listener and what answers on it.
pub(super) struct Front {
    pub listener: TcpListener,
    pub router: Router,
    pub header_timeout: Duration,
    /// No new connections; those that are open finish their request.
    pub close: CancellationToken,
    /// Cuts every connection off.
    pub abort: CancellationToken,
}

impl Front {
    /// Returns when it was closed and every connection has ended.
    pub async fn serve(self) {
        let Self { listener, router, header_timeout, close, abort } = self;
        let connections = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                () = close.cancelled() => break,
                () = abort.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => connect(stream, &router, header_timeout, &connections, abort.clone()),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    sleep(BREATH).await;
                }
            }
        }
        drop(listener);
        abort.run_until_cancelled(connections.shutdown()).await;
    }
}

fn connect(stream: TcpStream, router: &Router, header_timeout: Duration, connections: &GracefulShutdown, abort: CancellationToken) {
    // Answers are written whole: waiting to fill a packet only adds latency.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let clock = HeadClock::default();
    let io = TokioIo::new(Timed::new(stream, clock.clone(), header_timeout));
    let router = router.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let running = clock.request();
        let router = router.clone();
        async move {
            let response = router.oneshot(request).await;
            drop(running);
            response.map_err(|never: Infallible| never)
        }
    });
    let connection = connections.watch(http1::Builder::new().serve_connection(io, service));
    tokio::spawn(async move {
        if let Some(Err(error)) = abort.run_until_cancelled(connection).await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}
