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
    logging::start(&args.log)?;
    runtime::block_on(async {
        let demo = args.demo;
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

/// The address to give to a browser on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
