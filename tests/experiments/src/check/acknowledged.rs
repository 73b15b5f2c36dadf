use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    load::{Article, Author, Client, Outcome, Record, Reply},
    wait,
};

/// What a page of a list holds at most.
const PAGE: usize = 100;
const AT_ONCE: usize = 4;
/// The load is over: an answer that fails is asked for again, so that a checker never mistakes a late recovery for a loss.
const PATIENCE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(500);

/// Every acknowledged publication is there exactly once, a failed one nowhere, one of unknown outcome at most once; and what is there is the
/// last acknowledged version or a later one that was sent.
pub async fn acknowledged(record: &Record) -> anyhow::Result<Vec<String>> {
    let found = stream::iter(&record.authors).map(|author| of_author(&record.client, author)).buffered(AT_ONCE);
    Ok(found.try_collect::<Vec<_>>().await?.concat())
}

async fn of_author(client: &Client, author: &Author) -> anyhow::Result<Vec<String>> {
    let listed = listed(client, author).await?;
    let mut wrong: Vec<_> = author.articles.iter().filter_map(|article| times(article, listed.get(&article.title).copied())).collect();
    let made: Vec<_> = author.articles.iter().map(|article| &article.title).collect();
    wrong.extend(listed.keys().filter(|title| !made.contains(title)).map(|title| format!("{title}: nobody published it")));
    for article in &author.articles {
        wrong.extend(last_version(client, author, article).await?);
    }
    Ok(wrong)
}

/// How often each title is in the author's list.
async fn listed(client: &Client, author: &Author) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut listed = BTreeMap::new();
    for offset in (0..).step_by(PAGE) {
        let path = format!("/articles?author={}&limit={PAGE}&offset={offset}", author.name);
        let page = insist(client, &path, author).await?;
        let articles = page.body["articles"].as_array().context("a list without articles")?;
        for title in articles.iter().filter_map(|article| article["title"].as_str()) {
            *listed.entry(title.to_owned()).or_default() += 1;
        }
        if articles.len() < PAGE {
            break;
        }
    }
    Ok(listed)
}

fn times(article: &Article, listed: Option<usize>) -> Option<String> {
    let (title, times) = (&article.title, listed.unwrap_or(0));
    let right = match article.published {
        Outcome::Ok => times == 1,
        Outcome::Failed => times == 0,
        Outcome::Unknown => times <= 1,
    };
    (!right).then(|| format!("{title}: {times} times in its author's list, and its publication was {:?}", article.published))
}

async fn last_version(client: &Client, author: &Author, article: &Article) -> anyhow::Result<Option<String>> {
    let Some(slug) = &article.slug else { return Ok(None) };
    let reply = insist(client, &format!("/articles/{slug}"), author).await?;
    let found = crate::load::version_in(&reply.body);
    Ok(article.judge(found, article.acknowledged(), Duration::MAX))
}

/// An answer of 200 or 404.
async fn insist(client: &Client, path: &str, author: &Author) -> anyhow::Result<Reply> {
    let answer = async || {
        let reply = client.get(path, Some(&author.token)).await;
        Ok(matches!(reply.status, Some(200 | 404)).then_some(reply))
    };
    wait::until(&format!("an answer to GET {path}"), PATIENCE, STEP, answer).await
}
