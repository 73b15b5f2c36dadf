//! One suite over every kind of store: a folder, memory, and an S3, which is a small one of this process or one that the environment names.

mod s3;
mod stores;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use magnitude_kit::eventually;
use magnitude_objects::{Error, Hash, Key, Objects};
use stores::{Stores, folder};

const LARGE: usize = 11 << 20;

fn key(text: &str) -> Key {
    Key::new(text).expect("the test names a key")
}

fn noise(length: usize) -> Bytes {
    let mut noise = vec![0; length];
    rand::fill(&mut noise[..]);
    noise.into()
}

async fn read(objects: &Objects, text: &str) -> Option<Bytes> {
    objects.get_small(&key(text), usize::MAX).await.expect("the store answers")
}

async fn names(objects: &Objects, folder: &str) -> Vec<String> {
    let mut names: Vec<_> = objects.list(&key(folder)).map_ok(|entry| entry.key.to_string()).try_collect().await.expect("it lists");
    names.sort();
    names
}

#[tokio::test]
async fn what_is_put_is_read_and_listed_and_gone_once_it_is_deleted() {
    for objects in Stores::all().await.iter() {
        objects.put(&key("a/one"), "1".into()).await.unwrap();
        objects.put(&key("a/b/two"), "22".into()).await.unwrap();
        objects.put(&key("ab"), "333".into()).await.unwrap();

        assert_eq!(read(objects, "a/one").await.as_deref(), Some(&b"1"[..]));
        assert_eq!(names(objects, "a").await, ["a/b/two", "a/one"]);
        let about = objects.about(&key("a/b/two")).await.unwrap().unwrap();
        assert_eq!(about.size, 2);
        assert!((chrono::Utc::now() - about.modified).num_seconds().abs() < 60, "{about:?}");

        objects.delete(&key("a/one")).await.unwrap();
        objects.delete(&key("a/one")).await.expect("twice is harmless");

        assert_eq!(objects.about(&key("a/one")).await.unwrap(), None);
        assert_eq!(read(objects, "a/one").await, None);
        assert_eq!(names(objects, "a").await, ["a/b/two"]);
    }
}

#[tokio::test]
async fn an_object_is_replaced_as_a_whole() {
    for objects in Stores::all().await.iter() {
        objects.put(&key("x"), "longer".into()).await.unwrap();
        objects.put(&key("x"), "new".into()).await.unwrap();

        assert_eq!(read(objects, "x").await.as_deref(), Some(&b"new"[..]));
    }
}

#[tokio::test]
async fn a_range_is_just_these_bytes() {
    let content = noise(LARGE);
    for objects in Stores::all().await.iter() {
        objects.put(&key("large"), content.clone()).await.unwrap();
        for range in [0..1, 5_000_000..9_000_001, LARGE as u64 - 1..LARGE as u64] {
            let object = objects.get(&key("large"), Some(range.clone())).await.unwrap().unwrap();
            assert_eq!(object.about.size, LARGE as u64, "of the whole");
            let read: Vec<Bytes> = object.content.try_collect().await.unwrap();
            let (from, to) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
            assert!(read.concat() == content[from..to], "{range:?}");
        }
    }
}

#[tokio::test]
async fn an_upload_shows_when_it_is_finished_and_not_before() {
    let content = noise(LARGE);
    for objects in Stores::all().await.iter() {
        for length in [0, 10, 5 << 20, LARGE] {
            let (name, content) = (format!("up/{length}"), content.slice(..length));
            let mut upload = objects.begin(key(&name));
            for piece in content.chunks(700_001) {
                upload.write(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            assert_eq!(read(objects, &name).await, None, "{length}");

            upload.finish().await.unwrap();

            assert!(read(objects, &name).await.unwrap() == content, "{length}");
        }
    }
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_nothing() {
    for (at, objects) in Stores::all().await.iter().enumerate() {
        let mut upload = objects.begin(key("up/dropped"));
        upload.write(noise(LARGE)).await.unwrap();
        drop(upload);

        assert_eq!(read(objects, "up/dropped").await, None, "{at}");
        assert_eq!(names(objects, "up").await, Vec::<String>::new(), "{at}");
    }
    let (folder, objects) = folder();
    let mut upload = objects.begin(key("up/dropped"));
    upload.write(noise(LARGE)).await.unwrap();
    assert_eq!(folder.files("").len(), 1, "it is somewhere");
    drop(upload);
    eventually("nothing is left", async || folder.files("").is_empty()).await;
}

#[tokio::test]
async fn content_is_kept_under_its_hash_however_often_it_comes() {
    let hash = Hash::of(b"content");
    for objects in Stores::all().await.iter() {
        for _ in 0..2 {
            objects.keep(&hash, "content".into()).await.unwrap();
            let key = Key::of_content(&hash);
            assert_eq!(objects.get_small(&key, 100).await.unwrap().as_deref(), Some(&b"content"[..]));
        }
        // Half of it, as a store without atomic writes may have after a crash.
        objects.put(&Key::of_content(&hash), "con".into()).await.unwrap();
        objects.keep(&hash, "content".into()).await.unwrap();
        assert_eq!(objects.get_small(&Key::of_content(&hash), 100).await.unwrap().as_deref(), Some(&b"content"[..]));
    }
}

#[tokio::test]
async fn an_object_that_is_too_large_is_not_read_as_a_small_one() {
    for objects in Stores::all().await.iter() {
        objects.put(&key("x"), "12345".into()).await.unwrap();

        assert_eq!(objects.get_small(&key("x"), 4).await.unwrap(), None);
        assert!(objects.get_small(&key("x"), 5).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_list_of_more_than_a_page_is_whole() {
    for objects in Stores::all().await.iter() {
        let puts = (0..1_050).map(|number| async move { objects.put(&key(&format!("many/{number}")), "x".into()).await });
        futures_util::stream::iter(puts).buffer_unordered(32).try_collect::<()>().await.unwrap();

        assert_eq!(names(objects, "many").await.len(), 1_050);
    }
}

#[tokio::test]
async fn a_store_that_says_nothing_is_given_up_in_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let objects = Objects::new(&stores::s3("s3://bucket", &format!("http://{}", silent.local_addr().unwrap()), 300)).unwrap();
    let began = tokio::time::Instant::now();

    assert!(matches!(objects.about(&key("x")).await, Err(Error::Late | Error::Failed(_))));
    assert!(objects.put(&key("x"), "1".into()).await.is_err());
    assert!(objects.get(&key("x"), None).await.is_err());
    assert!(objects.list(&key("x")).next().await.unwrap().is_err());

    // Without the limit one call would take half a minute.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_a_killed_process_left_is_swept_once_it_is_old() {
    let (folder, objects) = folder();
    objects.put(&key("up/whole"), "1".into()).await.unwrap();
    std::fs::write(folder.path().join("up/half#1"), "h").unwrap();

    assert_eq!(objects.sweep(Duration::from_mins(1)).await.unwrap(), 0);
    assert_eq!(objects.sweep(Duration::ZERO).await.unwrap(), 1);

    assert_eq!(folder.files(""), ["up/whole"]);
}
