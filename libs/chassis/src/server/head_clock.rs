//! The bound on how long a client may take to send the head of a request.
//!
//! hyper's own `header_read_timeout` also runs while a kept-alive connection is idle, so a load balancer would find its
//! connections closed under requests that it cannot send again. Here the clock starts with the first byte of a head.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// Above what load balancers keep idle connections for, so that they are the ones who close.
/// A net, not a promise: hyper does not always read while a connection is idle, and only a read sees the alarm.
const IDLE: Duration = Duration::from_secs(3700);

/// Counts up when a request begins and when it ends: odd means that one is running.
#[derive(Clone, Default)]
pub(super) struct HeadClock(Arc<AtomicU64>);

impl HeadClock {
    /// The head is complete; dropped when the request was answered.
    pub fn request(&self) -> RunningRequest {
        self.0.fetch_add(1, Ordering::AcqRel);
        RunningRequest(self.0.clone())
    }
}

pub(super) struct RunningRequest(Arc<AtomicU64>);

impl Drop for RunningRequest {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A stream that fails to read once a head takes too long.
pub(super) struct Timed<S> {
    stream: S,
    clock: HeadClock,
    limit: Duration,
    /// The count for which the alarm was set.
    seen: u64,
    begun: bool,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Timed<S> {
    pub fn new(stream: S, clock: HeadClock, limit: Duration) -> Self {
        Self { stream, clock, limit, seen: 0, begun: false, alarm: Box::pin(sleep_until(Instant::now() + IDLE)) }
    }

    fn alarm_in(&mut self, after: Duration) {
        self.alarm.as_mut().reset(Instant::now() + after);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = self.clock.0.load(Ordering::Acquire);
        if count != self.seen {
            self.seen = count;
            self.begun = false;
            self.alarm_in(IDLE);
        }
        let idle = count.is_multiple_of(2);
        let before = buf.filled().len();
        let Poll::Ready(outcome) = Pin::new(&mut self.stream).poll_read(cx, buf) else {
            if idle {
                ready!(self.alarm.as_mut().poll(cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            return Poll::Pending;
        };
        if idle && !self.begun && buf.filled().len() > before {
            self.begun = true;
            let limit = self.limit;
            self.alarm_in(limit);
        }
        Poll::Ready(outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
