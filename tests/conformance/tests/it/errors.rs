//! The shape of every error, unknown paths and methods, and which refusal comes first.

use magnitude_conformance::{Api, Gate, Method, User, json, unique};

#[tokio::test]
async fn an_unknown_path_is_not_found_in_the_apis_shape() {
    let user = User::register().await;
    let not_found = json!({"path": ["not found"]});
    for path in ["/nothing", "/users/1/2", "/articles/a/b/c/d", "/tags/x", "/profiles", "/profiles/a/b"] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let answer = user.api.send(method, path, &[], None).await;

            answer.refuses(404, not_found.clone());
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_not_allowed_in_the_apis_shape() {
    let user = User::register().await;
    let wrong = [
        (Method::GET, "/users"),
        (Method::DELETE, "/users"),
        (Method::GET, "/users/login"),
        (Method::GET, "/users/logout"),
        (Method::POST, "/user"),
        (Method::POST, "/user/sessions"),
        (Method::GET, "/user/sessions/1"),
        (Method::POST, "/profiles/x"),
        (Method::GET, "/profiles/x/follow"),
        (Method::PUT, "/articles"),
        (Method::POST, "/articles/feed"),
        (Method::PATCH, "/articles/x"),
        (Method::PUT, "/articles/x/favorite"),
        (Method::PUT, "/articles/x/comments"),
        (Method::GET, "/articles/x/comments/1"),
        (Method::POST, "/tags"),
    ];
    for (method, path) in wrong {
        for gate in [Gate::Envoy, Gate::Instance(0)] {
            let answer = user.at(gate).send(method.clone(), path, &[], None).await;

            answer.refuses(405, json!({"method": ["not allowed"]}));
        }
    }
}

#[tokio::test]
async fn a_missing_token_is_decided_before_all_else() {
    let author = User::register().await;
    let slug = author.publish().await;
    let api = Api::anonymous();
    let nowhere = format!("/articles/{}", unique("nowhere"));
    let writes = [
        (Method::PUT, "/user".to_owned()),
        (Method::POST, "/articles".to_owned()),
        (Method::PUT, nowhere.clone()),
        (Method::DELETE, nowhere.clone()),
        (Method::POST, format!("{nowhere}/comments")),
        (Method::DELETE, format!("{nowhere}/comments/1")),
        (Method::POST, format!("{nowhere}/favorite")),
        (Method::DELETE, format!("{nowhere}/favorite")),
        (Method::PUT, format!("/articles/{slug}")),
        (Method::DELETE, format!("/articles/{slug}")),
        (Method::POST, format!("/articles/{slug}/comments")),
    ];
    for (method, path) in writes {
        let missing = api.bytes(method.clone(), &path, "not json").await;
        let invalid = api.with_token("x").bytes(method, &path, "not json").await;

        missing.refuses(401, json!({"token": ["is missing"]}));
        invalid.refuses(401, json!({"token": ["is invalid"]}));
    }
}

#[tokio::test]
async fn not_found_is_decided_before_the_body_is_judged() {
    let user = User::register().await;
    let nowhere = format!("/articles/{}", unique("nowhere"));
    let not_found = json!({"article": ["not found"]});
    for body in ["not json", "{}", r#"{"article":{"title":""}}"#, r#"{"comment":{"body":""}}"#] {
        let change = user.api.bytes(Method::PUT, &nowhere, body).await;
        let comment = user.api.bytes(Method::POST, &format!("{nowhere}/comments"), body).await;

        change.refuses(404, not_found.clone());
        comment.refuses(404, not_found.clone());
    }
}

#[tokio::test]
async fn not_found_is_decided_before_the_key_is_judged() {
    let user = User::register().await;
    let (article, profile) = (unique("nowhere"), unique("nobody"));
    let (no_article, no_profile) = (json!({"article": ["not found"]}), json!({"profile": ["not found"]}));
    let routes = [
        (format!("/articles/{article}/favorite"), &no_article),
        (format!("/articles/{article}/comments"), &no_article),
        (format!("/profiles/{profile}/follow"), &no_profile),
    ];
    for (path, not_found) in routes {
        for key in ["two words", &"k".repeat(129)] {
            let answer = user.api.post_keyed(&path, key, &json!({"comment": {"body": "c"}})).await;

            answer.refuses(404, not_found.clone());
        }
    }
}

#[tokio::test]
async fn forbidden_is_decided_before_the_body_is_judged() {
    let (author, other) = (User::register().await, User::register().await);
    let path = format!("/articles/{}", author.publish().await);
    for body in ["not json", "{}", r#"{"article":{"title":""}}"#, r#"{"article":{"tagList":null}}"#] {
        let answer = other.api.bytes(Method::PUT, &path, body).await;

        answer.refuses(403, json!({"article": ["forbidden"]}));
    }
}
