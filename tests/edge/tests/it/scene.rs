use std::time::Duration;

use magnitude_edge::{Answer, Mood, Origin, Point, Thing, ask, hash};
use magnitude_kit::{eventually_within, until};

/// Longer than the manager of the caches sleeps.
const BOUND: Duration = Duration::from_mins(1);
/// Within this nothing gives up: nginx waits five seconds for an origin.
pub const SOON: Duration = Duration::from_secs(4);

pub struct Scene {
    pub origin: Origin,
    pub point: Point,
}

impl Scene {
    pub async fn new() -> Self {
        let origin = Origin::start().expect("an origin");
        let point = Point::before(origin.address()).await.expect("a point of presence");
        Self { origin, point }
    }

    /// Publishes an object; its path.
    pub fn object(&self, content: &[u8]) -> String {
        let path = path(content);
        self.origin.put(&path, Thing::of(content.to_vec()));
        path
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.point.address, "GET", path, headers).await.expect("an answer")
    }

    /// Asks until the answer is as wanted, and returns it.
    pub async fn get_until(&self, path: &str, what: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        until(BOUND, what, async || {
            let answer = self.get(path).await;
            if wanted(&answer) { Ok(answer) } else { Err(format!("the last answer is {} {:?}", answer.status, answer.cache())) }
        })
        .await
    }

    /// Waits until the origin is asked again: for some seconds after one that kept silent it is not.
    pub async fn origin_is_asked(&self) {
        self.origin.feel(Mood::Well);
        let fresh = self.object(format!("object {}", self.origin.asked_at_all()).as_bytes());
        self.get_until(&fresh, "the origin is asked", |answer| answer.status == 200).await;
    }

    /// Asks until what is kept has expired: the answer that said so.
    pub async fn expired(&self, path: &str) -> Answer {
        self.get_until(path, "it expires", |answer| answer.cache() != "HIT").await
    }
}

pub fn path(content: &[u8]) -> String {
    format!("/objects/{}", hash(content))
}

/// What the first attempt saw that was not too late to see it: a busy machine may let the time pass that is looked into.
pub async fn in_time<T>(mut attempt: impl AsyncFnMut(usize) -> Option<T>) -> T {
    for number in 0..20 {
        if let Some(seen) = attempt(number).await {
            return seen;
        }
    }
    panic!("each of twenty attempts was too late");
}

/// Waits for a state, at most a minute.
pub async fn eventually(what: &str, state: impl AsyncFnMut() -> bool) {
    eventually_within(BOUND, what, state).await;
}
