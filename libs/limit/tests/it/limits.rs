use std::time::{Duration, Instant};

use magnitude_limit::{Limiter, Rate, Settings, TooMany};
use magnitude_redis::Redis;

use crate::server::{Server, eventually};

pub const RATE: Rate = Rate { per_second: 1.0, burst: 4.0 };
pub const SETTINGS: Settings = Settings { instances: 2, factor: 1.0, writes_per_user: RATE, writes_per_address: RATE };

fn limiter(redis: &magnitude_redis::Settings) -> Limiter {
    Limiter::new(redis, "notes", SETTINGS).unwrap()
}

/// How many of `tries` pass.
async fn passed(limiter: &Limiter, whom: &str, tries: usize) -> usize {
    let mut passed = 0;
    for _ in 0..tries {
        passed += usize::from(limiter.check(&[("a", whom, RATE)]).await.is_ok());
    }
    passed
}

async fn keys(settings: &magnitude_redis::Settings) -> Vec<String> {
    let (keys,) = Redis::new(settings).unwrap().nodes()[0].run(redis::pipe().cmd("KEYS").arg("*")).await.unwrap();
    keys
}

#[tokio::test]
async fn two_processes_share_a_burst_and_are_let_through_when_they_were_told() {
    let server = Server::start();
    let (one, two) = (limiter(&server.settings()), limiter(&server.settings()));
    // The burst fits into the five seconds of one, on a busy machine too.
    let slow = Rate { per_second: 0.2, ..RATE };
    let begun = Instant::now();
    for limiter in [&one, &one, &two, &two] {
        assert_eq!(limiter.check(&[("a", "ann", slow)]).await, Ok(()));
    }

    let told = two.check(&[("a", "ann", slow)]).await;
    assert!(matches!(told, Err(TooMany { retry_after_s: 1..=5 })), "{told:?}");
    assert_eq!(one.check(&[("a", "bob", slow)]).await, Ok(()));

    eventually("it passes", async || one.check(&[("a", "ann", slow)]).await.is_ok()).await;
    // By the server's clock, not by this one.
    assert!(begun.elapsed() >= Duration::from_millis(4_900), "{:?}", begun.elapsed());
    let told = two.check(&[("a", "ann", slow)]).await;
    assert!(matches!(told, Err(TooMany { retry_after_s: 1..=5 })), "{told:?}");
}

#[tokio::test]
async fn how_long_to_wait_is_rounded_up() {
    let server = Server::start();
    let (limiter, rate) = (limiter(&server.settings()), Rate { per_second: 0.4, burst: 1.0 });
    limiter.check(&[("a", "ann", rate)]).await.unwrap();

    assert_eq!(limiter.check(&[("a", "ann", rate)]).await, Err(TooMany { retry_after_s: 3 }));
}

#[tokio::test]
async fn a_request_that_one_limit_refuses_is_charged_to_none() {
    let server = Server::start();
    let limiter = limiter(&server.settings());
    assert_eq!(passed(&limiter, "ann", 9).await, 4);

    assert!(limiter.check(&[("b", "ann", RATE), ("a", "ann", RATE)]).await.is_err());

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
    let once = Rate { burst: 1.0, ..RATE };
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
        assert_eq!(limiter.check(&[("a", "ann", RATE)]).await, Err(TooMany { retry_after_s: 2 }));
        assert_eq!(passed(&limiter, "bob", 1).await, 1);
    }
    dead.start_again();
    let limiter = limiter(&dead.settings());
    assert_eq!(passed(&limiter, "ann", 9).await, 4);
}

#[tokio::test]
async fn a_key_goes_when_it_owes_nothing() {
    let server = Server::start();
    assert_eq!(passed(&limiter(&server.settings()), "ann", 1).await, 1);
    let begun = Instant::now();

    eventually("the key is gone", async || keys(&server.settings()).await.is_empty()).await;

    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
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
