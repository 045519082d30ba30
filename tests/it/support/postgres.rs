//! A private PostgreSQL server for this test binary, and a fresh database in it for each test; and servers of their own
//! for tests that stop them.
//!
//! Each listens on a socket in its own folder only. A shell is its parent: it stops and starts the server as it is told
//! on a pipe that this process holds, and at the pipe's end stops it for good and removes the folder. So nothing stays
//! behind, however the tests end.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A running PostgreSQL.
pub struct Server {
    folder: PathBuf,
    /// Its standard input is the pipe.
    keeper: Child,
}

const KEEPER: &str = r#"
start() {
    "$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=500 -c fsync=off \
        -c synchronous_commit=off -c full_page_writes=off >>"$2/log" 2>&1 &
    server=$!
}
start "$@"
while read -r word; do
    case $word in
    # Fast: connections are cut, as in a restart by the system.
    stop) kill -INT $server; wait $server; : >"$2/stopped" ;;
    start) rm -f "$2/stopped"; start "$@" ;;
    esac
done
kill -INT $server
wait $server
rm -rf -- "$2"
"#;

impl Server {
    /// A server that no other test uses.
    pub fn own() -> Self {
        start().unwrap_or_else(|reason| panic!("cannot start a private PostgreSQL: {reason}"))
    }

    /// The URL of a fresh, empty database in it.
    pub async fn fresh(&self, name: &str) -> String {
        let mut connection = connect(self).await;
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("a fresh database");
        connection.close().await.expect("an orderly goodbye");
        url(self, name)
    }

    /// Stops it and waits until it is down.
    pub async fn stop(&mut self) {
        self.tell("stop");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.folder.join("stopped").exists() {
            assert!(Instant::now() < deadline, "the private PostgreSQL does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts it again.
    pub fn start_again(&mut self) {
        self.tell("start");
    }

    fn tell(&mut self, word: &str) {
        let pipe = self.keeper.stdin.as_mut().expect("the keeper's pipe");
        writeln!(pipe, "{word}").and_then(|()| pipe.flush()).expect("the keeper listens");
    }
}

/// The URL of a fresh, empty database.
pub async fn database() -> String {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = match SERVER.get_or_init(start) {
        Ok(server) => server,
        Err(reason) => panic!("cannot start a private PostgreSQL: {reason}"),
    };
    server.fresh(&format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed))).await
}

fn url(server: &Server, database: &str) -> String {
    format!("postgres://postgres@localhost/{database}?host={}", server.folder.display())
}

/// Connects as soon as the server answers.
async fn connect(server: &Server) -> PgConnection {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match PgConnection::connect(&url(server, "postgres")).await {
            Ok(connection) => return connection,
            Err(error) if Instant::now() > deadline => {
                let log = fs::read_to_string(server.folder.join("log")).unwrap_or_default();
                panic!("the private PostgreSQL does not answer: {error}\n{log}");
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn start() -> Result<Server, String> {
    let programs = programs().ok_or(
        "its programs initdb and postgres are neither in PATH nor under /usr/lib/postgresql; install the package \
         `postgresql` (make test does)",
    )?;
    // Short, because a socket's path has at most 107 bytes.
    let folder = tempfile::Builder::new().prefix("gand-pg-").tempdir().map_err(|error| error.to_string())?.keep();
    let user = unprivileged_user()?;
    if let Some((uid, gid)) = user {
        chown(&folder, Some(uid), Some(gid)).map_err(|error| error.to_string())?;
    }
    let command = |program: &Path| {
        let mut command = Command::new(program);
        // Its own process group: an interrupt from the terminal ends the tests, and they end it.
        command.current_dir(&folder).env_clear().env("PATH", "/usr/bin:/bin").process_group(0);
        if let Some((uid, gid)) = user {
            command.gid(gid).uid(uid);
        }
        command
    };
    let made = command(&programs.join("initdb"))
        .args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--pgdata"])
        .arg(folder.join("data"))
        .output()
        .map_err(|error| format!("initdb: {error}"))?;
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        // Nothing runs in it yet; if it cannot be removed, what initdb said matters more.
        let _ = fs::remove_dir_all(&folder);
        return Err(format!("initdb: {said}"));
    }
    let keeper = command(Path::new("/bin/sh"))
        .args(["-c", KEEPER, "keeper"])
        .args([&programs, &folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("/bin/sh: {error}"))?;
    Ok(Server { folder, keeper })
}

/// The folder of the server's programs: PATH, or the newest that the distribution's package installed.
pub fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut packaged: Vec<_> = installed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).collect();
    packaged.sort_unstable_by(|a, b| b.cmp(a));
    std::env::split_paths(&path)
        .chain(packaged.into_iter().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()))
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// The server refuses to run as root: then the user and group to run it as.
fn unprivileged_user() -> Result<Option<(u32, u32)>, String> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    let account = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let fields: Vec<_> = line.split(':').collect();
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    account("postgres").or_else(|| account("nobody")).map(Some).ok_or_else(|| {
        "it refuses to run as root, and there is neither a user `postgres` nor `nobody` to run it as".to_owned()
    })
}
