use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use crate::{ApiError, Params};

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;
const MAX_OFFSET: u32 = 10_000;

/// `limit` (default 20, more than 100 is 100, past 64 bits too) and `offset` (default 0, over 10 000 is 422) of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub limit: u32,
    pub offset: u32,
}

impl Page {
    fn parse(params: &Params) -> Result<Self, ApiError> {
        let limit = number(params, "limit", DEFAULT_LIMIT).map(|limit| limit.min(MAX_LIMIT));
        let offset = number(params, "offset", 0)
            .and_then(|offset| if offset > MAX_OFFSET { Err(format!("must be at most {MAX_OFFSET}")) } else { Ok(offset) });
        match (limit, offset) {
            (Ok(limit), Ok(offset)) => Ok(Self { limit, offset }),
            (Err(limit), Ok(_)) => Err(bad("limit", limit)),
            (Ok(_), Err(offset)) => Err(bad("offset", offset)),
            (Err(limit), Err(offset)) => Err(bad("limit", limit).and("offset", offset)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Self::parse(&Params::from_request_parts(parts, state).await?)
    }
}

fn bad(field: &'static str, message: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, field, message)
}

/// Digits only, as many as there are: what does not fit is the largest number.
fn number(params: &Params, name: &str, default: u32) -> Result<u32, String> {
    match params.get(name) {
        None => Ok(default),
        Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(text.parse().unwrap_or(u32::MAX)),
        Some(_) => Err("must be a whole number, zero or more".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<(u32, u32), String> {
        let page = Page::parse(&Params::parse(query).unwrap());
        page.map(|page| (page.limit, page.offset)).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn a_page_has_defaults_and_bounds() {
        assert_eq!(page(""), Ok((20, 0)));
        assert_eq!(page("limit=0&offset=10000"), Ok((0, 10_000)));
        assert_eq!(page("limit=101"), Ok((100, 0)));
        assert_eq!(page(&format!("limit={}", "9".repeat(400))), Ok((100, 0)));
        assert_eq!(page(&format!("limit={}7", "0".repeat(400))), Ok((7, 0)));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["%2B5", "+5", "-1", "1.5", "abc", "", "%D9%A1"] {
            assert!(page(&format!("limit={text}")).unwrap_err().contains("must be a whole number, zero or more"), "{text}");
        }
    }

    #[test]
    fn both_are_named_at_once() {
        let refused = page(&format!("limit=-1&offset={}", "9".repeat(50))).unwrap_err();

        assert!(refused.contains("limit"));
        assert!(refused.contains("must be at most 10000"));
    }
}
