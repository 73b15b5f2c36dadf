//! The checker sees what is stale, in each layer, and nothing where nothing is.

use std::time::Duration;

use futures_util::future::join_all;
use magnitude_articles::{article::Changes, check, keyspaces, store};
use magnitude_contract::articles::ArticlesClient;
use magnitude_kit::eventually_within;

use crate::app::{TestApp, id_of};

#[tokio::test]
async fn a_write_that_was_not_told_is_found_in_redis_and_in_a_copy() {
    let test = TestApp::new().await;
    let slug = test.publish(&test.ann, &[]).await;
    let (article, client) = (id_of(&slug), ArticlesClient::new(&test.internal()).unwrap());
    let void = keyspaces::ARTICLES.drop(article.bucket(), article);
    for _ in 0..100 {
        test.body(&slug).await;
    }
    assert_eq!(check::check_one(&test.app, &client, &void).await.unwrap(), 0);

    let mut write = test.shards().write(article.bucket()).await.unwrap();
    let old = store::articles::lock(&mut write, article).await.unwrap().unwrap();
    let changes = Changes { body: Some("second".to_owned()), ..Changes::default() };
    store::articles::update(&mut write, &old, changes).await.unwrap();
    write.commit().await.unwrap();

    // It looks three times: kept hot meanwhile, the copy is still there at the last look, unless the machine is busy. Read so often at once
    // that it is hot on a slow one too.
    let heat = async {
        loop {
            join_all((0..60).map(|_| test.body(&slug))).await;
        }
    };
    let both = async || check::check_one(&test.app, &client, &void).await.unwrap() == 2;
    tokio::select! {
        () = eventually_within(Duration::from_mins(2), "it is found in Redis, and in the process", both) => {}
        () = heat => unreachable!("it never ends"),
    }

    test.app.cache.void(std::slice::from_ref(&void)).await.unwrap();
    assert_eq!(check::check_one(&test.app, &client, &void).await.unwrap(), 0);
}
