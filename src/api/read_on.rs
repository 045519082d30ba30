//! Reads some of what a client still sends of a body that was refused or not wanted: on a connection that is closed under
//! it, it would see that and not the answer (RFC 9112, section 9.6).

use axum::Error;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt as _;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot::{Sender, channel};

/// How long, and how much, is read.
const LONGEST: Duration = Duration::from_secs(1);
const MOST_BYTES: usize = 8 << 20;

/// Holds an answer back until its request's body has come, or enough of it.
pub async fn read_on(request: Request, next: Next) -> Response {
    // Who waits to be told to go on has sent nothing yet.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (left_over, mut rest) = channel();
    let lend = |body| Body::new(Lent { body, left_over: Some(left_over) });
    let response = next.run(request.map(lend)).await;
    if let Ok(body) = rest.try_recv() {
        // Whoever takes longer is not waited for.
        let _ = tokio::time::timeout(LONGEST, read(body)).await;
    }
    response
}

async fn read(body: Body) {
    let mut parts = body.into_data_stream();
    let mut bytes = 0;
    while let Some(Ok(part)) = parts.next().await {
        bytes += part.len();
        if bytes > MOST_BYTES {
            break;
        }
    }
}

/// A body that is given back by whoever drops it before its end.
struct Lent {
    body: Body,
    left_over: Option<Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(left_over) = self.left_over.take()
            && !self.body.is_end_stream()
        {
            // Nobody is there to take it when the client itself has gone.
            let _ = left_over.send(std::mem::take(&mut self.body));
        }
    }
}
