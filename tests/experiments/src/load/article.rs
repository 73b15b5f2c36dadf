use std::{collections::BTreeSet, time::Duration};

use magnitude_ids::{Bucket, Id};
use serde_json::Value;

use super::Outcome;

/// How old an answer may be for others than the writer while a part of the system is down.
const OTHERS: Duration = Duration::from_secs(5);

/// What its author knows of an article. Its body carries a version that counts from 1.
#[derive(Clone, Debug)]
pub struct Article {
    pub title: String,
    /// None unless the publication was acknowledged.
    pub slug: Option<String>,
    pub published: Outcome,
    /// The last version that was sent, whatever came of it.
    pub sent: u64,
    /// Versions that did not happen.
    pub failed: BTreeSet<u64>,
    /// Acknowledged versions, each with the time of the answer.
    acknowledged: Vec<(u64, Duration)>,
    /// The highest version that the author has read, and when.
    read: (u64, Duration),
    /// A write of unknown outcome may yet come: what is written after it could be overwritten by it.
    pub doubtful: bool,
}

impl Article {
    pub fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            slug: None,
            published: Outcome::Failed,
            sent: 1,
            failed: BTreeSet::new(),
            acknowledged: Vec::new(),
            read: (0, Duration::ZERO),
            doubtful: false,
        }
    }

    pub fn body(&self, version: u64) -> String {
        format!("version {version} of {}", self.title)
    }

    /// What came of sending a version, at `now`.
    pub fn told(&mut self, version: u64, outcome: Outcome, now: Duration) {
        self.sent = self.sent.max(version);
        match outcome {
            Outcome::Ok => self.acknowledged.push((version, now)),
            Outcome::Failed => drop(self.failed.insert(version)),
            Outcome::Unknown => self.doubtful = true,
        }
    }

    /// The highest version that was acknowledged, and when; version 0 if none was.
    pub fn acknowledged(&self) -> (u64, Duration) {
        self.acknowledged.last().copied().unwrap_or_default()
    }

    /// Judges what the author itself read in a request that began at `start`. None is a 404.
    pub fn read_by_author(&mut self, found: Option<u64>, start: Duration) -> Option<String> {
        let floor = self.acknowledged().max(self.read);
        let wrong = self.judge(found, floor, start);
        if let Some(version) = found {
            self.read = self.read.max((version, start));
        }
        wrong
    }

    /// The same for another reader, who may see what was true 5 s ago.
    pub fn read_by_other(&self, found: Option<u64>, start: Duration) -> Option<String> {
        let old_enough = |(_, at): &&(u64, Duration)| *at + OTHERS <= start;
        let floor = self.acknowledged.iter().rev().find(old_enough).copied().unwrap_or_default();
        self.judge(found, floor, start)
    }

    /// Whether a reader who knows version `floor` may find this.
    pub fn judge(&self, found: Option<u64>, (floor, since): (u64, Duration), start: Duration) -> Option<String> {
        let (title, known) = (&self.title, format!("version {floor}, known since {since:.3?}"));
        match found {
            None if floor > 0 => Some(format!("{title}: not found at {start:.3?}, after {known}")),
            Some(version) if version < floor => Some(format!("{title}: version {version} read at {start:.3?}, after {known}")),
            Some(version) if version > self.sent => Some(format!("{title}: version {version} was never sent")),
            Some(version) if self.failed.contains(&version) => {
                Some(format!("{title}: version {version} was read and is said to have failed"))
            }
            _ => None,
        }
    }
}

/// The version that an article's body carries.
pub fn version_in(body: &Value) -> Option<u64> {
    body["article"]["body"].as_str()?.strip_prefix("version ")?.split(' ').next()?.parse().ok()
}

/// The id at the end of a slug.
pub fn id_of(slug: &str) -> Option<Id> {
    slug.rsplit('-').next()?.parse().ok()
}

/// The bucket that a slug's id names.
pub fn bucket_of(slug: &str) -> Option<Bucket> {
    id_of(slug).map(Id::bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_author_s_reads_never_go_back() {
        let mut article = Article::new("t");
        article.told(1, Outcome::Ok, at(1));
        article.told(2, Outcome::Ok, at(2));

        assert_eq!(article.read_by_author(Some(2), at(3)), None);
        assert!(article.read_by_author(Some(1), at(4)).is_some_and(|told| told.contains("4.000s") && told.contains("3.000s")));
        assert!(article.read_by_author(None, at(4)).is_some());
    }

    #[test]
    fn what_was_read_stays_read_though_its_write_is_in_doubt() {
        let mut article = Article::new("t");
        article.told(1, Outcome::Ok, at(1));
        article.told(2, Outcome::Unknown, at(2));

        assert_eq!(article.read_by_author(Some(1), at(3)), None);
        assert_eq!(article.read_by_author(Some(2), at(4)), None);
        assert!(article.read_by_author(Some(1), at(5)).is_some());
    }

    #[test]
    fn others_may_see_what_was_true_five_seconds_ago() {
        let mut article = Article::new("t");
        article.told(1, Outcome::Ok, at(1));
        article.told(2, Outcome::Ok, at(10));

        assert_eq!(article.read_by_other(Some(1), at(14)), None);
        assert!(article.read_by_other(Some(1), at(15)).is_some());
    }

    #[test]
    fn a_version_that_failed_or_was_never_sent_must_not_be_found() {
        let mut article = Article::new("t");
        article.told(1, Outcome::Ok, at(1));
        article.told(2, Outcome::Failed, at(2));

        assert!(article.read_by_author(Some(2), at(3)).is_some());
        assert!(article.read_by_author(Some(3), at(3)).is_some());
    }
}
