use std::time::Duration;

use magnitude_contract::social::{About, Notice, NotifyCall};
use magnitude_ids::Id;
use magnitude_kit::{Connected, eventually};
use magnitude_social::store::notifications;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    accounts::User,
    app::{TestApp, send},
};

impl TestApp {
    async fn told(&self, user: &User) -> Value {
        let (status, told) = send(self.notifications(Method::GET, "", user)).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        told
    }

    /// Kind, actor, others and whether it is read, of each.
    async fn brief(&self, user: &User) -> Vec<(String, String, i64, bool)> {
        let told = self.told(user).await;
        let brief = |told: &Value| {
            let text = |value: &Value| value.as_str().expect("it is text").to_owned();
            let (others, read) = (told["others"].as_i64().expect("a number"), told["read"].as_bool().expect("a flag"));
            (text(&told["kind"]), text(&told["actor"]["username"]), others, read)
        };
        told["notifications"].as_array().expect("a list").iter().map(brief).collect()
    }

    pub async fn unread(&self, user: &User) -> i64 {
        self.told(user).await["unread"].as_i64().expect("a number")
    }

    pub async fn mark(&self, user: &User, body: &Value) -> StatusCode {
        self.notifications(Method::POST, "/read", user).json(body).send().await.expect("the service answers").status()
    }

    pub async fn notify(&self, id: Uuid, notice: Notice) {
        self.social.notify(&NotifyCall { id, notice }).await.expect("social takes it");
    }
}

fn entry(kind: &str, actor: &str, others: i64, read: bool) -> (String, String, i64, bool) {
    (kind.to_owned(), actor.to_owned(), others, read)
}

pub fn about(author: &User) -> About {
    let id = Id::new(author.id().bucket(), std::time::SystemTime::now());
    About { id, slug: format!("a-title-{id}"), title: "A title".to_owned() }
}

#[tokio::test]
async fn followers_are_told_in_one_entry_until_it_is_read() {
    let app = TestApp::new().await;
    app.follow(&app.ann, "bob").await;
    eventually("bob is told of ann", async || app.brief(&app.bob).await == [entry("followed", "ann", 0, false)]).await;
    app.unfollow(&app.ann, "bob").await;
    app.follow(&app.ann, "bob").await;
    app.follow(&app.carol, "bob").await;
    eventually("carol is bundled", async || app.brief(&app.bob).await == [entry("followed", "carol", 1, false)]).await;
    let told = app.told(&app.bob).await;
    assert_eq!((&told["unread"], &told["notifications"][0]["article"]), (&json!(1), &Value::Null));

    assert_eq!(app.mark(&app.bob, &json!({ "all": true })).await, StatusCode::NO_CONTENT);

    assert_eq!(app.brief(&app.bob).await, [entry("followed", "carol", 1, true)]);
    assert_eq!(app.unread(&app.bob).await, 0);
    assert!(app.brief(&app.ann).await.is_empty());
}

#[tokio::test]
async fn a_comment_that_is_told_twice_counts_once_and_a_new_one_after_reading_is_a_new_entry() {
    let app = TestApp::new().await;
    let article = about(&app.ann);
    let commented = |actor: &User| Notice::Commented { reader: app.ann.id(), actor: actor.id(), article: article.clone() };
    let id = Uuid::new_v4();
    app.notify(id, commented(&app.bob)).await;
    app.notify(id, commented(&app.bob)).await;
    app.notify(Uuid::new_v4(), commented(&app.bob)).await;
    app.notify(Uuid::new_v4(), Notice::Favorited { reader: app.ann.id(), actor: app.bob.id(), article: article.clone() }).await;
    let bundles = [entry("favorited", "bob", 0, false), entry("commented", "bob", 0, false)];
    assert_eq!(app.brief(&app.ann).await, bundles);
    let told = app.told(&app.ann).await;
    assert_eq!(told["unread"], 2);
    assert_eq!(told["notifications"][1]["article"], json!({ "slug": article.slug, "title": "A title" }));

    let read = &told["notifications"][1]["id"];
    assert_eq!(app.mark(&app.ann, &json!({ "ids": [read, read, "nonsense", Uuid::new_v4()] })).await, StatusCode::NO_CONTENT);
    assert_eq!(app.unread(&app.ann).await, 1);
    app.notify(Uuid::new_v4(), commented(&app.carol)).await;
    // Readers are not told how far a replica must be for what others do.
    app.cluster.replayed(0).await;

    assert_eq!(app.brief(&app.ann).await[0], entry("commented", "carol", 0, false));
    assert_eq!(app.unread(&app.ann).await, 2);
}

#[tokio::test]
async fn each_follower_is_told_once_of_an_article_however_often_that_runs() {
    let app = TestApp::new().await;
    app.follow(&app.bob, "ann").await;
    app.follow(&app.carol, "ann").await;
    let (article, id) = (about(&app.ann), Uuid::new_v4());
    let published = || Notice::Published { author: app.ann.id(), article: article.clone() };

    app.notify(id, published()).await;
    app.notify(id, published()).await;
    // As if social had forgotten that it was told.
    app.notify(Uuid::new_v4(), published()).await;

    for reader in [&app.bob, &app.carol] {
        eventually("the follower is told", async || app.unread(reader).await == 1).await;
    }
    let Connected { shards, .. } = &app.cluster.connect().await;
    let shard = shards.shard_of(app.bob.id().bucket()).expect("a shard has it");
    notifications::publish(shards, &shard, &[app.bob.id().as_i64()], app.ann.id(), &article).await.expect("the SQL is right");
    app.cluster.replayed(1).await;
    assert_eq!(app.brief(&app.bob).await, [entry("published", "ann", 0, false)]);
    assert_eq!(app.unread(&app.bob).await, 1);
}

#[tokio::test]
async fn another_reader_s_notifications_are_neither_seen_nor_marked() {
    let app = TestApp::new().await;
    let article = about(&app.ann);
    app.notify(Uuid::new_v4(), Notice::Favorited { reader: app.ann.id(), actor: app.bob.id(), article }).await;
    let id = app.told(&app.ann).await["notifications"][0]["id"].clone();

    assert_eq!(app.mark(&app.carol, &json!({ "ids": [id] })).await, StatusCode::NO_CONTENT);

    assert_eq!(app.unread(&app.ann).await, 1);
    assert!(app.brief(&app.carol).await.is_empty());
}

#[tokio::test]
async fn the_count_and_the_list_are_of_one_moment() {
    let app = TestApp::new().await;
    let tell = async {
        for _ in 0..20 {
            let favorited = Notice::Favorited { reader: app.ann.id(), actor: app.bob.id(), article: about(&app.ann) };
            app.notify(Uuid::new_v4(), favorited).await;
        }
    };
    let look = async {
        loop {
            let told = app.told(&app.ann).await;
            let listed = told["notifications"].as_array().map_or(0, Vec::len);
            assert_eq!(told["unread"], listed);
            if listed == 20 {
                return;
            }
        }
    };

    tokio::time::timeout(Duration::from_mins(2), async { tokio::join!(tell, look) }).await.expect("all are told");
}

#[tokio::test]
async fn what_is_to_be_read_must_be_said_well() {
    let app = TestApp::new().await;
    let many: Vec<_> = (0..101).map(|_| Uuid::new_v4()).collect();
    for body in [
        json!({}),
        json!({ "all": false }),
        json!({ "all": "true" }),
        json!({ "all": true, "ids": [] }),
        json!({ "ids": null }),
        json!({ "ids": "x" }),
        json!({ "ids": [1] }),
        json!({ "ids": many }),
    ] {
        assert_eq!(app.mark(&app.ann, &body).await, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let (status, _) = send(app.notifications(Method::GET, "", &User::new("nobody", 9))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_old_goes_and_its_count_with_it() {
    let app = TestApp::new().await;
    let Connected { shards, .. } = &app.cluster.connect().await;
    for reader in [&app.ann, &app.carol] {
        let article = about(&app.bob);
        app.notify(Uuid::new_v4(), Notice::Favorited { reader: reader.id(), actor: app.bob.id(), article }).await;
    }
    let mut primary = app.cluster.primary(0).await;
    let age = "begin; select sharding.guard(7::smallint); update notifications set at = at - interval '91 days' where bucket = 7; commit";
    sqlx::raw_sql(age).execute(&mut primary).await.expect("the SQL is right");

    let shard = shards.shard_of(app.ann.id().bucket()).expect("a shard has it");
    let trimmed = notifications::trim(shards, &shard, 90).await.expect("the SQL is right");

    // The service does the same at its start, and may be quicker.
    assert!(trimmed <= 1, "{trimmed}");
    eventually("what is old is gone", async || app.unread(&app.ann).await == 0).await;
    // One replica showed it; the next answer may be another one's.
    app.cluster.replayed(0).await;
    assert_eq!(app.unread(&app.carol).await, 1);
    assert!(app.brief(&app.ann).await.is_empty());
    let actors: i64 =
        sqlx::query_scalar("select count(*) from notification_actors").fetch_one(&mut primary).await.expect("the SQL is right");
    assert_eq!(actors, 1);
}
