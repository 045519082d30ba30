//! A database that can go away: a TCP proxy before the private PostgreSQL.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

const SOCKET: &str = ".s.PGSQL.5432";

/// What a proxy does with what comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// Passes it on.
    Open,
    /// Passes it on, this much later.
    Slow(Duration),
    /// Keeps it to itself, and says nothing: connections are half open.
    Silent,
    /// Resets connections, and lets none through.
    Cut,
}

/// Passes connections on to a PostgreSQL, as long as it is told to.
pub struct Proxy {
    url: String,
    way: watch::Sender<Way>,
    refused: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Proxy {
    /// A proxy before the database at `url`, which names the folder of its socket.
    pub async fn before(url: &str) -> Self {
        let (database, upstream) = url.split_once("?host=").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = database.replace("@localhost/", &format!("@{}/", listener.local_addr().unwrap()));
        let (way, ways) = watch::channel(Way::Open);
        let refused = Arc::new(AtomicU64::new(0));
        let upstream = Path::new(upstream).join(SOCKET);
        let count = Arc::clone(&refused);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if *ways.borrow() == Way::Cut {
                    count.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let (upstream, mut until_cut) = (upstream.clone(), ways.clone());
                let (there, back) = (ways.clone(), ways.clone());
                connections.spawn(async move {
                    // Its end is a reset, not a goodbye.
                    client.set_zero_linger().unwrap();
                    // With the server stopped the connection ends at once, as if it had been refused.
                    let Ok(server) = UnixStream::connect(upstream).await else { return };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::select! {
                        () = pass(from_client, to_server, there) => {}
                        () = pass(from_server, to_client, back) => {}
                        _ = until_cut.wait_for(|way| *way == Way::Cut) => {}
                    }
                });
            }
        });
        Self { url, way, refused, task: task.abort_handle() }
    }

    /// Where the proxy listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Resets every connection and lets none through.
    pub fn cut(&self) {
        self.way.send_replace(Way::Cut);
    }

    /// Passes nothing on, and says nothing.
    pub fn silence(&self) {
        self.way.send_replace(Way::Silent);
    }

    /// Passes everything on late.
    pub fn slow_down(&self, by: Duration) {
        self.way.send_replace(Way::Slow(by));
    }

    /// Lets connections through again; what was kept back goes on its way.
    pub fn restore(&self) {
        self.way.send_replace(Way::Open);
    }

    /// How often somebody has tried in vain.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut ways: watch::Receiver<Way>) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = match from.read(&mut buffer).await {
            Ok(length) if length > 0 => length,
            _ => return,
        };
        let way = *ways.borrow();
        match way {
            Way::Open => {}
            Way::Slow(by) => tokio::time::sleep(by).await,
            Way::Silent | Way::Cut => {
                if ways.wait_for(|way| !matches!(way, Way::Silent | Way::Cut)).await.is_err() {
                    return;
                }
            }
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
