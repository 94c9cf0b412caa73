//! A body whose bytes are counted while they pass.

use crate::metrics::{Counter, Inside};
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tracing::Span;

/// Passes everything on as it is, its size too.
pub struct Counted {
    body: Body,
    counter: &'static Counter<1>,
    surface: &'static str,
    /// What happens while the body is read belongs to the request.
    span: Span,
    /// The request is under way until its answer has been sent.
    _active: Option<Inside<1>>,
}

impl Counted {
    /// Counts the bytes of `body` for `surface`.
    pub fn body(body: Body, counter: &'static Counter<1>, surface: &'static str, span: Span, active: Option<Inside<1>>) -> Body {
        Body::new(Self { body, counter, surface, span, _active: active })
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let _inside = this.span.enter();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            this.counter.add([this.surface], data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
