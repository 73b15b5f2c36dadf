use magnitude_articles::{
    article::{Article, Changes},
    store::{self, lists::Window},
};
use magnitude_ids::Id;
use magnitude_sharding::{Freshness, ShardFreshness, Shards};

use crate::{
    app::{TestApp, send},
    delete, publish, shards, two_users,
};

const PRIMARY: Freshness = Freshness::Primary;

fn window(limit: u32, offset: u32) -> Window {
    Window { limit, offset }
}

fn anywhere() -> ShardFreshness {
    ShardFreshness::new()
}

/// Seven articles, taking turns between an author of each shard; the even ones are tagged.
async fn seven(shards: &Shards) -> Vec<Article> {
    let users = two_users();
    let mut articles = Vec::new();
    for n in 0..7 {
        let tags: &[&str] = if n % 2 == 0 { &["even", "all"] } else { &["all"] };
        articles.push(publish(shards, users[n % 2], &n.to_string(), tags).await);
    }
    articles
}

fn newest_first(articles: &[Article], keep: impl Fn(&Article) -> bool) -> Vec<Id> {
    let mut ids: Vec<_> = articles.iter().filter(|article| keep(article)).map(|article| article.head.id).collect();
    ids.sort_unstable();
    ids.reverse();
    ids
}

#[tokio::test]
async fn pages_across_shards_neither_repeat_nor_skip() {
    let shards = shards().await;
    let articles = seven(&shards).await;
    let mut seen = Vec::new();
    for offset in (0..8).step_by(3) {
        let page = store::lists::all(&shards, &anywhere(), window(3, offset)).await.unwrap();
        assert_eq!(page.count, 7);
        seen.extend(page.ids);
    }
    assert_eq!(seen, newest_first(&articles, |_| true));
}

#[tokio::test]
async fn a_tag_an_author_and_both_list_what_matches() {
    let shards = shards().await;
    let articles = seven(&shards).await;
    let author = articles[0].head.author;

    let tagged = store::lists::by_tag(&shards, &anywhere(), "all", window(2, 1)).await.unwrap();
    let authored = store::lists::by_author(&shards, PRIMARY, author, None, window(10, 0)).await.unwrap();
    let both = store::lists::by_author(&shards, PRIMARY, author, Some("even"), window(1, 0)).await.unwrap();

    assert_eq!((tagged.ids.as_slice(), tagged.count), (&newest_first(&articles, |_| true)[1..3], 7));
    assert_eq!((authored.ids, authored.count), (newest_first(&articles, |a| a.head.author == author), 4));
    assert_eq!((both.ids.len(), both.count), (1, 4));
}

#[tokio::test]
async fn the_feed_merges_followed_authors_and_counts_them() {
    let shards = shards().await;
    let articles = seven(&shards).await;
    let authors = two_users_of(&articles);

    let both = store::lists::feed(&shards, &anywhere(), &authors, window(4, 2)).await.unwrap();
    let one = store::lists::feed(&shards, &anywhere(), &authors[1..], window(20, 0)).await.unwrap();
    let none = store::lists::feed(&shards, &anywhere(), &[], window(20, 0)).await.unwrap();

    assert_eq!((both.ids.as_slice(), both.count), (&newest_first(&articles, |_| true)[2..6], 7));
    assert_eq!((one.ids, one.count), (newest_first(&articles, |a| a.head.author == authors[1]), 3));
    assert_eq!((none.ids.len(), none.count), (0, 0));
}

fn two_users_of(articles: &[Article]) -> [Id; 2] {
    [articles[0].head.author, articles[1].head.author]
}

#[tokio::test]
async fn counts_follow_updates_and_deletions() {
    let shards = shards().await;
    let articles = seven(&shards).await;
    delete(&shards, &articles[0]).await;
    let mut write = shards.write(articles[1].head.id.bucket()).await.unwrap();
    let old = store::articles::lock(&mut write, articles[1].head.id).await.unwrap().unwrap();
    let changes = Changes { tags: Some(vec!["even".into()]), ..Changes::default() };
    store::articles::update(&mut write, &old, changes).await.unwrap();
    write.commit().await.unwrap();

    let count = async |tag| store::lists::by_tag(&shards, &anywhere(), tag, window(20, 0)).await.unwrap();

    let (all, even) = (count("all").await, count("even").await);
    assert_eq!((all.count, all.ids.len()), (5, 5));
    assert_eq!((even.count, even.ids.len()), (4, 4));
    assert_eq!(store::lists::all(&shards, &anywhere(), window(20, 0)).await.unwrap().count, 6);
}

/// Seven articles, of which a user favorited the first six, and took the fourth back.
async fn favorited(test: &TestApp) -> (Vec<Article>, Id) {
    let (shards, user) = (test.shards(), test.bob.id());
    let articles = seven(shards).await;
    for (number, article) in articles[..6].iter().enumerate() {
        let mut write = shards.write(article.head.id.bucket()).await.unwrap();
        let version = store::favorites::set(&mut write, article.head.id, user, true).await.unwrap().unwrap().version;
        if number == 3 {
            store::favorites::set(&mut write, article.head.id, user, false).await.unwrap();
        }
        write.commit().await.unwrap();
        crate::favorites::mirror(shards, user, article.head.id, number != 3, version + i64::from(number == 3)).await;
    }
    (articles, user)
}

fn is_favorite(articles: &[Article], article: &Article) -> bool {
    articles[..6].iter().enumerate().any(|(number, other)| number != 3 && other.head.id == article.head.id)
}

#[tokio::test]
async fn favorites_of_one_author_are_listed_with_and_without_a_tag() {
    let test = TestApp::new().await;
    let (articles, user) = favorited(&test).await;
    for author in two_users_of(&articles) {
        for tag in [None, Some("even"), Some("nothing")] {
            let matches = |a: &Article| {
                a.head.author == author && is_favorite(&articles, a) && tag.is_none_or(|tag| a.head.tags.iter().any(|own| own == tag))
            };
            let expected = newest_first(&articles, matches);

            let page = store::favorited::by_author(test.shards(), PRIMARY, user, author, tag, window(2, 0)).await.unwrap();

            assert_eq!(page.count, i64::try_from(expected.len()).unwrap(), "{tag:?}");
            assert_eq!(page.ids, expected.into_iter().take(2).collect::<Vec<_>>(), "{tag:?}");
        }
    }
}

#[tokio::test]
async fn favorites_with_a_tag_are_counted_and_paged_across_steps() {
    let test = TestApp::new().await;
    let (articles, user) = favorited(&test).await;
    for (tag, step) in [("all", 1), ("all", 2), ("all", 5), ("all", 100), ("even", 2), ("nothing", 2)] {
        let expected = newest_first(&articles, |a| is_favorite(&articles, a) && a.head.tags.iter().any(|own| own == tag));
        for (limit, offset) in [(20, 0), (2, 1), (1, 3), (0, 0), (3, 9)] {
            let page = store::favorited::by_tag(test.shards(), &test.app.cache, user, tag, window(limit, offset), step).await.unwrap();

            assert_eq!(page.count, i64::try_from(expected.len()).unwrap(), "{tag} by {step}");
            let wanted: Vec<_> = expected.iter().skip(offset as usize).take(limit as usize).copied().collect();
            assert_eq!(page.ids, wanted, "{tag} by {step}, {limit} after {offset}");
        }
    }
}

#[tokio::test]
async fn combined_filters_agree_with_the_list_they_narrow() {
    let test = TestApp::new().await;
    let (tagged, other, plain) =
        (test.publish(&test.ann, &["t"]).await, test.publish(&test.bob, &["t"]).await, test.publish(&test.ann, &[]).await);
    for slug in [&tagged, &other, &plain] {
        assert_eq!(send(test.favorite(&test.bob, slug)).await.0, 200);
    }

    for (query, expected) in [
        ("favorited=bob&author=ann", vec![&plain, &tagged]),
        ("favorited=bob&author=ann&tag=t", vec![&tagged]),
        ("favorited=bob&tag=t", vec![&other, &tagged]),
        ("favorited=bob&tag=t&limit=1&offset=1", vec![&tagged]),
        ("favorited=ann&tag=t", vec![]),
    ] {
        let (slugs, count) = test.list(query).await;

        assert_eq!(slugs.iter().collect::<Vec<_>>(), expected, "{query}");
        assert_eq!(count, if query.contains("limit") { 2 } else { expected.len() as u64 }, "{query}");
    }
}
