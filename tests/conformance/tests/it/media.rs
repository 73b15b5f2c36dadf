//! POST /media and GET /media/{id}, and what the origin serves beside the API.

use std::time::Duration;

use magnitude_conformance::{Answer, Api, Gate, Method, User, Value, json};

use crate::{keys, string};

/// One white pixel.
pub const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// Seconds, on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

async fn upload(api: &Api, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    api.send(Method::POST, "/media", headers, Some(body.to_vec())).await
}

async fn settled(api: &Api, id: &str) -> Value {
    let answer = api.once(&format!("/media/{id}"), BOUND, |answer| answer.json["media"]["status"] != "processing").await;
    answer.json["media"].clone()
}

#[tokio::test]
async fn an_upload_becomes_variants_that_a_user_can_show() {
    let user = User::register().await;
    for (writer, reader) in Gate::PAIRS {
        let answer = upload(&user.at(writer), &[("content-type", "image/gif")], GIF).await;
        let media = &answer.is(201)["media"];
        assert_eq!(keys(media), ["id", "status", "url", "variants"]);
        assert_eq!((&media["status"], &media["variants"]), (&json!("processing"), &json!([])));
        let anybody = Api::anonymous().at(reader);
        anybody.get(&format!("/media/{}", string(&media["id"]))).await.is(200);

        let media = settled(&anybody, &string(&media["id"])).await;

        assert_eq!(media["status"], "ready", "{media}");
        let variant = &media["variants"][0];
        assert_eq!(keys(variant), ["height", "type", "url", "width"]);
        assert_eq!((&variant["width"], &variant["height"], &variant["type"]), (&json!(1), &json!(1), &json!("image/webp")));
        let content = anybody.origin(Method::GET, variant["url"].as_str().unwrap_or("")).await;
        assert_eq!((content.status, content.header("content-type")), (200, "image/webp"), "{content}");
        assert!(content.header("cache-control").contains("immutable"), "{content}");

        let change = user.api.put("/user", &json!({"user": {"image": variant["url"]}})).await;
        assert_eq!(change.is(200)["user"]["image"], variant["url"]);
    }
}

#[tokio::test]
async fn what_is_no_image_is_refused_or_rejected() {
    let user = User::register().await;
    Api::anonymous().post_nothing("/media").await.refuses(401, json!({"token": ["is missing"]}));
    upload(&user.api, &[], b"").await.blames(422, &["media"]);
    upload(&user.api, &[("content-type", "image/png")], b"<svg onload=alert(1)>").await.blames(422, &["media"]);
    user.api.get("/media/nothing").await.refuses(404, json!({"media": ["not found"]}));
    user.api.send(Method::PUT, "/media", &[], None).await.refuses(405, json!({"method": ["not allowed"]}));

    let answer = upload(&user.api, &[], &GIF[..20]).await;
    let media = settled(&user.api, &string(&answer.is(201)["media"]["id"])).await;

    assert_eq!(media["status"], "rejected");
    assert!(media["reason"].is_string(), "{media}");
}

#[tokio::test]
async fn a_key_makes_one_upload() {
    let user = User::register().await;
    let key = [("idempotency-key", "once")];
    let first = upload(&user.api, &key, GIF).await;
    let again = upload(&user.at(Gate::Instance(1)), &key, GIF).await;

    assert_eq!(again.is(201), first.is(201));
    upload(&user.api, &key, b"GIF89a another").await.blames(422, &["idempotencyKey"]);
}

#[tokio::test]
async fn twenty_six_mebibytes_are_too_large() {
    let user = User::register().await;
    let mut image = GIF.to_vec();
    image.resize(26 << 20, 0);

    upload(&user.api, &[], &image).await.blames(413, &["body"]);
}

#[tokio::test]
async fn every_other_path_is_the_origins_and_none_below_the_api() {
    let api = Api::anonymous();
    for path in ["/api/nothing", "/api/mediax", "/api", "/assets/none.js", "/objects/none"] {
        api.origin(Method::GET, path).await.refuses(404, json!({"path": ["not found"]}));
    }
    let config = api.origin(Method::GET, "/config.json").await;
    assert_eq!(config.is(200)["api"], "/api");
    let status = api.origin(Method::GET, "/status").await;
    assert!(status.header("content-type").starts_with("text/html") && status.text.contains("load balancer"), "{status}");
    assert!(!status.text.contains("127."), "it tells no address: {status}");
    // Published or not.
    for path in ["/", "/login", "/article/x"] {
        let page = api.origin(Method::GET, path).await;
        assert!(matches!(page.status, 200 | 404) && page.header("content-type").starts_with("text/"), "{page}");
    }
}
