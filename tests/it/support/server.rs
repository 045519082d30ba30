//! A whole server in this process: the real router on a real socket at a free port, on a database of its own.

use super::client::Client;
use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use gand::app::App;
use gand::config;
use gand::store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Longer than anything that works takes.
pub const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    serve: config::Serve,
}

/// Which database a server is on.
#[derive(Clone, Copy, Debug)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A running server. It is stopped when dropped; [`Server::stop`] also waits for its end.
pub struct Server {
    pub client: Client,
    pub store: Arc<dyn Store>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<anyhow::Result<()>>>,
    place: Place,
    options: Vec<String>,
}

/// What outlives a server.
struct Place {
    folder: tempfile::TempDir,
    database_url: String,
}

impl Server {
    /// A server without worker slots: a test drives jobs through the store.
    pub async fn start(engine: Engine) -> Self {
        Self::with(engine, &["--slots", "0"]).await
    }

    /// A server with these options besides those that keep it to itself.
    pub async fn with(engine: Engine, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = match engine {
            Engine::Sqlite => format!("sqlite://{}", folder.path().join("gand.db").display()),
            Engine::Postgres => super::postgres::database().await,
        };
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Self::at(Place { folder, database_url }, options).await
    }

    async fn at(place: Place, options: Vec<String>) -> Self {
        let folder = place.folder.path().display().to_string();
        let own = ["gand", "--listen", "127.0.0.1:0", "--data-dir", &folder, "--database-url", &place.database_url];
        // Of this environment nothing is heard: what it sets is meant for a server of the developer's own.
        let command = CommandLine::command().mut_args(|argument| argument.env(None::<&str>));
        let given = command.get_matches_from(own.into_iter().chain(options.iter().map(String::as_str)));
        let settings = CommandLine::from_arg_matches(&given).unwrap().serve;
        let app = App::build(settings).await.unwrap();
        let (client, store) = (Client::new(app.local_addr()), app.store());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(app.run_until_stopped(async {
            // A dropped sender stops the server too.
            let _ = stopped.await;
        }));
        Self { client, store, stop: Some(stop), task: Some(task), place, options }
    }

    /// The directory that holds all that is its own.
    pub fn data_dir(&self) -> &std::path::Path {
        self.place.folder.path()
    }

    /// Stops the server and waits for its end.
    pub async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.take() {
            tokio::time::timeout(DEADLINE, task).await.expect("the server stops in time").unwrap().unwrap();
        }
    }

    /// Another server in the place of this one.
    pub async fn restart(mut self) -> Self {
        self.stop().await;
        let Self { store, place, options, .. } = self;
        // The embedded database has one owner at a time.
        drop(store);
        Self::at(place, options).await
    }
}
