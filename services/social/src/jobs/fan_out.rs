use magnitude_contract::social::About;
use magnitude_ids::{Bucket, Id};
use magnitude_jobs::{Context, Job, JobError, Lane, Options};
use serde::{Deserialize, Serialize};

use crate::{App, jobs::NotifyPage, store::followers};

/// Followers in a page: a few seconds of work at most.
const PAGE: i64 = 5_000;

/// Tells an author's followers of a new article: splits them into pages, each a job of its own. Those who follow from now on may be left out.
#[derive(Debug, Serialize, Deserialize)]
pub struct FanOut {
    pub author: Id,
    pub article: About,
}

impl Job for FanOut {
    type State = App;
    const KIND: &'static str = "FanOut";

    async fn run(&self, app: &App, context: &Context) -> Result<(), JobError> {
        let pages = pages(&followers::by_home(&app.shards, self.author).await?);
        let mut write = context.write(self.author.bucket()).await?;
        for (first, last) in pages {
            let page = NotifyPage { author: self.author, article: self.article.clone(), first, last };
            context.child(&mut write, &page, Options { lane: Some(Lane::Bulk), ..Options::default() }).await?;
        }
        write.commit().await?;
        Ok(())
    }
}

/// Ranges of buckets with about [`PAGE`] followers each.
fn pages(by_home: &[(i32, i64)]) -> Vec<(Bucket, Bucket)> {
    let homes = by_home.iter().filter_map(|(home, count)| Some((Bucket::new(u16::try_from(*home).ok()?)?, *count)));
    let (mut pages, mut filled) = (Vec::<(Bucket, Bucket)>::new(), PAGE);
    for (home, count) in homes {
        if let Some((_, last)) = pages.last_mut().filter(|_| filled < PAGE) {
            (*last, filled) = (home, filled + count);
        } else {
            pages.push((home, home));
            filled = count;
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_every_bucket_once_and_are_of_bounded_size() {
        let by_home: Vec<_> = (0..4_096).map(|home| (home, 244)).collect();

        let pages = pages(&by_home);

        let mut next = 0;
        for (first, last) in &pages {
            assert_eq!(first.number(), next);
            assert!(i64::from(last.number() - first.number() + 1) * 244 < PAGE + 244);
            next = last.number() + 1;
        }
        assert_eq!(next, 4_096);
        assert!(super::pages(&[]).is_empty());
    }
}
