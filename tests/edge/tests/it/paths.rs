use magnitude_edge::{Thing, ask};

use crate::scene::{Scene, path};

/// Names of nothing are answered here: each would cost the origin a request and a place in the cache.
#[tokio::test]
async fn what_cannot_be_the_name_of_an_object_is_not_asked_for() {
    let scene = Scene::new().await;
    let good = path(b"an image");
    let name = good.trim_start_matches("/objects/");
    let wrong = [
        "/objects/".to_owned(),
        "/objects/x".to_owned(),
        format!("/objects/{}", name.to_uppercase()),
        format!("/objects/{name}0"),
        format!("/objects/{name}/"),
        format!("/objects//{name}"),
        format!("/objects/{name}%00"),
        format!("/objects/{name}%2f..%2fx"),
        format!("/objects/%2e%2e/%2e%2e/objects/x{name}"),
        format!("/objects/{name}%0d%0aset-cookie:a"),
        "/assets/".to_owned(),
        "/assets/.hidden".to_owned(),
        "/assets/%2e%2e%5cindex.html".to_owned(),
        "/assets/a/b.js".to_owned(),
        "/assets/a%2fb.js".to_owned(),
        format!("/assets/{}", "a".repeat(201)),
    ];
    for path in wrong {
        let answer = scene.get(&path).await;
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert!(answer.text().starts_with(r#"{"errors":{"#), "{path}: {}", answer.text());
    }
    assert_eq!(scene.origin.asked_at_all(), 0);
}

/// One object has one name, however it is written.
#[tokio::test]
async fn an_encoded_name_is_the_same_object() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    let first = format!("{:02x}", object.as_bytes()[9]);
    let encoded = format!("/objects/%{first}{}", &object[10..]);

    scene.get(&object).await;
    let same = scene.get(&encoded).await;
    let through = scene.get(&format!("/assets/../objects/{}", &object[9..])).await;

    assert_eq!((same.cache(), same.text().as_str()), ("HIT", "an image"));
    assert_eq!(through.cache(), "HIT");
    assert_eq!(scene.origin.asked_at_all(), 1);
}

/// What is kept under a name must be what the origin answers to that very name.
#[tokio::test]
async fn no_way_of_writing_a_path_puts_something_under_another() {
    let scene = Scene::new().await;
    let page = |text: &str| Thing::of(text.to_owned()).with("cache-control", "public, max-age=60");
    scene.origin.put("/robots.txt", page("robots"));
    for trick in ["/x/..%2frobots.txt", "/x%2f..%2frobots.txt", "/%72obots.txt", "//robots.txt", "/./robots.txt", "/robots.txt?x"] {
        scene.origin.put(trick, page("something else"));
        for _ in 0..3 {
            scene.get(trick).await;
        }
    }

    for _ in 0..3 {
        assert_eq!(scene.get("/robots.txt").await.text(), "robots");
    }
}

#[tokio::test]
async fn no_way_of_writing_a_path_has_the_api_kept() {
    let scene = Scene::new().await;
    let secret = || Thing::of("yours").with("cache-control", "public, max-age=60");
    let session = [("authorization", "Token secret")];
    // The load balancer behind it resolves dots as well, and leaves what is encoded.
    for trick in ["/api/user", "/objects/../api/user", "/./api/user", "/x/%2e%2e/api/user"] {
        scene.origin.put(trick, secret());
        for _ in 0..3 {
            let answer = scene.get_with(trick, &session).await;
            assert_eq!((answer.status, answer.header("x-cache")), (200, None), "{trick}");
        }
        assert_eq!(scene.origin.asked(trick), 3, "{trick}");
    }
    // For it these are pages, so nobody is signed in there.
    for trick in ["//api/user", "/API/user", "/api%2fuser", "/apix/user"] {
        scene.origin.put(trick, secret());
        scene.get_with(trick, &session).await;
        let asked = scene.origin.last(trick);
        assert!(asked.is_none_or(|asked| !asked.contains_key("authorization") || trick == "/api%2fuser"), "{trick}");
    }
}

#[tokio::test]
async fn nobody_leaves_the_tree() {
    let scene = Scene::new().await;
    for path in ["/../etc/passwd", "/assets/../../x", "/%2e%2e/%2e%2e/etc/passwd", "/objects/%00", "/%zz", "*"] {
        let answer = scene.get(path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.text(), r#"{"errors":{"request":["was not understood"]}}"#, "{path}");
    }
    assert_eq!(scene.origin.asked_at_all(), 0);
}

#[tokio::test]
async fn only_reading_is_for_all() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.get(&object).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PURGE", "TRACE", "CONNECT"] {
        for path in [object.as_str(), "/", "/config.json", "/assets/a.js", "/status"] {
            let answer = ask(scene.point.address, method, path, &[("content-length", "0")]).await.expect("an answer");
            assert!([400, 405].contains(&answer.status), "{method} {path}: {}", answer.status);
        }
    }
    assert_eq!(scene.origin.asked_at_all(), 1);
    assert_eq!(scene.get(&object).await.cache(), "HIT", "it is still there");
}
