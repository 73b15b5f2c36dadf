use magnitude_edge::{Thing, ask, ask_as_it_is};

use crate::scene::Scene;

#[tokio::test]
async fn what_was_asked_for_once_comes_from_the_cache() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.put("/assets/app-1a2b.js", Thing::of("let it = 1;").with("content-type", "text/javascript"));
    scene.origin.put("/config.json", Thing::of("{}").lasting(1000));

    for path in [object.as_str(), "/assets/app-1a2b.js", "/config.json"] {
        let (first, second) = (scene.get(path).await, scene.get(path).await);
        assert_eq!((first.status, first.cache()), (200, "MISS"), "{path}");
        assert_eq!((second.status, second.cache()), (200, "HIT"), "{path}");
        assert_eq!(second.body, first.body);
        assert_eq!(scene.origin.asked(path), 1, "{path}");
        for header in ["etag", "cache-control", "content-type"] {
            assert_eq!(second.header(header), first.header(header), "{path}: {header}");
        }
    }
}

#[tokio::test]
async fn what_keeps_a_page_safe_comes_with_what_is_kept() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    let guards =
        [("content-security-policy", "default-src 'none'"), ("x-content-type-options", "nosniff"), ("access-control-allow-origin", "*")];
    let thing = guards.iter().fold(Thing::of("an image"), |thing, (name, value)| thing.with(name, value));
    scene.origin.put(&object, thing.with("x-cache", "HIT").with("server", "secret/1.0"));

    for cache in ["MISS", "HIT"] {
        let answer = scene.get(&object).await;
        assert_eq!(answer.cache(), cache, "the origin's word about itself is not passed on");
        for (name, value) in guards {
            assert_eq!(answer.header(name), Some(value));
        }
        assert_eq!(answer.header("server"), Some("nginx"));
    }
}

#[tokio::test]
async fn a_query_makes_no_other_object() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.put("/config.json", Thing::of("{}").lasting(1000));

    for path in [object.as_str(), "/config.json"] {
        scene.get(&format!("{path}?first")).await;
        let second = scene.get(&format!("{path}?second=2&x=%2e%2e")).await;
        assert_eq!(second.cache(), "HIT");
        assert_eq!(scene.origin.asked(path), 1, "asked once, and without the query");
        assert_eq!(scene.origin.asked(&format!("{path}?first")), 0);
    }
}

#[tokio::test]
async fn a_head_is_answered_by_what_is_kept_and_fills_it() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");

    let head = ask(scene.point.address, "HEAD", &object, &[]).await.expect("an answer");
    let get = scene.get(&object).await;
    let again = ask(scene.point.address, "HEAD", &object, &[]).await.expect("an answer");

    assert_eq!((head.status, head.cache(), head.body.len()), (200, "MISS", 0));
    assert_eq!((get.cache(), get.text().as_str()), ("HIT", "an image"));
    assert_eq!((again.cache(), again.header("content-length"), again.body.len()), ("HIT", Some("8"), 0));
    assert_eq!(scene.origin.asked(&object), 1);
}

#[tokio::test]
async fn who_has_it_already_is_told_so_by_the_cache() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    let etag = scene.get(&object).await.header("etag").expect("an ETag").to_owned();

    let same = scene.get_with(&object, &[("if-none-match", &etag)]).await;
    let other = scene.get_with(&object, &[("if-none-match", "\"other\"")]).await;

    assert_eq!((same.status, same.cache(), same.body.len()), (304, "HIT", 0));
    assert_eq!((other.status, other.cache()), (200, "HIT"));
    assert_eq!(scene.origin.asked(&object), 1);
}

#[tokio::test]
async fn who_has_it_already_fills_an_empty_cache_all_the_same() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.put(&object, Thing::of("an image").with("etag", "\"e\""));

    let had = scene.get_with(&object, &[("if-none-match", "\"e\""), ("range", "bytes=0-0")]).await;

    assert_eq!((had.status, had.cache()), (304, "MISS"));
    let asked = scene.origin.last(&object).expect("it was asked");
    assert!(!asked.contains_key("if-none-match") && !asked.contains_key("range"), "{asked:?}");
    assert_eq!(scene.get(&object).await.text(), "an image");
}

#[tokio::test]
async fn a_part_is_cut_out_of_the_whole() {
    let scene = Scene::new().await;
    let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let object = scene.object(&content);
    // The origin need not know ranges.
    scene.origin.put(&object, Thing::of(content.clone()).without("accept-ranges"));

    let cold = scene.get_with(&object, &[("range", "bytes=50000-50009")]).await;
    let warm = scene.get_with(&object, &[("range", "bytes=-5")]).await;
    let beyond = scene.get_with(&object, &[("range", "bytes=100000-")]).await;
    let many = scene.get_with(&object, &[("range", "bytes=0-1,3-4")]).await;
    let whole = scene.get(&object).await;

    assert_eq!((cold.status, cold.cache(), &cold.body[..]), (206, "MISS", &content[50_000..50_010]));
    assert_eq!(cold.header("content-range"), Some("bytes 50000-50009/100000"));
    assert_eq!((warm.status, warm.cache(), &warm.body[..]), (206, "HIT", &content[99_995..]));
    assert_eq!(beyond.status, 416);
    assert_eq!((many.status, many.body.len()), (200, content.len()), "one part at a time");
    assert_eq!((whole.cache(), &whole.body), ("HIT", &content));
    assert_eq!(scene.origin.asked(&object), 1);
}

#[tokio::test]
async fn a_changed_object_is_not_put_together_with_its_older_part() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    let etag = scene.get(&object).await.header("etag").expect("an ETag").to_owned();

    let same = scene.get_with(&object, &[("range", "bytes=3-"), ("if-range", &etag)]).await;
    let other = scene.get_with(&object, &[("range", "bytes=3-"), ("if-range", "\"other\"")]).await;

    assert_eq!((same.status, same.text().as_str()), (206, "image"));
    assert_eq!((other.status, other.text().as_str()), (200, "an image"));
}

#[tokio::test]
async fn text_is_compressed_for_who_can_read_that_and_images_are_not() {
    let scene = Scene::new().await;
    let (script, image) = ("let it = 1;\n".repeat(1_000), vec![b'a'; 12_000]);
    scene.origin.put("/assets/app-1.js", Thing::of(script.clone()).with("content-type", "text/javascript"));
    let object = scene.object(&image);
    let gzip = [("accept-encoding", "gzip, br")];

    let packed = scene.get_with("/assets/app-1.js", &gzip).await;
    let plain = scene.get("/assets/app-1.js").await;
    let image = scene.get_with(&object, &gzip).await;

    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < 1_000 && packed.body.starts_with(&[0x1f, 0x8b]), "{} bytes", packed.body.len());
    assert_eq!((plain.cache(), plain.header("content-encoding"), plain.text()), ("HIT", None, script));
    for answer in [&packed, &plain] {
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
    }
    assert_eq!((image.header("content-encoding"), image.header("vary")), (None, None));
    assert_eq!(scene.origin.asked("/assets/app-1.js"), 1, "one copy serves both");
    assert!(!scene.origin.last("/assets/app-1.js").expect("asked").contains_key("accept-encoding"));

    // Weak, for it names other bytes; and still good for asking again.
    let etag = packed.header("etag").expect("an ETag");
    assert!(etag.starts_with("W/"), "{etag}");
    assert_eq!(scene.get_with("/assets/app-1.js", &[gzip[0], ("if-none-match", etag)]).await.status, 304);
}

#[tokio::test]
async fn an_answer_that_varies_is_kept_once() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.put(&object, Thing::of("an image").with("vary", "origin, accept"));

    scene.get_with(&object, &[("origin", "http://one"), ("accept", "image/webp")]).await;
    let second = scene.get_with(&object, &[("origin", "http://two")]).await;

    assert_eq!(second.cache(), "HIT");
    assert_eq!(scene.origin.asked(&object), 1);
}

#[tokio::test]
async fn it_runs_as_an_ordinary_user_and_keeps_its_secret() {
    let scene = Scene::new().await;
    assert_ne!(scene.point.user().expect("it runs"), 0);
    assert_eq!(scene.point.secret_mode().expect("the file is there"), 0o600);
}

#[tokio::test]
async fn every_request_is_a_line_of_json() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    let request = format!("GET {object}?\"\\x HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: a\"b\r\n\r\n");

    ask_as_it_is(scene.point.address, request.as_bytes()).await.expect("an answer");

    crate::scene::eventually("the line is there", async || scene.point.log().contains(&object)).await;
    let log = scene.point.log();
    let line = log.lines().find(|line| line.contains(&object)).expect("it is there");
    assert!(line.starts_with('{') && line.ends_with('}') && line.contains(r#""cache":"MISS""#), "{line}");
    assert!(line.contains(r#"?\"\\x""#) && line.contains(r#""request_id":"a\"b""#), "{line}");
}
