use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::Context;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::JoinSet,
};

use crate::Thing;

/// Connections that may wait to be accepted.
const WAITING: u32 = 1024;

/// An origin that counts what it is asked, and is away when it is told to. What it does not hold it asks of whoever is behind it.
pub struct Origin {
    address: SocketAddr,
    /// Bound to the address and never listening: nobody else gets it while this is away, and who connects then is refused.
    _port: TcpSocket,
    shared: Arc<Shared>,
    serving: Mutex<JoinSet<()>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    #[default]
    Well,
    /// Takes requests and answers none until its mood changes; then all of them.
    Silent,
    /// 503, as a load balancer without instances.
    Failing,
}

#[derive(Default)]
struct Shared {
    things: Mutex<HashMap<String, Thing>>,
    asked: Mutex<Vec<(String, HeaderMap)>>,
    received: AtomicUsize,
    mood: watch::Sender<Mood>,
    /// Where everything comes from that is not held here: `http://host:port`.
    behind: Option<String>,
    client: reqwest::Client,
    /// How many seconds objects last, if not as long as who makes them says.
    shortened: Mutex<Option<u32>>,
}

impl Origin {
    /// On a free port of the loopback, with nothing behind it.
    pub fn start() -> anyhow::Result<Self> {
        Self::before(None)
    }

    /// The same, in front of another server (`http://host:port`).
    pub fn before(behind: Option<String>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let shared = Arc::new(Shared { behind, client, ..Shared::default() });
        let port = bind("127.0.0.1:0".parse()?)?;
        let origin = Self { address: port.local_addr()?, _port: port, shared, serving: Mutex::default() };
        origin.come_back()?;
        Ok(origin)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn put(&self, path: &str, thing: Thing) {
        locked(&self.shared.things).insert(path.to_owned(), thing);
    }

    /// How often it was asked for this path, with its query.
    pub fn asked(&self, path: &str) -> usize {
        locked(&self.shared.asked).iter().filter(|(asked, _)| asked == path).count()
    }

    /// How often it was asked for anything.
    pub fn asked_at_all(&self) -> usize {
        locked(&self.shared.asked).len()
    }

    /// The headers of the last request for this path.
    pub fn last(&self, path: &str) -> Option<HeaderMap> {
        locked(&self.shared.asked).iter().rev().find(|(asked, _)| asked == path).map(|(_, headers)| headers.clone())
    }

    /// How many bytes of bodies have come.
    pub fn received(&self) -> usize {
        self.shared.received.load(Ordering::SeqCst)
    }

    pub fn feel(&self, mood: Mood) {
        self.shared.mood.send_replace(mood);
    }

    /// Lets objects last so many seconds, whatever they say.
    pub fn shorten(&self, seconds: Option<u32>) {
        *locked(&self.shared.shortened) = seconds;
    }

    /// Ends every connection, and refuses new ones.
    pub async fn leave(&self) {
        let mut serving = std::mem::take(&mut *locked(&self.serving));
        serving.shutdown().await;
    }

    /// Listens again where it did.
    pub fn come_back(&self) -> anyhow::Result<()> {
        let listener = bind(self.address)?.listen(WAITING)?;
        let router = Router::new().fallback(answer).with_state(self.shared.clone());
        locked(&self.serving).spawn(accept(listener, router));
        Ok(())
    }
}

/// Beside another that is bound to the same address by the same user, of which one may listen.
fn bind(address: SocketAddr) -> anyhow::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address).with_context(|| format!("{address} is taken"))?;
    Ok(socket)
}

/// Its connections end with it.
async fn accept(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let headers = request.headers().clone();
    locked(&shared.asked).push((path.clone(), headers.clone()));
    let mut mood = shared.mood.subscribe();
    // The sender lives as long as this does.
    let mood = mood.wait_for(|mood| *mood != Mood::Silent).await.map_or(Mood::Well, |mood| *mood);
    if mood == Mood::Failing {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let thing = locked(&shared.things).get(&path).cloned();
    let rest = read(shared.clone(), request.into_body());
    // Who hangs up on what is still sent is not heard.
    if thing.as_ref().is_some_and(|thing| thing.hasty) {
        drop(tokio::spawn(rest));
    } else {
        rest.await;
    }
    let mut answer = match (thing, &shared.behind) {
        (Some(thing), _) => thing.answer(&headers),
        (None, Some(behind)) => {
            pass(&shared.client, &format!("{behind}{path}"), &headers).await.unwrap_or(StatusCode::BAD_GATEWAY.into_response())
        }
        (None, None) => StatusCode::NOT_FOUND.into_response(),
    };
    if let Some(seconds) = locked(&shared.shortened).filter(|_| path.starts_with("/objects/")) {
        let lasting = HeaderValue::from_str(&format!("public, max-age={seconds}")).expect("digits are a header");
        answer.headers_mut().insert(header::CACHE_CONTROL, lasting);
    }
    answer
}

async fn read(shared: Arc<Shared>, mut body: Body) {
    while let Some(Ok(frame)) = body.frame().await {
        shared.received.fetch_add(frame.data_ref().map_or(0, bytes::Bytes::len), Ordering::SeqCst);
    }
}

/// What another server answers to the same question.
async fn pass(client: &reqwest::Client, url: &str, asked: &HeaderMap) -> anyhow::Result<Response> {
    let mut request = client.get(url);
    for name in [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
        request = asked.get(&name).into_iter().fold(request, |request, value| request.header(&name, value));
    }
    let told = request.send().await?;
    let (status, mut headers) = (told.status(), told.headers().clone());
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    Ok((status, headers, told.bytes().await?).into_response())
}

/// What is locked here is only ever replaced whole.
fn locked<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
