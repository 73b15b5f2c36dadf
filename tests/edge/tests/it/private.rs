use magnitude_edge::{Thing, ask};

use crate::scene::Scene;

const SESSION: [(&str, &str); 2] = [("authorization", "Token secret"), ("cookie", "a=b")];

#[tokio::test]
async fn the_api_is_passed_through_and_never_kept() {
    let scene = Scene::new().await;
    scene.origin.put("/api/user?a=1", Thing::of("{}").with("set-cookie", "a=b"));

    for _ in 0..3 {
        let answer = scene.get_with("/api/user?a=1", &SESSION).await;
        assert_eq!((answer.status, answer.text().as_str(), answer.header("set-cookie")), (200, "{}", Some("a=b")));
        assert_eq!((answer.header("x-cache"), answer.header("age")), (None, None), "nothing is kept here");
    }

    assert_eq!(scene.origin.asked("/api/user?a=1"), 3, "with its query, every time");
    let asked = scene.origin.last("/api/user?a=1").expect("it was asked");
    for (name, value) in SESSION {
        assert_eq!(asked[name], value);
    }
}

#[tokio::test]
async fn every_method_of_the_api_goes_through_with_its_body() {
    let scene = Scene::new().await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let path = format!("/api/articles/{}", method.to_lowercase());
        scene.origin.put(&path, Thing::of(method));
        let answer =
            ask(scene.point.address, method, &path, &[("content-length", "0"), ("idempotency-key", "k")]).await.expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, method));
        assert_eq!(scene.origin.last(&path).expect("asked")["idempotency-key"], "k");
    }
}

#[tokio::test]
async fn who_asks_is_not_told_to_the_origin_of_what_all_get() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.put("/", Thing::of("page").with("cache-control", "no-cache"));
    scene.origin.put("/config.json", Thing::of("{}").lasting(60));
    scene.origin.put("/assets/app-1.js", Thing::of("it"));
    scene.origin.put("/status", Thing::of("green").with("cache-control", "no-store"));
    let told =
        [SESSION[0], SESSION[1], ("x-forwarded-host", "evil"), ("x-original-url", "/evil"), ("user-agent", "me"), ("te", "trailers")];

    for path in [object.as_str(), "/", "/config.json", "/assets/app-1.js", "/status"] {
        assert_eq!(scene.get_with(path, &told).await.status, 200);
        let asked = scene.origin.last(path).expect("it was asked");
        assert!(!asked.contains_key("authorization") && !asked.contains_key("cookie"), "{path}: {asked:?}");
        if path != "/status" {
            let known = ["host", "x-forwarded-for", "x-forwarded-proto"];
            let other: Vec<_> = asked.keys().filter(|name| !known.contains(&name.as_str())).collect();
            assert!(other.is_empty(), "{path}: {other:?}");
            assert_eq!(asked["host"], "origin", "{path}");
        }
    }
    // Somebody else gets it as well.
    assert_eq!(scene.get(&object).await.cache(), "HIT");
}

#[tokio::test]
async fn an_answer_with_a_cookie_is_kept_for_nobody() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    for path in [object.as_str(), "/config.json", "/"] {
        scene.origin.put(path, Thing::of("yours").with("set-cookie", "session=1"));
        for _ in 0..3 {
            let answer = scene.get(path).await;
            assert_eq!((answer.status, answer.cache()), (200, "MISS"), "{path}");
        }
        assert_eq!(scene.origin.asked(path), 3);
    }
}

#[tokio::test]
async fn the_state_of_the_stack_is_never_kept() {
    let scene = Scene::new().await;
    scene.origin.put("/status", Thing::of("green"));
    for _ in 0..3 {
        assert_eq!(scene.get_with("/status", &[("accept", "application/json")]).await.header("x-cache"), None);
    }
    assert_eq!(scene.origin.asked("/status"), 3);
    assert_eq!(scene.origin.last("/status").expect("asked")["accept"], "application/json");
}
