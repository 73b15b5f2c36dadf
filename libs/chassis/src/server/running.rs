use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    accept::Front,
    operator::{Health, Readiness},
};
use crate::{
    HttpSettings, Roles, Routers, Service, ServiceSettings, Tasks,
    layers::{self, Edge, Shape},
    telemetry,
};

const BACKLOG: u32 = 1024;
/// What tasks get at least to end in, even if the requests used the whole drain up.
const LAST_WORDS: Duration = Duration::from_secs(1);
const UPKEEP: Duration = Duration::from_secs(5);

/// A service that is up in this process: what `serve` runs, and what tests run on free ports. Dropping it aborts it.
pub struct Running {
    public: SocketAddr,
    operator: SocketAddr,
    stop: CancellationToken,
    abort: CancellationToken,
    end: JoinHandle<anyhow::Result<()>>,
    /// Not read: dropping it is the use.
    _guard: tokio_util::sync::DropGuard,
}

impl Running {
    /// Probes are answered from the start, requests once the service returned its routers.
    pub async fn start<S: Service>(settings: S::Settings, roles: Roles) -> anyhow::Result<Self> {
        let http = settings.http().clone();
        Self::begin(http, |tasks| S::start(settings, roles, tasks)).await
    }

    /// The same for the checker of the service's cache.
    pub async fn start_checker<S: Service>(settings: S::Settings) -> anyhow::Result<Self> {
        let http = settings.http().clone();
        Self::begin(http, |tasks| S::check_cache(settings, tasks)).await
    }

    async fn begin<F: Future<Output = anyhow::Result<Routers>>>(
        http: HttpSettings,
        start: impl FnOnce(Tasks) -> F,
    ) -> anyhow::Result<Self> {
        let (stop, abort, close) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let guard = abort.clone().drop_guard();
        let (public_socket, public) = bind(http.public).context("http.public")?;
        let (operator_socket, operator) = bind(http.operator).context("http.operator")?;

        let health = Health::new(telemetry::metrics());
        let writes = TaskTracker::new();
        let edge = |shape| Edge::new(shape, &http, writes.clone(), abort.clone());
        let front = |listener, router| Front {
            listener,
            router,
            header_timeout: Duration::from_millis(http.header_timeout_ms),
            close: close.clone(),
            abort: abort.clone(),
        };
        let operators = tokio::spawn(front(operator_socket.listen(BACKLOG)?, health.router()).serve());

        let tasks = Tasks::new();
        tasks.spawn("metrics upkeep", upkeep(tasks.stop()));
        let Routers { public: api, internal } = match start(tasks.clone()).await {
            Ok(routers) => routers,
            Err(error) => {
                tasks.abort();
                return Err(error);
            }
        };
        health.open(layers::around(internal, edge(Shape::Problem)));
        let publics = tokio::spawn(front(public_listener(public_socket)?, layers::around(api, edge(Shape::Api))).serve());
        health.set(Readiness::Ready);

        let shutdown =
            Shutdown { http, stop: stop.clone(), abort: abort.clone(), close, tasks, writes, health, fronts: [publics, operators] };
        Ok(Self { public, operator, stop, abort, end: tokio::spawn(shutdown.run()), _guard: guard })
    }

    pub fn public(&self) -> SocketAddr {
        self.public
    }

    pub fn operator(&self) -> SocketAddr {
        self.operator
    }

    /// Says no to probes at once, then closes, then drains.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Ends everything now.
    pub fn abort(&self) {
        self.abort.cancel();
    }

    /// Waits for the end. It is an error if the service was aborted or a task died.
    pub async fn ended(self) -> anyhow::Result<()> {
        let Self { end, _guard: guard, .. } = self;
        let outcome = end.await.context("the shutdown panicked")?;
        drop(guard);
        outcome
    }

    /// The switches behind `stop` and `abort`, for who waits for the end at the same time.
    pub(crate) fn switches(&self) -> (CancellationToken, CancellationToken) {
        (self.stop.clone(), self.abort.clone())
    }
}

/// Takes the port, and refuses connections until it listens.
fn bind(address: SocketAddr) -> anyhow::Result<(TcpSocket, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address).with_context(|| format!("{address} cannot be listened on"))?;
    let local = socket.local_addr()?;
    Ok((socket, local))
}

fn public_listener(socket: TcpSocket) -> anyhow::Result<TcpListener> {
    socket.listen(BACKLOG).context("http.public cannot be listened on")
}

/// Histograms are drained when they are rendered; without a scraper they would grow for ever.
async fn upkeep(stop: CancellationToken) {
    while stop.run_until_cancelled(sleep(UPKEEP)).await.is_some() {
        telemetry::metrics().run_upkeep();
    }
}

struct Shutdown {
    http: HttpSettings,
    stop: CancellationToken,
    abort: CancellationToken,
    close: CancellationToken,
    tasks: Tasks,
    writes: TaskTracker,
    health: Health,
    fronts: [JoinHandle<()>; 2],
}

impl Shutdown {
    async fn run(mut self) -> anyhow::Result<()> {
        let abort = self.abort.clone();
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.tasks.death() => {}
            () = abort.cancelled() => {}
        }
        self.health.set(Readiness::Stopping);
        tracing::info!("stopping");
        let graceful = abort.run_until_cancelled(self.drain()).await.is_some();
        self.close.cancel();
        self.abort.cancel();
        self.tasks.abort();
        if let Some(sentence) = self.tasks.dead() {
            bail!(sentence);
        }
        if !graceful {
            bail!("aborted before the requests were answered");
        }
        tracing::info!("stopped");
        Ok(())
    }

    async fn drain(&mut self) {
        sleep(Duration::from_millis(self.http.drain_delay_ms)).await;
        self.close.cancel();
        let deadline = Instant::now() + Duration::from_millis(self.http.drain_timeout_ms);
        self.writes.close();
        let requests = async {
            for front in &mut self.fronts {
                // A listener that panicked has no requests left to wait for.
                let _ = front.await;
            }
            self.writes.wait().await;
        };
        if timeout_at(deadline, requests).await.is_err() {
            tracing::warn!("the drain timeout is over: the requests that are left are cut off");
        }
        let deadline = deadline.max(Instant::now() + LAST_WORDS);
        if timeout_at(deadline, self.tasks.finish()).await.is_err() {
            tracing::warn!("the drain timeout is over: the tasks that are left are cut off");
        }
    }
}
