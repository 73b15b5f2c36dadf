use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use crate::{News, TokenHash, sessions::KEPT};

/// A revocation is remembered until no copy in Redis can contradict it: a copy lives for [`KEPT`], and the request that filled it may have
/// looked the session up a while before.
pub(crate) const REMEMBERED: Duration = KEPT.saturating_add(Duration::from_mins(1));
/// Some 30 MB. What does not fit makes the process look every session up for as long as it would have had to be remembered.
const MOST: usize = 250_000;
/// How long a process that just started waits for the first revocations before it believes Redis without them.
const START: Duration = Duration::from_secs(3);

/// The sessions that were revoked lately, whatever Redis says of them.
#[derive(Clone, Default)]
// A std lock: nothing is awaited while it is held.
pub(crate) struct Revoked(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    hashes: HashSet<TokenHash>,
    /// In the order in which they were learned.
    order: VecDeque<(Instant, TokenHash)>,
    /// Until then not all that should be are in here.
    overflown_until: Option<Instant>,
    begun: Option<Instant>,
    /// By feed: until when all revocations are known.
    complete: Vec<Option<Instant>>,
}

impl Revoked {
    pub fn contains(&self, hash: TokenHash) -> bool {
        self.known(|known| known.hashes.contains(&hash))
    }

    /// Whether a session that is not in here may be believed to be live because Redis says so.
    pub fn is_sure(&self, now: Instant) -> bool {
        self.known(|known| {
            let starting = known.begun.is_some_and(|begun| now < begun + START) && known.complete.contains(&None);
            !starting && known.overflown_until.is_none_or(|until| until <= now)
        })
    }

    /// From now on so many feeds tell of revocations.
    pub fn begin(&self, feeds: usize, now: Instant) {
        self.known(|known| (known.begun, known.complete) = (Some(now), vec![None; feeds]));
    }

    /// What a feed answered now to a question that began at `asked`.
    pub fn heard(&self, feed: usize, asked: Instant, news: News, now: Instant) {
        self.known(|known| {
            known.learn(news.hashes, now);
            if !news.all {
                known.overflow(now);
            }
            known.complete[feed] = known.complete[feed].max(asked.checked_sub(news.age));
        });
    }

    /// Until when a feed has told all.
    pub fn complete(&self, feed: usize) -> Option<Instant> {
        self.known(|known| known.complete[feed])
    }

    /// How old the knowledge is; of a process that heard nothing yet, how long it has waited.
    pub fn age(&self, now: Instant) -> Duration {
        self.known(|known| known.complete.iter().map(|complete| complete.or(known.begun)).min().flatten())
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// What was learned within the last `within`; nothing while a feed has not answered yet.
    pub fn news(&self, within: Duration, now: Instant) -> Option<News> {
        let age = self.age(now);
        self.known(|known| {
            if known.complete.contains(&None) {
                return None;
            }
            let lately = known.order.iter().rev().take_while(|(learned, _)| now.saturating_duration_since(*learned) <= within);
            let all = known.overflown_until.is_none_or(|until| until <= now);
            Some(News { hashes: lately.map(|(_, hash)| *hash).collect(), age, all })
        })
    }

    fn known<T>(&self, work: impl FnOnce(&mut Known) -> T) -> T {
        work(&mut self.0.lock().expect("no holder of this lock panics"))
    }
}

impl Known {
    fn learn(&mut self, hashes: Vec<TokenHash>, now: Instant) {
        while let Some((_, hash)) = self.order.pop_front_if(|(learned, _)| now.saturating_duration_since(*learned) > REMEMBERED) {
            self.hashes.remove(&hash);
        }
        for hash in hashes {
            if self.hashes.contains(&hash) {
                continue;
            }
            if self.order.len() >= MOST {
                return self.overflow(now);
            }
            self.hashes.insert(hash);
            self.order.push_back((now, hash));
        }
    }

    fn overflow(&mut self, now: Instant) {
        if self.overflown_until.is_none_or(|until| until <= now) {
            tracing::error!("more sessions were revoked than can be remembered: every session is looked up for a while");
        }
        self.overflown_until = Some(now + REMEMBERED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: Duration = Duration::from_millis(1);

    fn hash(number: usize) -> TokenHash {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        TokenHash(bytes)
    }

    fn news(numbers: std::ops::Range<usize>) -> News {
        News { hashes: numbers.map(hash).collect(), age: Duration::ZERO, all: true }
    }

    fn tell(revoked: &Revoked, feed: usize, now: Instant, news: News) {
        revoked.heard(feed, now, news, now);
    }

    fn one_feed(now: Instant) -> Revoked {
        let revoked = Revoked::default();
        revoked.begin(1, now);
        revoked
    }

    #[test]
    fn a_revocation_is_forgotten_when_no_copy_can_contradict_it() {
        let start = Instant::now();
        let revoked = one_feed(start);
        tell(&revoked, 0, start, news(0..1));

        tell(&revoked, 0, start + REMEMBERED, news(0..0));
        assert!(revoked.contains(hash(0)));
        tell(&revoked, 0, start + REMEMBERED + ENOUGH, news(0..0));

        assert!(!revoked.contains(hash(0)));
    }

    #[test]
    fn more_than_fit_make_redis_not_believed_until_it_cannot_be_wrong() {
        let start = Instant::now();
        let revoked = one_feed(start);
        tell(&revoked, 0, start, news(0..MOST));
        assert!(revoked.is_sure(start));

        tell(&revoked, 0, start + ENOUGH, news(0..MOST + 1));

        assert!(!revoked.is_sure(start + REMEMBERED));
        assert!(!revoked.news(REMEMBERED, start + ENOUGH).unwrap().all);
        assert!(revoked.is_sure(start + REMEMBERED + ENOUGH));
    }

    #[test]
    fn redis_is_believed_once_every_feed_has_answered_or_the_wait_is_over() {
        let start = Instant::now();
        let revoked = Revoked::default();
        assert!(revoked.is_sure(start), "nobody is asked");
        revoked.begin(2, start);

        tell(&revoked, 0, start, news(0..0));
        assert!(!revoked.is_sure(start) && revoked.news(REMEMBERED, start).is_none());
        assert!(revoked.is_sure(start + START));
        tell(&revoked, 1, start, news(0..0));

        assert!(revoked.is_sure(start) && revoked.news(REMEMBERED, start).is_some());
    }

    #[test]
    fn knowledge_is_as_old_as_that_of_the_feed_that_is_furthest_behind() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let revoked = Revoked::default();
        revoked.begin(2, start);
        tell(&revoked, 0, start + 5 * second, news(0..0));
        assert_eq!(revoked.age(start + 5 * second), 5 * second);

        tell(&revoked, 1, start + 5 * second, News { age: 2 * second, ..news(0..0) });

        assert_eq!(revoked.age(start + 5 * second), 2 * second);
        assert_eq!(revoked.complete(1), Some(start + 3 * second));
    }

    #[test]
    fn only_what_was_learned_lately_is_told() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let revoked = one_feed(start);
        tell(&revoked, 0, start, news(0..1));
        tell(&revoked, 0, start + 5 * second, news(0..2));

        let told = revoked.news(2 * second, start + 5 * second).unwrap();

        assert_eq!(told.hashes, [hash(1)]);
    }
}
