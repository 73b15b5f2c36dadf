/// Why a read or a write did not happen; a variant is something the caller's client can act on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no shard owns the bucket now")]
    BucketUnavailable,
    #[error("the database could not be reached in time")]
    Unavailable,
    /// Every connection of this process was in use: more of the same would only wait.
    #[error("no connection to the database was free in time")]
    Busy,
    /// The write may or may not have happened: neither could be proved before the deadline.
    #[error("the outcome of the write is not known")]
    Unknown,
    /// The write was settled as never to come before it began.
    #[error("the write was given up")]
    GivenUp,
    #[error("another request with this idempotency key is being worked on")]
    InProgress,
    #[error("this idempotency key was used with another body")]
    KeyReused,
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            error if lost_connection(&error) => Self::Unavailable,
            error => Self::Database(error),
        }
    }
}

/// Raised by the guard and the read gates of the migration.
pub(crate) const NOT_OWNED: &str = "MG001";

pub(crate) fn not_owned(error: &sqlx::Error) -> bool {
    code(error).as_deref() == Some(NOT_OWNED)
}

/// The statement took longer than it may, here for a row or a lock.
pub(crate) fn timed_out(error: &sqlx::Error) -> bool {
    code(error).as_deref() == Some("57014")
}

/// Whether the server, not the statement, was the trouble: the connection broke, or it shut down (57P01 to 57P03), or it
/// became a replica (25006), or it has no room (53300), or a replica cancelled the read for its replay (40001 there).
pub(crate) fn lost_connection(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => true,
        _ => matches!(code(error).as_deref(), Some("57P01" | "57P02" | "57P03" | "25006" | "53300")),
    }
}

pub(crate) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned)
}
