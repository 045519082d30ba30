//! A database that can go away: a proxy before the private PostgreSQL.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

const SOCKET: &str = ".s.PGSQL.5432";

/// Passes connections on to a PostgreSQL, as long as it is told to.
pub struct Proxy {
    folder: tempfile::TempDir,
    url: String,
    open: watch::Sender<bool>,
    refused: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Proxy {
    /// A proxy before the database at `url`, which names the folder of its socket.
    pub fn before(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (database, upstream) = url.split_once("?host=").unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let (open, is_open) = watch::channel(true);
        let refused = Arc::new(AtomicU64::new(0));
        let upstream = Path::new(upstream).join(SOCKET);
        let count = Arc::clone(&refused);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                if !*is_open.borrow() {
                    count.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let (upstream, mut is_open) = (upstream.clone(), is_open.clone());
                connections.spawn(async move {
                    let mut server = UnixStream::connect(upstream).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = is_open.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        let url = format!("{database}?host={}", folder.path().display());
        Self { folder, url, open, refused, task: task.abort_handle() }
    }

    /// Where the proxy listens.
    pub fn url(&self) -> &str {
        assert!(self.folder.path().exists());
        &self.url
    }

    /// Cuts every connection and lets none through.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets connections through again.
    pub fn restore(&self) {
        self.open.send_replace(true);
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
