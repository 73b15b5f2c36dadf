use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};
use magnitude_chassis::{ApiError, Path};
use magnitude_objects::{Hash, Key};

use crate::{
    App,
    kind::{HEAD, Kind},
    serve::{self, File, Known},
};

/// `GET /objects/{hash}`: a content, for ever the same.
pub async fn object(State(app): State<App>, hash: Result<Path<String>, ApiError>, method: Method, headers: HeaderMap) -> Response {
    let Some(hash) = hash.ok().and_then(|Path(hash)| hash.parse::<Hash>().ok()) else { return serve::missing() };
    let key = Key::of_content(&hash);
    let found = async {
        let Some(about) = app.objects.about(&key).await? else { return Ok(None) };
        let head = app.objects.get_small_part(&key, HEAD as u64).await?.unwrap_or_default();
        let content_type = Kind::of(&head).map_or("application/octet-stream", Kind::content_type);
        Ok(Some(Known { size: about.size, tag: hash.to_string(), content_type }))
    };
    file(&app, &key, found.await, (&method, &headers)).await
}

/// `GET /assets/{name}`: a file of some release, by a name that has a hash in it.
pub async fn asset(State(app): State<App>, name: Result<Path<String>, ApiError>, method: Method, headers: HeaderMap) -> Response {
    let key = name.ok().and_then(|Path(name)| Some((Key::within(serve::ASSETS, &name)?, name)));
    let Some((key, name)) = key else { return serve::missing() };
    let about = app.objects.about(&key).await;
    let known = about.map(|about| {
        about.map(|about| {
            // The name stands for the content, and says the same in every store and after every release.
            let tag = format!("{:x}-{:.16}", about.size, Hash::of(name.as_bytes()).as_str());
            Known { size: about.size, tag, content_type: serve::content_type(&name) }
        })
    });
    file(&app, &key, known, (&method, &headers)).await
}

async fn file(
    app: &App,
    key: &Key,
    known: Result<Option<Known>, magnitude_objects::Error>,
    (method, headers): (&Method, &HeaderMap),
) -> Response {
    match known {
        Ok(Some(known)) => serve::file(&app.objects, File { key, known: &known }, method, headers).await,
        Ok(None) => serve::missing(),
        Err(error) => serve::unavailable(error),
    }
}
