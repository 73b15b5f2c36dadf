use std::{sync::Arc, time::Duration};

use rand::{RngExt, rngs::StdRng};
use reqwest::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::board::{Board, version};
use crate::load::{Client, Outcome};

/// Changes its articles one after another, and reads each at once with its own session: that one has no exception.
pub async fn write(client: Client, board: Arc<Board>, author: usize, mut random: StdRng, stop: CancellationToken) -> anyhow::Result<()> {
    let articles = board.of(author);
    let mut next = vec![1; articles.len()];
    while !stop.is_cancelled() {
        // The first author writes the hot one every other time.
        let place = if author == 0 && random.random_bool(0.5) { 0 } else { random.random_range(0..articles.len()) };
        let (article, token) = (articles[place], &board.tokens[author]);
        let path = format!("/articles/{}", article.slug);
        let change = json!({"article": {"description": format!("v{}", next[place])}});
        let reply = client.send(Method::PUT, &path, Some(token), Some(&change)).await;
        // One that failed or whose outcome is unknown may be there: its number is not used again.
        next[place] += 1;
        if reply.outcome != Outcome::Ok {
            board.failed();
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        article.answer(next[place] - 1);
        board.wrote();
        let read = client.get(&path, Some(token)).await;
        if read.outcome == Outcome::Ok {
            board.saw("its writer", article, version(&read.body["article"])?, next[place] - 1);
        } else {
            board.failed();
        }
    }
    Ok(())
}
