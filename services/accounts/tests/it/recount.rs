//! Users and the look-ups of their names, when one of the two is wrong.

use std::collections::BTreeSet;

use futures_util::join;
use magnitude_accounts::{
    jobs::Recount,
    names::{Name, Reserved, reserve},
};
use magnitude_ids::Bucket;
use magnitude_jobs::Walk;
use magnitude_kit::Counted;
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    app::{TestApp, email},
    reservations::claim,
};

/// The buckets that hold anything.
async fn filled(test: &TestApp) -> BTreeSet<Bucket> {
    let filled = Recount::filled(&test.app, Bucket::new(0).unwrap(), Bucket::new(4095).unwrap()).await.unwrap();
    filled.into_iter().collect()
}

async fn recount(test: &TestApp) {
    for bucket in filled(test).await {
        let mut place = Some(Recount::default());
        while let Some(at) = place {
            place = at.page(&test.app, bucket).await.expect("it can be recounted");
        }
    }
}

#[tokio::test]
async fn what_is_right_is_left_alone() {
    let (counted, test) = (Counted::here(), TestApp::new().await);
    let token = test.join("ann").await;
    test.join("Bob").await;
    test.update(&token, json!({ "username": "anna", "email": "ANNA@example.org" })).await;
    // A write that is under way.
    assert_eq!(reserve(&test.app, &Name::username("carol"), claim()).await.unwrap(), Reserved::Ours);
    let before = test.names().await;
    let rows: Vec<(i16,)> = test.rows("select bucket from users union select bucket from names").await;
    assert_eq!(filled(&test).await, rows.into_iter().map(|(bucket,)| Bucket::try_from(bucket).unwrap()).collect());

    recount(&test).await;

    assert_eq!(counted.drift(""), (0, 0));
    assert_eq!(test.names().await, before);
}

#[tokio::test]
async fn a_user_who_lost_a_name_is_found_by_it_again() {
    let (counted, test) = (Counted::here(), TestApp::new().await);
    test.join("ann").await;
    test.join("bob").await;
    test.execute("delete from names where sharding.guard(bucket) and name in ('ann', 'bob', 'bob@example.org')").await;

    recount(&test).await;

    assert_eq!(counted.drift("names of users"), (3, 3));
    assert_eq!(counted.drift(""), (3, 3));
    test.assert_settled(2).await;
    assert_eq!(test.profile("ann").await.0, StatusCode::OK);
    assert_eq!(test.register("bob", &email("other")).await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_name_that_its_user_does_not_bear_is_free_again() {
    let (counted, test) = (Counted::here(), TestApp::new().await);
    let token = test.join("ann").await;
    // As if the job that gives it back were dead.
    test.execute("create table kept as select * from names where name = 'ann'").await;
    test.update(&token, json!({ "username": "anna" })).await;
    test.execute("insert into names select * from kept where sharding.guard(bucket)").await;
    assert_eq!(test.register("ann", &email("other")).await.0, StatusCode::CONFLICT);

    recount(&test).await;

    assert_eq!(counted.drift("names without a user"), (1, 1));
    assert_eq!(counted.drift(""), (1, 1));
    test.assert_settled(1).await;
    assert_eq!(test.register("ann", &email("other")).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_name_of_two_users_is_found_and_left_to_somebody() {
    let (counted, test) = (Counted::here(), TestApp::new().await);
    test.join("ann").await;
    test.join("bob").await;
    test.execute("update users set username = 'ann' where username = 'bob' and sharding.guard(bucket)").await;

    recount(&test).await;

    assert_eq!(counted.drift("names of users"), (1, 0), "bob has no look-up of ann");
    assert_eq!(counted.drift("names without a user"), (1, 1), "nobody is bob");
}

#[tokio::test]
async fn no_rename_is_lost_to_a_recount() {
    let (counted, test) = (Counted::here(), TestApp::new().await);
    let tokens = [test.join("ann").await, test.join("bob").await];
    let rename = async |name: &str, token: &str| {
        for turn in 0..20 {
            let username = format!("{name}-{}", turn % 3);
            assert_eq!(test.update(token, json!({ "username": username, "email": email(&username) })).await.0, StatusCode::OK);
        }
    };
    let recounts = async {
        for _ in 0..20 {
            recount(&test).await;
        }
    };

    join!(recounts, rename("ann", &tokens[0]), rename("bob", &tokens[1]));

    test.assert_settled(2).await;
    assert_eq!(counted.drift("").0, 0);
    let found: Vec<(String,)> = test.rows("select username from users").await;
    assert_eq!(found.len(), 2);
    for (username,) in found {
        assert_eq!(test.profile(&username).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_lost_name_is_not_restored_to_who_left_it_meanwhile() {
    let (counted, test) = (Counted::here(), TestApp::new().await);
    let token = test.join("ann").await;
    let renames = async {
        for turn in 0..40 {
            assert_eq!(test.update(&token, json!({ "username": format!("ann-{turn}") })).await.0, StatusCode::OK);
        }
    };
    let losses = async {
        for _ in 0..40 {
            test.execute("delete from names where sharding.guard(bucket) and kind = 'username' and confirmed").await;
        }
    };
    let recounts = async {
        for _ in 0..40 {
            recount(&test).await;
        }
    };

    join!(renames, losses, recounts);
    recount(&test).await;
    test.assert_settled(1).await;

    // Whether a recount won any of those races is chance; nobody is in the way of this one.
    let before = counted.drift("names of users");
    test.execute("delete from names where sharding.guard(bucket) and kind = 'username' and confirmed").await;
    recount(&test).await;

    test.assert_settled(1).await;
    assert_eq!(counted.drift("names of users"), (before.0 + 1, before.1 + 1));
    assert_eq!(counted.drift("names without a user"), (0, 0));
}
