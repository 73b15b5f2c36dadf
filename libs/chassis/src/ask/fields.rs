use std::borrow::Cow;

use axum::http::StatusCode;

use crate::ApiError;

/// Collects every bad field of a body, then fails once with 422.
#[derive(Default)]
pub struct Fields {
    error: Option<ApiError>,
}

impl Fields {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn problem(&mut self, field: &'static str, message: impl Into<Cow<'static, str>>) {
        self.error = Some(match self.error.take() {
            Some(error) => error.and(field, message),
            None => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, field, message),
        });
    }

    /// Err(422) if any problem was noted.
    pub fn finish(self) -> Result<(), ApiError> {
        self.error.map_or(Ok(()), Err)
    }
}
