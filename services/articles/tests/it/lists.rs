use magnitude_articles::{
    article::{Article, Changes},
    store::{
        self,
        lists::{EVERYTHING, Window},
    },
};
use magnitude_ids::Id;
use magnitude_sharding::{Freshness, ShardFreshness};

use crate::{Shards, delete, publish, shards, two_users};

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

#[tokio::test]
async fn combined_filters_narrow_a_users_favorites() {
    let shards = shards().await;
    let articles = seven(&shards).await;
    let reader = two_users()[1];
    for article in &articles[..4] {
        crate::favorites::mirror(&shards, reader, article.head.id, true, 1).await;
    }

    let all = store::lists::favorited(&shards, PRIMARY, reader, EVERYTHING).await.unwrap();
    let author = articles[0].head.author;
    let narrowed = store::lists::narrow(&shards, &anywhere(), &all.ids, Some(author), Some("even"), window(1, 1)).await.unwrap();

    assert_eq!((all.ids.as_slice(), all.count), (newest_first(&articles[..4], |_| true).as_slice(), 4));
    assert_eq!((narrowed.ids, narrowed.count), (vec![articles[0].head.id], 2));
}

#[tokio::test]
async fn a_tag_used_a_moment_ago_is_listed_beside_the_popular_ones() {
    let shards = shards().await;
    seven(&shards).await;

    let tags = store::tags::list(&shards, &anywhere()).await.unwrap();

    assert_eq!(tags, ["all", "even"]);
}
