//! Watches over one exchange with the server: whether bytes still move, what time the server says
//! it is, and that an answer stays within its bound.
//!
//! Two limits end an exchange. **Standstill**: for 60 s to 188 s no bytes moved, which is what a dead
//! connection looks like; a slow line is not cut off, however slow. **Trickle**: the whole exchange
//! takes longer than the body would at 4 KiB/s, so that a server which sends a byte a minute does
//! not hold a backup for ever. A fixed timeout cannot do both: one long enough for 64 MiB over a
//! shared ADSL line takes an hour to see that a connection is dead.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat, SdkBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::timeout;

use crate::seams::{Clock, Timestamp};

/// How much is handed to the connection at once: each piece taken shows that bytes move.
const PIECE_BYTES: usize = 64 << 10;

/// Bytes that the kernel may hold after the connection took them, and how slow a line is still
/// waited for while it sends them.
const KERNEL_BUFFER_BYTES: u64 = 4 << 20;
const SLOWEST_BYTES_PER_SECOND: u64 = 32 << 10;
const TRICKLE_BYTES_PER_SECOND: u64 = 4 << 10;

/// How long a working server may take for an answer: throttled ones take half a minute.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(60);

/// The longest standstill of an exchange that sends so many bytes: the time for an answer, and for
/// what the kernel still holds of the body 1 s per 32 KiB; at most 188 s.
fn patience(answer_time: Duration, bytes: u64) -> Duration {
    let in_kernel = bytes.min(KERNEL_BUFFER_BYTES);
    answer_time + Duration::from_secs(in_kernel / SLOWEST_BYTES_PER_SECOND)
}

/// The longest exchange that moves so many bytes, standstills aside.
fn longest(bytes: u64) -> Duration {
    Duration::from_secs(bytes / TRICKLE_BYTES_PER_SECOND)
}

/// No bytes moved for too long, or too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stalled;

/// One exchange, shared between the caller, the SDK and the connection.
#[derive(Clone)]
pub(super) struct Exchange(Arc<Shared>);

struct Shared {
    /// The body to send; empty where there is none.
    body: Bytes,
    /// Bytes of an answer; one that is longer is cut off with an error.
    answer_bytes_max: u64,
    answer_time: Duration,
    clock: Arc<dyn Clock>,
    /// When bytes moved last, as time since boot.
    moved: Mutex<Duration>,
    date: Mutex<Option<Timestamp>>,
    is_tls: Arc<AtomicBool>,
}

impl Exchange {
    pub(super) fn new(
        body: Bytes,
        answer_bytes_max: u64,
        answer_time: Duration,
        clock: Arc<dyn Clock>,
        is_tls: Arc<AtomicBool>,
    ) -> Self {
        Self(Arc::new(Shared {
            body,
            answer_bytes_max,
            answer_time,
            moved: Mutex::new(clock.since_boot()),
            clock,
            date: Mutex::default(),
            is_tls,
        }))
    }

    /// What the server said the time was, if it said so.
    pub(super) fn date(&self) -> Option<Timestamp> {
        *self.0.date.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `work` until bytes stop moving; `bytes`: how many are expected to, either way.
    pub(super) async fn watch<T>(
        &self,
        bytes: u64,
        work: impl Future<Output = T>,
    ) -> Result<T, Stalled> {
        let mut work = pin!(work);
        let patience = patience(self.0.answer_time, self.0.body.len() as u64);
        let clock = &self.0.clock;
        self.note_progress();
        let end = clock.since_boot() + patience + longest(bytes);
        loop {
            let deadline = (self.moved() + patience).min(end);
            let left = deadline.saturating_sub(clock.since_boot());
            if left.is_zero() {
                return Err(Stalled);
            }
            if let Ok(done) = timeout(left, &mut work).await {
                return Ok(done);
            }
        }
    }

    fn note_progress(&self) {
        *self.0.moved.lock().unwrap_or_else(PoisonError::into_inner) = self.0.clock.since_boot();
    }

    fn moved(&self) -> Duration {
        *self.0.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "Exchange"
    }

    /// After signing: the signed headers stay, the body goes out in pieces, without a copy.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let is_tls = request.uri().starts_with("https://");
        self.0.is_tls.store(is_tls, Ordering::Relaxed);
        if !self.0.body.is_empty() {
            *request.body_mut() = SdkBody::from_body_1_x(Pieces {
                left: self.0.body.clone(),
                exchange: self.clone(),
            });
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.note_progress();
        let response = context.response_mut();
        let date = response
            .headers()
            .get("date")
            .and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok())
            .map(|date| Timestamp::from_seconds(date.secs()));
        *self.0.date.lock().unwrap_or_else(PoisonError::into_inner) = date;
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        *response.body_mut() = SdkBody::from_body_1_x(Answer {
            body,
            left: self.0.answer_bytes_max,
            exchange: self.clone(),
        });
        Ok(())
    }
}

/// A body on its way out.
struct Pieces {
    left: Bytes,
    exchange: Exchange,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        self.exchange.note_progress();
        let bytes = self.left.len().min(PIECE_BYTES);
        let piece = self.left.split_to(bytes);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

/// A body on its way in.
struct Answer {
    body: SdkBody,
    left: u64,
    exchange: Exchange,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.exchange.note_progress();
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            match self.left.checked_sub(bytes) {
                Some(left) => self.left = left,
                None => {
                    return Poll::Ready(Some(Err("the answer is longer than it may be".into())));
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_with_the_body_and_ends() {
        let patience = |bytes| patience(ANSWER_TIME, bytes).as_secs();
        assert_eq!(patience(0), 60);
        assert_eq!(patience(1 << 20), 92);
        assert_eq!(patience(16 << 20), 188);
        assert_eq!(patience(u64::MAX), 188);
        assert_eq!(longest(16 << 20).as_secs(), 4096);
    }
}
