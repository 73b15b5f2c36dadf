//! What is kept twice, when one of the two is wrong.

use futures_util::join;
use magnitude_articles::jobs::Recount;
use magnitude_ids::Bucket;
use magnitude_jobs::Walk;
use magnitude_kit::Counted;
use reqwest::{Method, StatusCode};

use crate::{
    app::{TestApp, id_of, send},
    others::User,
};

/// All that is kept twice, as it shows.
const SHOWN: &str = "
    select 'author ' || author || ' ' || articles || ' ' || last_article from authors
    union all select 'bucket ' || bucket || ' ' || articles from totals
    union all select 'tag ' || tag || ' ' || articles from tag_counts where articles <> 0
    union all select 'tagged ' || article || ' ' || tag from article_tags
    union all select 'favorites ' || article || ' ' || sum(favorites) from favorite_counts group by article having sum(favorites) <> 0
    union all select 'favoriter ' || user_id || ' ' || articles from favoriters where articles <> 0
    union all select 'mirror ' || user_id || ' ' || article || ' ' || version from favorites_by_user where active";

type Home = fn(&TestApp) -> Bucket;

/// As what it is found, where it is planted, and how.
const DRIFTS: [(&str, Home, &str); 13] = [
    ("articles of authors", ann, "update authors set articles = articles + 3"),
    ("articles of authors", ann, "delete from authors"),
    ("articles of buckets", ann, "update totals set articles = 9"),
    ("articles of tags", ann, "update tag_counts set articles = 7 where tag = 'a'"),
    ("articles of tags", ann, "delete from tag_counts where tag = 'b'"),
    ("articles of tags", ann, "insert into tag_counts values (7, 'ghost', 2, now())"),
    ("tags of articles", ann, "delete from article_tags where tag = 'b'"),
    ("tags of articles", ann, "insert into article_tags values (7, 7173, 'ghost')"),
    ("favorites of articles", ann, "delete from favorite_counts"),
    ("favorites of users", bob, "update favoriters set articles = 0"),
    ("mirrors of favorites", bob, "delete from favorites_by_user; update favoriters set articles = 0"),
    ("mirrors of favorites", bob, "update favorites_by_user set active = false; update favoriters set articles = 0"),
    (
        "mirrors without a favorite",
        bob,
        "update favorites_by_user set active = false, version = version + 9; update favoriters set articles = 0",
    ),
];

fn ann(test: &TestApp) -> Bucket {
    test.ann.id().bucket()
}

fn bob(test: &TestApp) -> Bucket {
    test.bob.id().bucket()
}

async fn recount(test: &TestApp) {
    for bucket in [ann(test), bob(test)] {
        let mut place = Some(Recount::default());
        while let Some(at) = place {
            place = at.page(&test.app, bucket).await.expect("it can be recounted");
        }
    }
}

/// Changes rows of a bucket past the service: its readers are not told how far a replica must be for them.
async fn plant(test: &TestApp, bucket: Bucket, sql: &'static str) {
    let mut write = test.shards().write(bucket).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut *write).await.expect("the test's SQL is right");
    write.commit().await.unwrap();
}

async fn shown(test: &TestApp) -> Vec<String> {
    let mut shown = Vec::new();
    for shard in 0..2 {
        shown.extend(sqlx::query_scalar::<_, String>(SHOWN).fetch_all(&mut test.cluster.primary(shard).await).await.unwrap());
    }
    shown.sort();
    shown
}

/// Ann has written twice, and Bob favorited the first.
async fn some_articles(test: &TestApp) -> String {
    let first = test.publish(&test.ann, &["a", "b"]).await;
    test.publish(&test.ann, &["a"]).await;
    assert_eq!(send(test.favorite(&test.bob, &first)).await.0, StatusCode::OK);
    first
}

#[tokio::test]
async fn what_is_right_is_left_alone() {
    let counted = Counted::here();
    let test = TestApp::new().await;
    let first = some_articles(&test).await;
    send(test.signed(Method::DELETE, &format!("/articles/{first}/favorite"), &test.bob)).await;
    let second = test.publish(&test.bob, &["b"]).await;
    send(test.favorite(&test.ann, &second)).await;
    test.delete(&test.bob, &second).await;
    let before = shown(&test).await;

    recount(&test).await;

    assert_eq!(counted.drift(""), (0, 0));
    assert_eq!(shown(&test).await, before);
}

#[tokio::test]
async fn whatever_is_wrong_is_found_once_and_put_right() {
    let counted = Counted::here();
    let test = TestApp::new().await;
    some_articles(&test).await;
    let right = shown(&test).await;

    for (what, bucket, sql) in DRIFTS {
        let before = counted.drift(what);
        plant(&test, bucket(&test), sql).await;
        assert_ne!(shown(&test).await, right, "{sql}");

        recount(&test).await;

        assert_eq!(shown(&test).await, right, "{sql}");
        assert_eq!(counted.drift(what), (before.0 + 1, before.1 + 1), "{sql}");
    }
    assert_eq!(counted.drift(""), (DRIFTS.len() as u64, DRIFTS.len() as u64), "nothing was found that was not planted");
}

#[tokio::test]
async fn a_mirror_of_what_is_gone_is_retracted() {
    let counted = Counted::here();
    let test = TestApp::new().await;
    let first = some_articles(&test).await;
    // As if the jobs that retract were dead.
    let kept = "create table kept as select * from favorites_by_user; create table kept_count as select * from favoriters";
    sqlx::raw_sql(kept).execute(&mut test.cluster.primary(1).await).await.unwrap();
    test.delete(&test.ann, &first).await;
    let undo = "delete from favorites_by_user; insert into favorites_by_user select * from kept;
        delete from favoriters; insert into favoriters select * from kept_count";
    plant(&test, bob(&test), undo).await;
    test.cluster.replayed(1).await;
    assert_eq!(test.list("favorited=bob").await.1, 1);

    recount(&test).await;

    assert_eq!(test.list("favorited=bob").await, (vec![], 0));
    assert_eq!(counted.drift(""), (1, 1));
}

#[tokio::test]
async fn answers_that_were_cached_wrong_are_void() {
    let test = TestApp::new().await;
    let first = some_articles(&test).await;
    plant(&test, ann(&test), "update authors set articles = 9; update totals set articles = 9; update tag_counts set articles = 9").await;
    plant(&test, ann(&test), "delete from favorite_counts; delete from article_tags").await;
    plant(&test, bob(&test), "update favoriters set articles = 9").await;
    let counts = async || {
        let (_, article) = test.get(&format!("/articles/{first}")).await;
        let favorites = article["article"]["favoritesCount"].as_u64();
        let lists =
            [test.list("author=ann").await.1, test.list("").await.1, test.list("tag=a").await.1, test.list("favorited=bob").await.1];
        (favorites, lists, test.list("tag=b").await.0.len())
    };
    for shard in 0..2 {
        test.cluster.replayed(shard).await;
    }
    assert_eq!(counts().await, (Some(0), [9; 4], 0));

    recount(&test).await;

    assert_eq!(counts().await, (Some(1), [2, 2, 2, 1], 1));
}

#[tokio::test]
async fn a_favorite_that_is_on_its_way_to_its_mirror_is_no_drift() {
    let counted = Counted::here();
    let test = TestApp::new().await;
    let article = id_of(&test.publish(&test.ann, &[]).await);
    crate::jobs::favorite_and_crash(&test, article).await;

    recount(&test).await;

    assert_eq!(counted.drift(""), (0, 0));
}

/// Publishes, tags, favorites and deletes, as fast as the service takes it.
async fn write(test: &TestApp, author: &User, reader: &User) {
    for round in 0..12 {
        let slug = test.publish(author, if round % 2 == 0 { &["a", "b"] } else { &["b", "c"] }).await;
        send(test.favorite(reader, &slug)).await;
        send(test.favorite(author, &slug)).await;
        test.update(author, &slug, serde_json::json!({ "tagList": ["c", "d"] })).await;
        send(test.signed(Method::DELETE, &format!("/articles/{slug}/favorite"), reader)).await;
        if round % 3 == 0 {
            assert_eq!(test.delete(author, &slug).await.0, StatusCode::NO_CONTENT);
        }
    }
}

#[tokio::test]
async fn no_write_is_lost_to_a_recount() {
    const ROUNDS: u64 = 15;
    let counted = Counted::here();
    let test = TestApp::new().await;
    some_articles(&test).await;
    let recounts = async {
        for _ in 0..ROUNDS {
            plant(&test, ann(&test), "update authors set articles = articles - 1; update totals set articles = articles + 1").await;
            plant(&test, ann(&test), "update tag_counts set articles = articles + 1 where tag = 'b'").await;
            plant(&test, bob(&test), "update favoriters set articles = articles - 1").await;
            // Two at once: what one adds the other must not.
            join!(recount(&test), recount(&test));
        }
    };

    join!(recounts, write(&test, &test.ann, &test.bob), write(&test, &test.ann, &test.bob), write(&test, &test.bob, &test.ann));
    recount(&test).await;

    // A write that was lost would have been found as one more.
    let found = ["articles of authors", "articles of buckets", "articles of tags", "favorites of users"].map(|what| counted.drift(what).0);
    assert_eq!(found, [ROUNDS; 4]);
    assert_eq!(counted.drift("").0, 4 * ROUNDS);
}
