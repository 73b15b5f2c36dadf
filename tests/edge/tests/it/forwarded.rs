use magnitude_edge::{Thing, ask};

use crate::scene::Scene;

/// The test is what stands in front: only the last address is its own word.
#[tokio::test]
async fn a_client_cannot_say_where_it_comes_from() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    scene.origin.put("/api/user", Thing::of("{}"));
    let lies = [
        ("x-forwarded-for", "192.0.2.1, 192.0.2.2"),
        ("x-forwarded-proto", "https"),
        ("x-envoy-external-address", "192.0.2.3"),
        ("x-real-ip", "192.0.2.4"),
        ("forwarded", "for=192.0.2.5"),
    ];

    for path in [object.as_str(), "/api/user"] {
        ask(scene.point.address, "GET", path, &lies).await.expect("an answer");
        let asked = scene.origin.last(path).expect("it was asked");
        assert_eq!(asked.get_all("x-forwarded-for").iter().collect::<Vec<_>>(), ["192.0.2.2"], "{path}");
        assert_eq!(asked["x-forwarded-proto"], "http", "{path}");
        for name in ["x-envoy-external-address", "x-real-ip", "forwarded"] {
            assert!(!asked.contains_key(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn a_trace_goes_on_behind_it() {
    let scene = Scene::new().await;
    let object = scene.object(b"an image");
    let trace = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("x-request-id", "r-1")];
    scene.origin.put("/api/tags", Thing::of("{}"));

    for path in [object.as_str(), "/api/tags"] {
        scene.get_with(path, &trace).await;
        let asked = scene.origin.last(path).expect("it was asked");
        for (name, value) in trace {
            assert_eq!(asked[name], value, "{path}");
        }
    }
}
