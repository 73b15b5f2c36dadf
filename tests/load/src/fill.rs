//! Fills the databases as clients would have.

use std::time::Instant;

use anyhow::ensure;
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{client, stack::Stack};

/// Registering hashes a password: more at once would only queue.
const REGISTRATIONS: usize = 4;
/// What the API takes of tags for one article.
const MOST_TAGS: usize = 20;

#[derive(Args)]
pub struct Fill {
    #[arg(long, default_value_t = 10_000, value_parser = crate::fill::upto)]
    articles: usize,
    /// Different tags over all articles.
    #[arg(long, default_value_t = 5_000, value_parser = crate::fill::upto)]
    tags: usize,
    #[arg(long, default_value_t = 50, value_parser = crate::fill::upto)]
    authors: usize,
    /// Requests at once.
    #[arg(long, default_value_t = 16, value_parser = crate::fill::upto)]
    in_flight: usize,
}

/// A count from 1 to ten million.
pub fn upto(text: &str) -> Result<usize, String> {
    let count = text.replace('_', "").parse().map_err(|_| "not a number".to_owned())?;
    if (1..=10_000_000).contains(&count) { Ok(count) } else { Err("not between 1 and 10 000 000".to_owned()) }
}

impl Fill {
    pub async fn run(self, stack: &Stack) -> anyhow::Result<()> {
        let each = self.tags.div_ceil(self.articles).max(2);
        ensure!(each <= MOST_TAGS, "{} articles cannot carry {} tags", self.articles, self.tags);
        let (http, started) = (client::http()?, Instant::now());
        let registrations = (0..self.authors).map(|_| client::register(&http, &stack.url));
        let authors: Vec<String> = stream::iter(registrations).buffer_unordered(REGISTRATIONS).try_collect().await?;
        eprintln!("{} authors after {:.0?}", authors.len(), started.elapsed());

        let articles = (0..self.articles).map(|number| {
            let (http, token, tags) = (&http, &authors[number % authors.len()], self.tags_of(number, each));
            async move { client::publish(http, &stack.url, token, number, &tags).await }
        });
        let mut made = stream::iter(articles).buffer_unordered(self.in_flight).enumerate();
        let step = (self.articles / 20).max(1);
        while let Some((done, slug)) = made.next().await {
            slug?;
            if (done + 1) % step == 0 {
                eprintln!("{} of {} articles after {:.0?}", done + 1, self.articles, started.elapsed());
            }
        }
        println!("filled: {} articles, {} tags, {} authors in {:.1?}", self.articles, self.tags, self.authors, started.elapsed());
        Ok(())
    }

    /// Consecutive tags, so that all articles together use every tag.
    fn tags_of(&self, number: usize, each: usize) -> Vec<String> {
        let each = each.min(self.tags);
        (0..each).map(|place| format!("topic-{}", (number * each + place) % self.tags)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Fill;

    #[test]
    fn all_articles_together_use_every_tag() {
        for (articles, tags) in [(10_000, 5_000), (10, 200), (7, 1), (1, 20)] {
            let fill = Fill { articles, tags, authors: 1, in_flight: 1 };
            let each = tags.div_ceil(articles).max(2);
            let used: HashSet<_> = (0..articles).flat_map(|number| fill.tags_of(number, each)).collect();
            assert_eq!(used.len(), tags);
        }
    }
}
