use axum::{
    extract::{FromRef, FromRequestParts},
    http::{Extensions, HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use crate::{Session, Sessions, Token, TokenHash};

/// A route that needs a session: 401 without one.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub session: Session,
    pub token: Token,
}

/// A route where a session is optional: a missing or bad token is an anonymous viewer, since browsers that hold an old token
/// must still read.
#[derive(Clone, Debug)]
pub struct Viewer(pub Option<Session>);

/// Why there is no session, in the API's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Missing,
    Invalid,
    /// Neither Redis nor the owner could tell: saying "invalid" would log people out for our own trouble.
    Unavailable,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    Sessions: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let text = token(&parts.headers)?;
        let token = Token::parse(text).ok_or(Refusal::Invalid)?;
        let session = resolve(&Sessions::from_ref(state), &token, &mut parts.extensions).await?;
        Ok(Self { session: session.ok_or(Refusal::Invalid)?, token })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Viewer
where
    Sessions: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match token(&parts.headers).ok().and_then(Token::parse) {
            Some(token) => Ok(Self(resolve(&Sessions::from_ref(state), &token, &mut parts.extensions).await?)),
            None => Ok(Self(None)),
        }
    }
}

/// What was resolved for this request already.
#[derive(Clone)]
struct Resolved(TokenHash, Option<Session>);

impl Sessions {
    /// The session of a request, for layers. The extractors inside do not ask again. Fails when nobody can tell.
    pub async fn of(&self, headers: &HeaderMap, extensions: &mut Extensions) -> anyhow::Result<Option<Session>> {
        let Some(token) = token(headers).ok().and_then(Token::parse) else { return Ok(None) };
        let session = self.resolve(&token).await?;
        extensions.insert(Resolved(token.hash(), session.clone()));
        Ok(session)
    }
}

async fn resolve(sessions: &Sessions, token: &Token, extensions: &mut Extensions) -> Result<Option<Session>, Refusal> {
    if let Some(Resolved(_, session)) = extensions.get::<Resolved>().filter(|Resolved(hash, _)| *hash == token.hash()) {
        return Ok(session.clone());
    }
    sessions.resolve(token).await.map_err(|error| {
        tracing::warn!(error = %format_args!("{error:#}"), "a session could not be resolved");
        Refusal::Unavailable
    })
}

/// `Authorization: Token <token>` or `Bearer <token>`.
pub(crate) fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let value = headers.get(header::AUTHORIZATION).ok_or(Refusal::Missing)?;
    let text = value.to_str().map_err(|_| Refusal::Invalid)?;
    let (scheme, token) = text.trim().split_once(' ').ok_or(Refusal::Invalid)?;
    let known = ["token", "bearer"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if known { Ok(token.trim()) } else { Err(Refusal::Invalid) }
}

impl Refusal {
    fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        metrics::counter!("session_refusals_total", "reason" => self.reason()).increment(1);
        let json = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
        match self {
            Self::Missing => (StatusCode::UNAUTHORIZED, json, r#"{"errors":{"token":["is missing"]}}"#).into_response(),
            Self::Invalid => (StatusCode::UNAUTHORIZED, json, r#"{"errors":{"token":["is invalid"]}}"#).into_response(),
            Self::Unavailable => {
                let retry = [(header::RETRY_AFTER, "1")];
                (StatusCode::SERVICE_UNAVAILABLE, retry, json, r#"{"errors":{"server":["sessions cannot be read now"]}}"#).into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<String, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        token(&headers).map(str::to_owned)
    }

    #[test]
    fn both_schemes_are_accepted_and_others_are_invalid() {
        assert_eq!(read("Token abc"), Ok("abc".into()));
        assert_eq!(read("bearer abc"), Ok("abc".into()));
        assert_eq!(read("Basic abc"), Err(Refusal::Invalid));
        assert_eq!(read("Token"), Err(Refusal::Invalid));
        assert_eq!(read("Token é"), Err(Refusal::Invalid));
        assert_eq!(token(&HeaderMap::new()), Err(Refusal::Missing));
    }
}
