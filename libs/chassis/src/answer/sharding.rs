use std::borrow::Cow;

use axum::http::StatusCode;
use magnitude_sharding::Error;

use super::ApiError;
use crate::ask::FIELD as KEY;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::BucketUnavailable | Error::Unavailable | Error::Busy | Error::GivenUp => Self::unavailable(error),
            Error::Unknown => Self::outcome_unknown(error),
            Error::InProgress => Self::new(StatusCode::CONFLICT, KEY, "is in use by another request"),
            Error::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, KEY, "was used with another body"),
            Error::Database(_) if is_passing(&error) => Self::unavailable(error),
            Error::Database(_) => Self::internal(error),
        }
    }
}

/// The server had no time or lost a race (serialization, deadlock, lock or statement timeout, shutting down): the same request
/// may succeed in a moment. Everything else is a defect of ours.
fn is_passing(error: &Error) -> bool {
    const CODES: [&str; 9] = ["40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "25006", "53300"];
    code(error).is_some_and(|code| CODES.contains(&code.as_ref()))
}

fn code(error: &Error) -> Option<Cow<'_, str>> {
    let Error::Database(error) = error else { return None };
    error.as_database_error()?.code()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_a_shard_has_its_status() {
        let status = |error| ApiError::from(error).status().as_u16();

        assert_eq!(status(Error::Unavailable), 503);
        assert_eq!(status(Error::BucketUnavailable), 503);
        assert_eq!(status(Error::Busy), 503);
        assert_eq!(status(Error::GivenUp), 503);
        assert_eq!(status(Error::Unknown), 504);
        assert_eq!(status(Error::InProgress), 409);
        assert_eq!(status(Error::KeyReused), 422);
    }
}
