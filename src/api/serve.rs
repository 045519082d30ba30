//! Connections: accepted up to a limit, and ended where a client keeps one for nothing.
//!
//! A request's body and its handler have limits of their own (`limits`, `uploads`); here are those of what lies around
//! them: the request's head, which must come in time, and the answer, which must be taken.

use super::error::ApiError;
use super::request_id;
use axum::Router;
use axum::response::IntoResponse as _;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::fmt::Write as _;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// How many may be open.
    pub most: usize,
    /// How long a client may take for the head of a request, or to take any of an answer.
    pub patience: Duration,
}

/// Connections that are told at the same time that there are too many. Further ones are closed without a word.
const TOLD_AT_ONCE: usize = 64;

/// How long a client that is one too many may take to hear so.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long to wait where the machine has no more connections to give.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Serves until `stopping` is cancelled, then lets the open requests end.
pub async fn serve(listener: TcpListener, router: Router, limits: Connections, stopping: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let (places, told) = (Arc::new(Semaphore::new(limits.most)), Arc::new(Semaphore::new(TOLD_AT_ONCE)));
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            // The client's own doing: it was gone before it was here.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                sleep(EXHAUSTED).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            if let Ok(turn) = Arc::clone(&told).try_acquire_owned() {
                tokio::spawn(async move {
                    let _turn = turn;
                    // A client that does not listen hears nothing.
                    let _ = timeout(FAREWELL, turn_away(stream)).await;
                });
            }
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection waits to fill its packets");
        }
        let connection =
            http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(limits.patience).serve_connection(
                TokioIo::new(Patient::new(stream, limits.patience)),
                TowerToHyperService::new(router.clone()),
            );
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// Tells a client that it is one too many, and when to come again.
async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    let refused = || ApiError::Overloaded("too many connections are open; try again shortly").into_response();
    let (parts, body) = request_id::outside(refused).into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(io::Error::other)?;
    // What was asked is read, or closing would take the answer back.
    let mut asked = [0; 4096];
    let _ = stream.read(&mut asked).await?;
    let mut head = format!("HTTP/1.1 {}\r\ncontent-length: {}\r\nconnection: close\r\n", parts.status, body.len());
    for (name, value) in &parts.headers {
        // Writing into a String does not fail; a value that is no text is none of ours.
        let _ = write!(head, "{name}: {}\r\n", value.to_str().unwrap_or(""));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}

/// A connection whose client must take what is written within some time, or loses it.
struct Patient {
    stream: TcpStream,
    patience: Duration,
    /// Runs while the client takes nothing.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, waiting: None }
    }

    fn wait<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take its answer")))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wait(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.wait(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
