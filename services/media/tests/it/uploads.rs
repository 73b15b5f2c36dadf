use image::{DynamicImage, GenericImageView, ImageFormat};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, send},
    images::{encoded, glass, jpeg, picture, shown, turned_jpeg},
};

fn measures(media: &Value) -> Vec<(u64, u64)> {
    let number = |variant: &Value, name: &str| variant[name].as_u64().expect("a number");
    let variants = media["variants"].as_array().expect("a list");
    variants.iter().map(|variant| (number(variant, "width"), number(variant, "height"))).collect()
}

#[tokio::test]
async fn an_image_of_every_kind_becomes_variants() {
    let app = TestApp::new().await;
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP] {
        let media = app.uploaded(&app.ann, encoded(&picture(700, 350), format)).await;

        assert_eq!(media["status"], "ready", "{format:?} {media}");
        assert_eq!(measures(&media), [(96, 48), (256, 128), (640, 320), (700, 350)], "{format:?}");
        for (content, (width, height)) in app.variants(&media).await.iter().zip(measures(&media)) {
            let variant = shown(content);
            assert_eq!((u64::from(variant.width()), u64::from(variant.height())), (width, height), "{format:?}");
            let corner = variant.get_pixel(variant.width() - 1, variant.height() - 1).0;
            assert!(corner[0] > 180 && corner[1] > 180 && corner[2] < 150, "{format:?}: {corner:?}");
        }
        assert_eq!(media["url"], format!("/api/media/{}", media["id"].as_str().unwrap()));
        assert_eq!(media["variants"][0]["type"], "image/webp");
        app.leaves_nothing_staged().await;
    }
}

#[tokio::test]
async fn sixteen_bits_and_grey_and_glass_are_shown_as_they_are() {
    let app = TestApp::new().await;
    let wide = DynamicImage::ImageRgb16(picture(300, 300).into_rgb16());
    let grey = DynamicImage::ImageLuma8(picture(300, 300).into_luma8());
    for (name, picture) in [("wide", wide), ("grey", grey), ("glass", glass(300, 300))] {
        let media = app.uploaded(&app.ann, encoded(&picture, ImageFormat::Png)).await;

        let variant = shown(&app.variants(&media).await[0]);
        let (wanted, got) = (picture.to_rgba8().get_pixel(150, 150).0, variant.to_rgba8().get_pixel(48, 48).0);
        let far = wanted.iter().zip(got).map(|(wanted, got)| wanted.abs_diff(got)).max().unwrap();
        assert!(far < 12, "{name}: {wanted:?} became {got:?}");
    }
}

#[tokio::test]
async fn a_turned_image_is_upright_and_tells_nothing_of_where_it_was_made() {
    let app = TestApp::new().await;
    for (orientation, top_is_red, measures_) in [(6, true, (96, 192)), (8, false, (96, 192))] {
        let file = turned_jpeg(400, 200, orientation);
        assert!(contains(&file, b"48.1374") && contains(&file, b"<script>"));
        let media = app.uploaded(&app.ann, file).await;

        assert_eq!(measures(&media)[0], measures_, "{orientation}: {media}");
        for content in app.variants(&media).await {
            assert!(!contains(&content, b"48.1374") && !contains(&content, b"script") && !contains(&content, b"Exif"), "{orientation}");
        }
        let top = shown(&app.variants(&media).await[0]).get_pixel(48, 10).0;
        assert_eq!(top[0] > 200, top_is_red, "{orientation}: {top:?}");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn an_image_of_a_few_pixels_is_its_only_variant() {
    let app = TestApp::new().await;
    for (width, height) in [(1, 1), (3, 5_000), (5_000, 3)] {
        let media = app.uploaded(&app.ann, encoded(&picture(width, height), ImageFormat::Png)).await;

        assert_eq!(media["status"], "ready", "{media}");
        let (widest, _) = *measures(&media).last().unwrap();
        assert_eq!(widest, u64::from(width.min(1_280)), "{media}");
    }
}

#[tokio::test]
async fn equal_images_have_one_content() {
    let app = TestApp::new().await;
    let (one, other) = (app.uploaded(&app.ann, jpeg(300, 200)).await, app.uploaded(&app.bob, jpeg(300, 200)).await);

    assert_ne!(one["id"], other["id"]);
    assert_eq!(one["variants"], other["variants"]);
    app.leaves_nothing_staged().await;
    assert_eq!(app.files().len(), one["variants"].as_array().unwrap().len());
}

#[tokio::test]
async fn a_key_makes_one_upload_of_one_body() {
    let app = TestApp::new().await;
    let keyed = |body: Vec<u8>| app.upload(&app.ann, body).header("idempotency-key", "k");
    let (status, first) = send(keyed(jpeg(300, 200))).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, again) = send(keyed(jpeg(300, 200))).await;
    assert_eq!((status, &again), (StatusCode::CREATED, &first));

    let (status, other) = send(keyed(jpeg(301, 200))).await;

    assert_eq!((status, other), (StatusCode::UNPROCESSABLE_ENTITY, json!({"errors": {"idempotencyKey": ["was used with another body"]}})));
    app.settled(first["media"]["id"].as_str().unwrap()).await;
    app.leaves_nothing_staged().await;
    assert_eq!(app.rows("select count(*) from uploads").await, 1);
    let (status, _) = send(app.upload(&app.ann, jpeg(9, 9)).header("idempotency-key", "k ey")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn only_who_is_signed_in_uploads_and_anybody_reads() {
    let app = TestApp::new().await;
    for (header, message) in [(None, "is missing"), (Some("Token nonsense"), "is invalid")] {
        let mut request = app.http.post(app.url("/api/media")).body(jpeg(2_000, 2_000));
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let (status, answer) = send(request).await;
        assert_eq!((status, answer), (StatusCode::UNAUTHORIZED, json!({"errors": {"token": [message]}})));
    }
    app.leaves_nothing_staged().await;
    let not_found = json!({"errors": {"media": ["not found"]}});
    for id in ["x", "1", "AAAAAAAAAAA", "%00", "..%2f.."] {
        assert_eq!(send(app.get(&format!("/api/media/{id}"))).await, (StatusCode::NOT_FOUND, not_found.clone()), "{id}");
    }
}

#[tokio::test]
async fn too_many_uploads_of_one_user_are_put_off() {
    let rate = magnitude_limit::Rate { per_second: 0.001, burst: 2.0 };
    let app = TestApp::with(|settings| settings.uploads.per_user = rate).await;
    for _ in 0..2 {
        assert_eq!(send(app.upload(&app.ann, jpeg(50, 50))).await.0, StatusCode::CREATED);
    }

    let refused = app.upload(&app.ann, jpeg(50, 50)).send().await.unwrap();

    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(send(app.upload(&app.bob, jpeg(50, 50))).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn an_answer_is_not_sent_again_to_who_has_it() {
    let app = TestApp::new().await;
    let media = app.uploaded(&app.ann, jpeg(100, 100)).await;
    let path = media["url"].as_str().unwrap();
    let tag = app.get(path).send().await.unwrap().headers()["etag"].clone();

    let again = app.get(path).header("if-none-match", tag).send().await.unwrap();

    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn a_decoder_that_cannot_start_is_tried_again_and_then_the_upload_is_rejected() {
    let app = TestApp::with(|settings| settings.decoder.program = "/bin/false".to_owned()).await;

    let media = app.uploaded(&app.ann, jpeg(100, 100)).await;

    assert_eq!((&media["status"], &media["reason"]), (&json!("rejected"), &json!("cannot be decoded")));
    app.leaves_nothing_staged().await;
}
