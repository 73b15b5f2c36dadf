use std::time::{Duration, Instant};

use magnitude_limit::{Limiter, Rate, Settings, TooMany};
use magnitude_redis::Redis;

use crate::server::{Server, eventually};

pub const RATE: Rate = Rate { per_second: 1.0, burst: 4.0 };
/// Nothing comes back while a test runs.
const SLOW: Rate = Rate { per_second: 0.001, burst: 4.0 };
pub const SETTINGS: Settings = Settings { instances: 2, factor: 1.0, writes_per_user: RATE, writes_per_address: RATE };

fn limiter(redis: &magnitude_redis::Settings) -> Limiter {
    Limiter::new(redis, "notes", SETTINGS).unwrap()
}

/// How many of `tries` pass.
async fn passed(limiter: &Limiter, whom: &str, tries: usize) -> usize {
    let mut passed = 0;
    for _ in 0..tries {
        passed += usize::from(limiter.check(&[("a", whom, SLOW)]).await.is_ok());
    }
    passed
}

async fn keys(settings: &magnitude_redis::Settings) -> Vec<String> {
    let (keys,) = Redis::new(settings).unwrap().nodes()[0].run(redis::pipe().cmd("KEYS").arg("*")).await.unwrap();
    keys
}

/// Uses up a burst through two processes and waits until one more is let through; no if it was too slow to see that nothing comes before.
async fn share_a_burst(one: &Limiter, two: &Limiter, whom: &str) -> bool {
    // One in five seconds: by the server's clock, not by this one.
    const ONE: Duration = Duration::from_millis(4_900);
    let (slow, other) = (Rate { per_second: 0.2, ..RATE }, format!("not {whom}"));
    let begun = Instant::now();
    for limiter in [one, one, two, two] {
        assert_eq!(limiter.check(&[("a", whom, slow)]).await, Ok(()));
    }

    let told = two.check(&[("a", whom, slow)]).await;
    if begun.elapsed() >= ONE {
        return false;
    }
    assert!(matches!(told, Err(TooMany { retry_after_s: 1..=5 })), "{told:?}");
    assert_eq!(one.check(&[("a", other.as_str(), slow)]).await, Ok(()));

    eventually("it passes", async || one.check(&[("a", whom, slow)]).await.is_ok()).await;
    assert!(begun.elapsed() >= ONE, "{:?}", begun.elapsed());
    let told = two.check(&[("a", whom, slow)]).await;
    if begun.elapsed() >= 2 * ONE {
        return false;
    }
    assert!(matches!(told, Err(TooMany { retry_after_s: 1..=5 })), "{told:?}");
    true
}

#[tokio::test]
async fn two_processes_share_a_burst_and_are_let_through_when_they_were_told() {
    let server = Server::start();
    let (one, two) = (limiter(&server.settings()), limiter(&server.settings()));
    let mut number = 0;
    while !share_a_burst(&one, &two, &number.to_string()).await {
        number += 1;
        assert!(number < 20, "no burst was quick enough");
    }
}

#[tokio::test]
async fn how_long_to_wait_is_rounded_up() {
    let server = Server::start();
    let (limiter, rate) = (limiter(&server.settings()), Rate { per_second: 2.0 / 21.0, burst: 1.0 });
    for number in 0..20 {
        let (whom, begun) = (number.to_string(), Instant::now());
        limiter.check(&[("a", whom.as_str(), rate)]).await.unwrap();
        let told = limiter.check(&[("a", whom.as_str(), rate)]).await;

        // Of ten and a half seconds more than ten are left, on a machine that is not too busy.
        if begun.elapsed() < Duration::from_millis(500) {
            assert_eq!(told, Err(TooMany { retry_after_s: 11 }));
            return;
        }
    }
    panic!("no two requests came quickly enough");
}

#[tokio::test]
async fn a_request_that_one_limit_refuses_is_charged_to_none() {
    let server = Server::start();
    let limiter = limiter(&server.settings());
    assert_eq!(passed(&limiter, "ann", 9).await, 4);

    assert!(limiter.check(&[("b", "ann", SLOW), ("a", "ann", SLOW)]).await.is_err());

    assert_eq!(keys(&server.settings()).await.len(), 1);
}

#[tokio::test]
async fn the_limits_of_a_request_may_lie_on_several_nodes() {
    let servers = [Server::start(), Server::start()];
    let nodes = servers.iter().flat_map(|server| server.settings().nodes).collect();
    // One password for both.
    for server in &servers {
        let mut open = redis::pipe();
        open.cmd("CONFIG").arg(&["SET", "requirepass", ""]).ignore();
        Redis::new(&server.settings()).unwrap().nodes()[0].run::<()>(&open).await.unwrap();
    }
    let limiter = limiter(&magnitude_redis::Settings { nodes, password: String::new(), ..servers[0].settings() });
    let once = Rate { burst: 1.0, ..SLOW };
    let people: Vec<String> = (0..16).map(|number| number.to_string()).collect();
    let limits: Vec<_> = people.iter().map(|whom| ("a", whom.as_str(), once)).collect();

    assert_eq!(limiter.check(&limits).await, Ok(()));

    for limit in limits {
        assert!(limiter.check(&[limit]).await.is_err(), "{limit:?}");
    }
}

#[tokio::test]
async fn what_is_no_time_of_this_limit_is_replaced() {
    let server = Server::start();
    for value in ["", "nonsense", "nan", "-1", "9999999999999999999", "1e300"] {
        let (limiter, settings) = (limiter(&server.settings()), server.settings());
        assert_eq!(passed(&limiter, value, 1).await, 1);
        let key = keys(&settings).await.pop().unwrap();
        Redis::new(&settings).unwrap().nodes()[0].run::<()>(redis::pipe().set(&key, value).ignore()).await.unwrap();

        assert_eq!(passed(&limiter, value, 9).await, 4, "{value}");
        Redis::new(&settings).unwrap().nodes()[0].run::<()>(redis::pipe().del(&key).ignore()).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_of_another_type_is_replaced() {
    let server = Server::start();
    let (limiter, settings) = (limiter(&server.settings()), server.settings());
    assert_eq!(passed(&limiter, "ann", 1).await, 1);
    let key = keys(&settings).await.pop().unwrap();
    let mut list = redis::pipe();
    list.del(&key).lpush(&key, "x").ignore();
    Redis::new(&settings).unwrap().nodes()[0].run::<Vec<i64>>(&list).await.unwrap();

    assert_eq!(passed(&limiter, "ann", 9).await, 4);
}

#[tokio::test]
async fn without_redis_or_with_a_full_one_a_process_applies_its_share() {
    let (mut dead, full) = (Server::start(), Server::start());
    dead.stop();
    let mut pipe = redis::pipe();
    pipe.cmd("CONFIG").arg(&["SET", "maxmemory", "1"]).ignore();
    Redis::new(&full.settings()).unwrap().nodes()[0].run::<()>(&pipe).await.unwrap();

    for server in [&dead, &full] {
        let limiter = limiter(&server.settings());

        assert_eq!(passed(&limiter, "ann", 9).await, 2);
        let told = limiter.check(&[("a", "ann", SLOW)]).await;
        // Half as many come as where both share them.
        assert!(matches!(told, Err(TooMany { retry_after_s: 1_001..=2_000 })), "{told:?}");
        assert_eq!(passed(&limiter, "bob", 1).await, 1);
    }
    dead.start_again();
    let limiter = limiter(&dead.settings());
    assert_eq!(passed(&limiter, "ann", 9).await, 4);
}

#[tokio::test]
async fn a_key_goes_when_it_owes_nothing() {
    let server = Server::start();
    limiter(&server.settings()).check(&[("a", "ann", RATE)]).await.unwrap();

    eventually("the key is gone", async || keys(&server.settings()).await.is_empty()).await;
}

#[test]
fn limits_that_cannot_be_are_refused() {
    let redis = || Server::start().settings();
    let never = Rate { per_second: 0.0, burst: 1.0 };
    for wrong in
        [Settings { instances: 0, ..SETTINGS }, Settings { factor: 0.0, ..SETTINGS }, Settings { writes_per_address: never, ..SETTINGS }]
    {
        assert!(Limiter::new(&redis(), "notes", wrong).is_err(), "{wrong:?}");
    }
}
