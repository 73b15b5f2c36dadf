//! Claim 14: an author with a million followers, and one article that everybody reads and favorites at once.

mod counting;
mod wire;

use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Method;
use magnitude_ids::Bucket;
use magnitude_load::{
    client, instance,
    report::{Figure, median},
};
use reqwest::Client;
use serde_json::Value;

use crate::{
    check::{self, Found},
    crowd,
    load::{bucket_of, count, id_of},
    run::{Options, Run},
    untold, wait,
};
use counting::Counting;
use wire::{Ask, Busy, keep_busy};

const NAME: &str = "celebrity";
const TITLE: &str = "an author has a million followers, and everybody reads and favorites one article";
/// Registering hashes a password: more at once would only queue.
const REGISTRATIONS: usize = 2;
const READERS: usize = 32;
/// Beside the favorites: enough to keep the article hot, few enough to leave them room.
const LOOKERS: usize = 4;
/// What a commit takes on top where it waits for a copy in another region: then the row's lock is what counts, here it is two cores.
const FAR: Duration = Duration::from_millis(50);
/// The loads of the count that a reading instance may make in a second: of 50 changes, and one for each tenth of the rest.
const LOADS: f64 = 60.0;
/// More than there are slots, since each also waits for commits elsewhere.
const FANS: usize = 96;

const TURNED: Duration = Duration::from_mins(1);
/// How often the last one does it again where Redis was too slow to be told of a write: then an old count is shown for a moment.
const ATTEMPTS: usize = 2;

/// How much of everything.
struct Size {
    followers: usize,
    seconds: u64,
    rounds: usize,
}

/// What was made ready.
struct Scene {
    /// The instance that is asked, and where it tells of itself.
    address: String,
    operator: String,
    /// Slugs.
    article: String,
    ordinary: String,
    /// Sessions of those who favorite.
    fans: Vec<String>,
}

/// Figures of one comparison.
#[derive(Default)]
struct Rates {
    one_row: Vec<f64>,
    slots: Vec<f64>,
    /// Of those into one row, and in slots.
    refused: [usize; 2],
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    let mut run = Run::begin(NAME, TITLE, options);
    let size = if run.options.short {
        Size { followers: 10_000, seconds: 1, rounds: run.rounds(1, 1) }
    } else {
        Size { followers: 1_000_000, seconds: 5, rounds: run.rounds(5, 1) }
    };
    let scene = prepare(&run, &size).await?;
    run.fault(&format!("{} follow the author", size.followers));
    reads(&mut run, &scene, &size).await?;
    favorites(&mut run, &scene, &size).await?;
    reads_beside(&mut run, &scene, &size).await?;
    exact(&mut run, &scene).await?;
    run.end().await
}

async fn prepare(run: &Run, size: &Size) -> anyhow::Result<Scene> {
    let (http, stack) = (client::http()?, run.stack()?);
    let instance = stack.services.get("articles").and_then(|instances| instances.first()).context("no instance of articles")?;
    let author = async || {
        let token = client::register(&http, &stack.url).await?;
        client::publish(&http, &stack.url, &token, 1, &[]).await
    };
    let (article, ordinary) = (author().await?, author().await?);
    let fans = stream::iter(0..FANS).map(|_| client::register(&http, &stack.url)).buffered(REGISTRATIONS).try_collect().await?;
    let (databases, owners) = (run.databases()?, run.owners().await?);
    let id = id_of(&article).context("a slug without an id")?;
    let author = owners.author_of(&databases, id).await?;
    crowd::follow(&databases, &owners, author, size.followers, &Bucket::all().collect::<Vec<_>>()).await?;
    Ok(Scene { address: instance.public.clone(), operator: instance.operator.clone(), article, ordinary, fans })
}

/// The article beside one of an author whom nobody knows, in turn.
async fn reads(run: &mut Run, scene: &Scene, size: &Size) -> anyhow::Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        theirs.push(read(scene, &scene.ordinary, READERS, size.seconds).await?);
        ours.push(read(scene, &scene.article, READERS, size.seconds).await?);
    }
    let ratio = median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect());
    run.figure(Figure::at_least("hot reads of the article beside those of an unknown author's", ratio, "ratio", 0.9));
    run.figure(Figure::shown("hot reads of the article", median(ours), "1/s"));
    Ok(())
}

async fn read(scene: &Scene, slug: &str, readers: usize, seconds: u64) -> anyhow::Result<f64> {
    let asks = vec![vec![Ask::get(&format!("/api/articles/{slug}"))]; readers];
    Ok(keep_busy(&scene.address, asks, Duration::from_secs(seconds)).await?.rate)
}

/// Everybody favorites the article, with what they add in slots and in one row, in turn.
async fn favorites(run: &mut Run, scene: &Scene, size: &Size) -> anyhow::Result<()> {
    let (databases, owners) = (run.databases()?, run.owners().await?);
    let mut counting = Counting::of(&databases, &owners, bucket_of(&scene.article).context("a slug without an id")?).await?;
    let (mut here, mut far) = (Rates::default(), Rates::default());
    let measured = async {
        for _ in 0..size.rounds {
            for (rates, longer) in [(&mut here, Duration::ZERO), (&mut far, FAR)] {
                counting.commits_take(longer).await?;
                counting.in_one_row().await?;
                let busy = favorite(scene, size.seconds).await?;
                rates.one_row.push(busy.rate);
                rates.refused[0] += busy.refused;
                counting.in_slots().await?;
                let busy = favorite(scene, size.seconds).await?;
                rates.slots.push(busy.rate);
                rates.refused[1] += busy.refused;
            }
        }
        anyhow::Ok(())
    };
    let measured = measured.await;
    counting.restore().await?;
    measured?;
    for (rates, commits) in [(here, "commits as here"), (far, "commits of 50 ms more")] {
        let ratio = median(rates.slots.iter().zip(&rates.one_row).map(|(slots, row)| slots / row).collect());
        run.figure(Figure::at_least(format!("favorites beside those of one row, {commits}"), ratio, "ratio", 10.0));
        run.figure(Figure::shown(format!("favorites, {commits}"), median(rates.slots), "1/s"));
        run.figure(Figure::shown(format!("favorites into one row, {commits}"), median(rates.one_row), "1/s"));
        let [one_row, slots] = rates.refused.map(count);
        run.figure(Figure::shown(format!("refused of those into one row, {commits}"), one_row, "count"));
        run.figure(Figure::shown(format!("refused of those in slots, {commits}"), slots, "count"));
    }
    Ok(())
}

async fn favorite(scene: &Scene, seconds: u64) -> anyhow::Result<Busy> {
    keep_busy(&scene.address, fans(scene), Duration::from_secs(seconds)).await
}

/// Each turns the favorite on and off, all the time.
fn fans(scene: &Scene) -> Vec<Vec<Ask>> {
    let path = format!("/api/articles/{}/favorite", scene.article);
    let of = |token: &String| {
        [Method::POST, Method::DELETE].map(|method| Ask { method, path: path.clone(), token: Some(token.clone()) }).to_vec()
    };
    scene.fans.iter().map(of).collect()
}

/// While everybody favorites it, a read is still answered from the process.
async fn reads_beside(run: &mut Run, scene: &Scene, size: &Size) -> anyhow::Result<()> {
    let http = client::http()?;
    let loads = async || instance::metric(&http, &scene.operator, "cache_loads_total{keyspace=\"favorites\"}").await;
    // Until it is known how fast the count changes.
    let warm = size.seconds.min(2);
    tokio::try_join!(favorite(scene, warm), read(scene, &scene.article, LOOKERS, warm))?;
    let before = loads().await?;
    let (favorites, reads) = tokio::try_join!(favorite(scene, size.seconds), read(scene, &scene.article, LOOKERS, size.seconds))?;
    let loads = (loads().await? - before) / Duration::from_secs(size.seconds).as_secs_f64();
    run.figure(Figure::shown("favorites beside reads", favorites.rate, "1/s"));
    run.figure(Figure::shown("reads beside favorites", reads, "1/s"));
    run.figure(Figure::at_most("loads of the count beside both", loads, "1/s", LOADS));
    Ok(())
}

/// At the end all have favorited it, the last one sees all of them, and every count is what a recount says.
async fn exact(run: &mut Run, scene: &Scene) -> anyhow::Result<()> {
    let (http, url) = (client::http()?, format!("http://{}/api/articles/{}", scene.address, scene.article));
    let (mut seen, mut untold) = (0, untold::writes(run).await?);
    for token in &scene.fans {
        turn(&http, &url, token, Method::POST).await?;
        seen = favorites_count(&http, &url, token).await?;
    }
    let (fans, last) = (scene.fans.len(), scene.fans.last().context("nobody favorites it")?);
    for _ in 0..ATTEMPTS {
        let now = untold::writes(run).await?;
        if seen == fans || now <= untold {
            break;
        }
        run.tell(&format!("the last one sees {seen} of {fans}, and Redis was too slow to be told of a write: once more"));
        untold = now;
        for method in [Method::DELETE, Method::POST] {
            turn(&http, &url, last, method).await?;
        }
        seen = favorites_count(&http, &url, last).await?;
    }
    let violations = if seen == fans { Vec::new() } else { vec![format!("{fans} favorited the article, and the last one sees {seen}")] };
    run.found(Found { checker: "own reads", violations });
    let databases = run.databases()?;
    run.found(Found { checker: "jobs", violations: check::settled(&databases).await? });
    run.found(Found { checker: "counters", violations: check::counters(&databases).await? });
    run.found(Found { checker: "mirrors", violations: check::mirrors(&databases).await? });
    run.figure(Figure::shown("who favorited it", count(fans), "count"));
    Ok(())
}

/// Turns a favorite on or off. What is still under way of the others may keep it waiting, and refuse it.
async fn turn(http: &Client, url: &str, token: &str, method: Method) -> anyhow::Result<()> {
    let ask = async || {
        let request = http.request(method.clone(), format!("{url}/favorite")).header("authorization", format!("Token {token}"));
        let answer = request.send().await?;
        if [503, 504].contains(&answer.status().as_u16()) {
            return Ok(None);
        }
        answer.error_for_status()?;
        Ok(Some(()))
    };
    wait::until("a favorite", TURNED, wait::STEP, ask).await
}

async fn favorites_count(http: &Client, url: &str, token: &str) -> anyhow::Result<usize> {
    let answer: Value = http.get(url).header("authorization", format!("Token {token}")).send().await?.error_for_status()?.json().await?;
    Ok(usize::try_from(answer["article"]["favoritesCount"].as_u64().context("an article without a count")?)?)
}
