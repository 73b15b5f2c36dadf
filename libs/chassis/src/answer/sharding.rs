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

/// The server had no time, lost a race (serialization, deadlock, lock or statement timeout, shutting down) or lacks something (disk,
/// memory, connections): the same request may succeed in a moment. Everything else is a defect of ours.
fn is_passing(error: &Error) -> bool {
    code(error).is_some_and(|code| passes(&code))
}

fn passes(code: &str) -> bool {
    const CODES: [&str; 8] = ["40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "25006"];
    // Class 53: insufficient resources. 58030: the disk failed.
    CODES.contains(&code) || code.starts_with("53") || code == "58030"
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

    #[test]
    fn a_full_disk_passes_and_a_broken_constraint_does_not() {
        for code in ["53100", "53200", "53300", "40001", "57P03", "58030"] {
            assert!(passes(code), "{code}");
        }
        for code in ["23505", "42601", "MG002"] {
            assert!(!passes(code), "{code}");
        }
    }
}
