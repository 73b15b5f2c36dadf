use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use percent_encoding::percent_decode;

use crate::ApiError;

/// Query parameters as text; the first of each name wins. What cannot be text (bad percent-encoding, bad UTF-8, NUL) is 422
/// with the parameter's name.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn parse(query: &str) -> Result<Self, ApiError> {
        query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect::<Result<_, _>>().map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

fn pair(text: &str) -> Result<(String, String), ApiError> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let name = decode(name).ok_or_else(|| bad("query".to_owned()))?;
    match decode(value) {
        Some(value) => Ok((name, value)),
        None => Err(bad(name)),
    }
}

fn bad(name: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, name, "is not valid text")
}

fn decode(text: &str) -> Option<String> {
    if !percent_signs_are_escapes(text.as_bytes()) {
        return None;
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes()).decode_utf8().ok()?;
    (!decoded.contains('\0')).then(|| decoded.into_owned())
}

/// `percent_decode` passes a malformed escape through; a client that sends one meant something else.
fn percent_signs_are_escapes(text: &[u8]) -> bool {
    text.iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
        .all(|(at, _)| text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_name_wins() {
        let params = Params::parse("tag=a+b%20c&tag=d&&author").unwrap();

        assert_eq!(params.get("tag"), Some("a b c"));
        assert_eq!(params.get("author"), Some(""));
        assert_eq!(params.get("limit"), None);
    }

    #[test]
    fn what_is_no_text_is_refused_by_its_name() {
        for query in ["tag=%ff", "tag=%", "tag=%2", "tag=%zz", "tag=%00"] {
            let error = Params::parse(query).unwrap_err();
            assert_eq!(error.status(), StatusCode::UNPROCESSABLE_ENTITY);
            assert!(format!("{error:?}").contains("(\"tag\""), "{query}");
        }
    }
}
