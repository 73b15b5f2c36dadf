use std::{collections::HashMap, sync::Arc, time::Duration};

use rand::{RngExt, rngs::StdRng};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::board::{Board, version};
use crate::load::{Client, Outcome};

/// Between two reads of one reader: together they must not make any but the hot article hot.
const PAUSE: Duration = Duration::from_millis(10);

/// Anybody, who reads any article but the hot one, or the list of an author.
pub async fn read(client: Client, board: Arc<Board>, mut random: StdRng, stop: CancellationToken) -> anyhow::Result<()> {
    while !stop.is_cancelled() {
        sleep(PAUSE).await;
        if random.random_bool(0.1) {
            list(&client, &board, random.random_range(0..board.names.len())).await?;
            continue;
        }
        let article = &board.articles[random.random_range(1..board.articles.len())];
        let answered = article.answered();
        let read = client.get(&format!("/articles/{}", article.slug), None).await;
        if read.outcome == Outcome::Ok {
            board.saw("a reader", article, version(&read.body["article"])?, answered);
        } else {
            board.failed();
        }
    }
    Ok(())
}

async fn list(client: &Client, board: &Board, author: usize) -> anyhow::Result<()> {
    let answered: HashMap<&str, u64> = board.of(author).iter().map(|article| (&*article.slug, article.answered())).collect();
    let read = client.get(&format!("/articles?author={}&limit=100", board.names[author]), None).await;
    if read.outcome != Outcome::Ok {
        board.failed();
        return Ok(());
    }
    for entry in read.body["articles"].as_array().map_or(&[][..], Vec::as_slice) {
        let slug = entry["slug"].as_str().unwrap_or_default();
        let Some(article) = board.by_slug(slug).filter(|article| article.slug != board.hot().slug) else { continue };
        board.saw("a list's reader", article, version(entry)?, answered[&*article.slug]);
    }
    Ok(())
}

/// One of those who all read the hot article, as fast as they are answered.
pub async fn crowd(client: Client, board: Arc<Board>, stop: CancellationToken) -> anyhow::Result<()> {
    let path = format!("/articles/{}", board.hot().slug);
    while !stop.is_cancelled() {
        let (answered, asked) = (board.hot().answered(), Instant::now());
        let read = client.get(&path, None).await;
        if read.outcome == Outcome::Ok {
            board.saw_hot(version(&read.body["article"])?, answered, asked);
        } else {
            board.failed();
        }
        sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
