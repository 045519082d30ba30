//! The composition root: opens the store, starts the workers, binds the socket and puts the router on it.

use crate::api::auth::{Auth, Hosts, is_loopback};
use crate::api::followers::Followers;
use crate::api::pictures::Pictures;
use crate::api::references::References;
use crate::api::serve::Connections;
use crate::api::state::Shared;
use crate::api::subjects::Subjects;
use crate::api::{self, Api, observe};
use crate::config;
use crate::library::Library;
use crate::sampler;
use crate::store::{self, Store};
use crate::worker::{Pool, WorkerConfig};
use anyhow::{Context as _, bail};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// A server that is ready to run: everything is open, nothing is served yet.
pub struct App {
    listener: TcpListener,
    local_addr: SocketAddr,
    router: axum::Router,
    store: Arc<dyn Store>,
    library: Arc<Library>,
    workers: WorkerConfig,
    stopping: CancellationToken,
    grace: Duration,
    connections: Connections,
}

impl App {
    /// Opens everything that the settings name.
    ///
    /// # Errors
    ///
    /// If the settings contradict one another, or something named by them cannot be opened.
    pub async fn build(config: config::Serve) -> anyhow::Result<Self> {
        let auth = auth(&config.access, config.http.listen)?;
        let store = open_store(&config.storage).await?;
        let listener = TcpListener::bind(config.http.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.http.listen))?;
        let local_addr = listener.local_addr().context("the socket has no address")?;
        let stopping = CancellationToken::new();
        let recorder = observe::install().context("cannot set up the figures for Prometheus")?;
        tokio::spawn(observe::upkeep(recorder.clone(), stopping.clone()));
        let library = Arc::new(library(&config.storage));
        let samplers = sampler::Handle::start(config::cores(), config.limits.sample_cache)
            .context("cannot start the sampler's threads")?;
        let connections = Connections { most: config.limits.max_connections, patience: config.http.client_timeout };
        let api = Api::new(Shared {
            store: store.clone(),
            library: library.clone(),
            samplers,
            references: Arc::new(References::new(config.storage.data_dir.join("references"))),
            subjects: Subjects::default(),
            loading: tokio::sync::Mutex::new(()),
            followers: Followers::default(),
            pictures: Pictures::new(config.limits.sample_cache),
            auth,
            slots: config.workers.slots,
            requests: Arc::new(Semaphore::new(config.limits.max_requests)),
            streams: Arc::new(Semaphore::new(config.limits.max_streams)),
            uploads: Arc::new(Semaphore::new(api::uploads::AT_ONCE)),
            importing: Arc::new(Semaphore::new(1)),
            limits: config.limits,
            client_timeout: config.http.client_timeout,
            stopping: stopping.clone(),
        });
        let (router, workers) = (api::router(api), workers(&config.workers));
        Ok(Self {
            listener,
            local_addr,
            router,
            store,
            library,
            workers,
            stopping,
            grace: config.http.grace,
            connections,
        })
    }

    /// The address that is listened on; its port is the one taken where port 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The store that is served.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// The datasets that are served.
    #[must_use]
    pub fn library(&self) -> Arc<Library> {
        self.library.clone()
    }

    /// Serves until `shutdown` resolves; then ends streams, lets open requests finish within the grace period, and
    /// has the workers write their checkpoints and give their jobs back.
    ///
    /// # Errors
    ///
    /// If the socket fails.
    pub async fn run_until_stopped(self, shutdown: impl Future<Output = ()> + Send) -> anyhow::Result<()> {
        let Self { listener, router, store, library, workers, stopping, grace, connections, .. } = self;
        let pool = Pool::start(store, library, workers);
        let server = tokio::spawn(api::serve::serve(listener, router, connections, stopping.clone()));
        shutdown.await;
        tracing::info!(grace_seconds = grace.as_secs_f64(), "stopping");
        stopping.cancel();
        let abort = server.abort_handle();
        let (served, ()) = tokio::join!(tokio::time::timeout(grace, server), stop_workers(pool, grace));
        match served {
            Ok(Ok(())) => {}
            Ok(Err(join)) => bail!("the HTTP server panicked: {join}"),
            Err(_) => {
                abort.abort();
                tracing::warn!("some connections did not end within the grace period and were cut");
            }
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Works until `shutdown` resolves, without HTTP; then has the workers write their checkpoints and give their jobs back.
///
/// # Errors
///
/// If something that the settings name cannot be opened.
pub async fn work_until_stopped(
    config: config::Worker,
    shutdown: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let store = open_store(&config.storage).await?;
    let workers = workers(&config.workers);
    tracing::info!(name = workers.name, slots = workers.slots, threads = workers.threads, "working");
    let pool = Pool::start(store, Arc::new(library(&config.storage)), workers);
    shutdown.await;
    tracing::info!("stopping");
    stop_workers(pool, WORKER_GRACE).await;
    tracing::info!("stopped");
    Ok(())
}

/// How long the slots of `gand worker` may take to leave a checkpoint.
const WORKER_GRACE: Duration = Duration::from_secs(30);

async fn stop_workers(pool: Pool, grace: Duration) {
    if tokio::time::timeout(grace, pool.stop()).await.is_err() {
        tracing::warn!("some slots did not end within the grace period; their leases will lapse");
    }
}

/// How long after its start a process waits for datasets whose files are not there.
const FOR_FILES: Duration = Duration::from_secs(60);

fn workers(config: &config::Workers) -> WorkerConfig {
    let workers = WorkerConfig::new(config.name(), config.slots, config.threads(), config.lease);
    WorkerConfig { files_until: Instant::now() + FOR_FILES, ..workers }
}

/// The datasets that the settings name: uploaded ones, and those that lie elsewhere.
#[must_use]
pub fn library(storage: &config::Storage) -> Library {
    Library::in_folders(&storage.data_dir, storage.datasets.as_deref())
}

/// Opens the database that the settings name, and makes the directory of the embedded one.
///
/// # Errors
///
/// If either cannot be done.
pub async fn open_store(storage: &config::Storage) -> anyhow::Result<Arc<dyn Store>> {
    let url = storage.database_url();
    if url.starts_with("sqlite") {
        std::fs::create_dir_all(&storage.data_dir)
            .with_context(|| format!("cannot make the directory {}", storage.data_dir.display()))?;
    }
    store::open(&url).await.context("cannot open the database")
}

/// Puts the rules of access together, and refuses to serve the world without any.
fn auth(access: &config::Access, listen: SocketAddr) -> anyhow::Result<Auth> {
    let mut tokens = access.tokens.clone().unwrap_or_default();
    if let Some(file) = &access.tokens_file {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        tokens.push('\n');
        tokens.push_str(&text);
    }
    // With tokens a rebound host name gains nothing: it has no cookie of ours. Without, the name must be one of ours.
    let has_tokens = tokens.split([',', '\n']).any(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
    let hosts = if has_tokens && access.allowed_hosts.is_empty() && !is_loopback(listen) {
        Hosts::Any
    } else {
        Hosts::Only(access.allowed_hosts.clone())
    };
    if access.no_auth {
        if has_tokens {
            bail!("--no-auth contradicts --tokens and --tokens-file; give one or the other");
        }
        if !is_loopback(listen) {
            tracing::warn!(%listen, "serving beyond this machine without tokens: whoever reaches the port may do anything");
        }
    } else if !has_tokens && !is_loopback(listen) {
        bail!(
            "refusing to listen on {listen}, beyond this machine, without tokens: give GAND_TOKENS or --tokens-file, \
             or --no-auth if every client on that network may do anything"
        );
    }
    Ok(Auth::new(&tokens, hosts)?)
}
