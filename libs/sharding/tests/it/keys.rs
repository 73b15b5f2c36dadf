use std::{pin::Pin, time::Duration};

use magnitude_kit::eventually;
use magnitude_sharding::{Answer, Begun, Error, Shards, Write, WriteId};

use crate::bench::{Bench, bucket};

fn key(body: &[u8]) -> WriteId {
    WriteId::from_key("ann", "POST /notes", "1", body)
}

async fn begin_new(shards: &Shards, id: &WriteId) -> Write {
    match shards.begin(bucket(7), id).await.unwrap() {
        Begun::New(write) => write,
        Begun::Repeated(answer) => panic!("already answered: {answer:?}"),
    }
}

/// A write that is begun once more, and has been seen to wait for the first.
async fn waiting<'a>(shards: &'a Shards, id: &'a WriteId) -> Pin<Box<impl Future<Output = Result<Begun, Error>> + 'a>> {
    let mut begun = Box::pin(shards.begin(bucket(7), id));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut begun).await.is_err(), "it did not wait");
    begun
}

async fn answer_once(shards: &Shards) {
    let mut write = begin_new(shards, &key(b"milk")).await;
    write.keep_answer(201, "done").await.unwrap();
    write.commit().await.unwrap();
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer() {
    let bench = Bench::new().await;
    answer_once(bench.shards()).await;

    let again = bench.shards().begin(bucket(7), &key(b"milk")).await.unwrap();

    let Begun::Repeated(answer) = again else { panic!("the write was begun twice") };
    assert_eq!(answer, Some(Answer { status: 201, body: "done".to_owned() }));
}

#[tokio::test]
async fn a_key_with_another_body_is_refused() {
    let bench = Bench::new().await;
    answer_once(bench.shards()).await;

    let other = bench.shards().begin(bucket(7), &key(b"eggs")).await;

    assert!(matches!(other, Err(Error::KeyReused)));
}

#[tokio::test]
async fn a_key_in_use_is_told_so_at_once() {
    let bench = Bench::new().await;
    let first = begin_new(bench.shards(), &key(b"milk")).await;

    let second = bench.shards().begin(bucket(7), &key(b"milk")).await;

    assert!(matches!(second, Err(Error::InProgress)));
    first.rollback().await;
}

#[tokio::test]
async fn a_key_of_a_dead_instance_is_waited_for() {
    let bench = Bench::new().await;
    let mut first = begin_new(bench.shards(), &key(b"milk")).await;
    first.keep_answer(201, "done").await.unwrap();

    let id = key(b"milk").outliving(true);
    let again = waiting(bench.shards(), &id).await;
    first.commit().await.unwrap();

    let Ok(Begun::Repeated(answer)) = again.await else { panic!("the write was begun twice") };
    assert_eq!(answer.map(|answer| answer.body).as_deref(), Some("done"));
}

fn request(again: bool) -> WriteId {
    WriteId::of_request("ann", "PUT /notes/1", "r").outliving(again)
}

#[tokio::test]
async fn a_request_of_a_dead_instance_is_waited_for() {
    let bench = Bench::new().await;
    let first = begin_new(bench.shards(), &request(false)).await;

    let id = request(true);
    let again = waiting(bench.shards(), &id).await;
    first.commit().await.unwrap();

    // There is no answer: none was kept.
    assert!(matches!(again.await, Ok(Begun::Repeated(None))));
}

#[tokio::test]
async fn a_request_whose_instance_died_before_its_commit_is_begun_anew() {
    let bench = Bench::new().await;
    let first = begin_new(bench.shards(), &request(false)).await;
    let id = request(true);
    let again = waiting(bench.shards(), &id).await;
    first.rollback().await;

    let Ok(Begun::New(write)) = again.await else { panic!("it was not begun anew") };
    write.rollback().await;
}

/// Its instance may have settled it as never to come before it died.
#[tokio::test]
async fn a_request_that_was_given_up_may_come_again_but_not_what_others_were_told_of() {
    let bench = Bench::new().await;
    let told = WriteId::with_id(uuid::Uuid::new_v4());
    for id in [request(true), told.clone()] {
        assert!(!bench.shards().was_committed(bucket(7), id.id()).await.unwrap());
    }

    begin_new(bench.shards(), &request(true)).await.commit().await.unwrap();

    assert!(matches!(bench.shards().begin(bucket(7), &told).await, Err(Error::GivenUp)));
}

#[tokio::test]
async fn a_write_is_known_by_a_second_id() {
    let bench = Bench::new().await;
    let mut first = bench.shards().write(bucket(7)).await.unwrap();
    assert!(first.is_also(&request(false)).await.unwrap());
    first.commit().await.unwrap();

    let mut second = bench.shards().write(bucket(7)).await.unwrap();

    assert!(!second.is_also(&request(true)).await.unwrap());
    second.rollback().await;
    assert!(matches!(bench.shards().begin(bucket(7), &request(true)).await, Ok(Begun::Repeated(None))));
}

#[tokio::test]
async fn a_write_that_was_given_up_frees_its_key() {
    let bench = Bench::new().await;
    drop(begin_new(bench.shards(), &key(b"milk")).await);

    // Its rollback is on the way.
    eventually("the key is free", async || match bench.shards().begin(bucket(7), &key(b"milk")).await {
        Ok(Begun::New(write)) => {
            write.rollback().await;
            true
        }
        Ok(Begun::Repeated(answer)) => panic!("it was given up: {answer:?}"),
        Err(error) => matches!(error, Error::InProgress).then_some(false).expect("only the first may be in the way"),
    })
    .await;
}

#[tokio::test]
async fn a_key_counts_for_a_day() {
    let bench = Bench::new().await;
    answer_once(bench.shards()).await;
    let age = "begin; select sharding.guard(7::smallint); update sharding.writes set created_at = now() - interval '25 hours'; commit";
    crate::bench::run(&mut bench.cluster.primary(0).await, age).await;

    answer_once(bench.shards()).await;
}
