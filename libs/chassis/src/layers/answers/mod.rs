//! Serialized answers of what is read often, for as long as all that they were made of stands; and the tags by which a client knows
//! that it has an answer already.

mod answer;
mod reading;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, header::AUTHORIZATION},
    middleware::{Next, from_fn_with_state},
    response::Response,
};

pub use answer::matches as knows;
use answer::{Answer, Made};
pub use reading::{KeptAnswer, Reading};

/// Bytes of answers that a process keeps.
const ROOM: usize = 16 << 20;
/// Longer ones are not looked for: they would fill the room with names.
const LONGEST_URI: usize = 512;

/// The answers of one process as anybody sees them, by path and query.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    answers: HashMap<Box<str>, Arc<Answer>>,
    bytes: usize,
}

impl Answers {
    /// Answers GETs without a session from what is kept, hands it to the handlers of those with one, and keeps what they make of it.
    pub fn around(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), serve))
    }

    fn get(&self, uri: &str) -> Option<Arc<Answer>> {
        self.0.lock().expect("no holder of this lock panics").answers.get(uri).cloned()
    }

    fn keep(&self, uri: &str, answer: Arc<Answer>) {
        let mut guard = self.0.lock().expect("no holder of this lock panics");
        let kept = &mut *guard;
        if let Some(old) = kept.answers.remove(uri) {
            kept.bytes -= old.body.len();
        }
        if kept.bytes + answer.body.len() > ROOM {
            let now = Instant::now();
            kept.answers.retain(|_, answer| answer.parts.are_live(now));
            kept.bytes = kept.answers.values().map(|answer| answer.body.len()).sum();
        }
        if kept.bytes + answer.body.len() <= ROOM {
            kept.bytes += answer.body.len();
            kept.answers.insert(uri.into(), answer);
        }
    }
}

async fn serve(State(answers): State<Answers>, mut request: Request, next: Next) -> Response {
    let uri = request.uri().path_and_query().map_or("/", |uri| uri.as_str());
    if request.method() != Method::GET || uri.len() > LONGEST_URI {
        return next.run(request).await;
    }
    let before = answers.get(uri);
    if let Some(answer) = &before
        && !request.headers().contains_key(AUTHORIZATION)
        && answer.parts.are_live(Instant::now())
    {
        answer.hit();
        return answer.response(request.headers());
    }
    let uri: Box<str> = uri.into();
    if let Some(before) = before {
        request.extensions_mut().insert(Made(before));
    }
    let mut response = next.run(request).await;
    if let Some(Made(answer)) = response.extensions_mut().remove()
        && answer.parts.are_live(Instant::now())
    {
        answers.keep(&uri, answer);
    }
    response
}
