use std::{io, time::Duration};

use magnitude_database::Node;
use tokio::time::timeout;

use crate::{Error, error::lost_connection};

/// How much longer than the server's own limit a statement is waited for.
const MARGIN: Duration = Duration::from_secs(1);

/// Ends a wait that the server will not end: it was cut off, frozen or is no longer what it was. A server that answers ends its
/// statements itself, `statement_timeout` after they began.
pub(crate) async fn bounded<T, E: Lost>(
    node: &Node,
    statement_timeout: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let late = || sqlx::Error::Io(io::ErrorKind::TimedOut.into());
    let done = tokio::select! {
        biased;
        done = timeout(statement_timeout + MARGIN, work) => done.unwrap_or_else(|_| Err(late().into())),
        () = node.lost() => Err(late().into()),
    };
    if done.as_ref().is_err_and(Lost::is_lost) {
        node.doubt();
    }
    done
}

/// An error that may say that the server, not the statement, was the trouble.
pub(crate) trait Lost: From<sqlx::Error> {
    fn is_lost(&self) -> bool;
}

impl Lost for sqlx::Error {
    fn is_lost(&self) -> bool {
        lost_connection(self)
    }
}

impl Lost for Error {
    fn is_lost(&self) -> bool {
        matches!(self, Self::Unavailable)
    }
}
