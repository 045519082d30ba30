//! `gand serve`: the API, the dashboard and the worker slots in one process.

use super::{demo, logging, runtime};
use crate::app::App;
use crate::config;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Settings of `gand serve`.
pub type Args = config::Serve;

/// Serves until a signal.
///
/// # Errors
///
/// If the server cannot start or fails.
pub fn run(args: Args) -> anyhow::Result<()> {
    let _logging = logging::start(&args.log)?;
    runtime::block_on(async {
        let demo = args.demo;
        raise_open_files(args.limits.max_connections);
        let stop = runtime::stop_signal();
        let app = App::build(args).await?;
        let page = match demo {
            true => format!("#/jobs/{}", demo::submit(&*app.store(), &app.library()).await?),
            false => String::new(),
        };
        // The one line that people and scripts wait for; the log goes to standard error.
        writeln!(std::io::stdout(), "gand is ready: http://{}/{page}", reachable(app.local_addr()))?;
        app.run_until_stopped(stop).await
    })
}

/// Files that are open besides connections: the database, checkpoints, uploads.
const OTHER_FILES: u64 = 256;

/// Lets this process have as many files open as its connections may need. The usual limit of 1,024 is one for programs
/// that select; the hard one is the machine's word.
#[cfg(unix)]
fn raise_open_files(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = connections as u64 + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return;
    }
    let allowed = maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum });
    if allowed < needed || raised.is_err() {
        tracing::warn!(needed, allowed, "fewer files may be open than --max-connections asks for (ulimit -n)");
    }
}

#[cfg(not(unix))]
fn raise_open_files(_: usize) {}

/// The address to give to a browser on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
