//! The `gand` command.

use std::ffi::OsStr;
use std::process::ExitCode;

/// Training allocates and frees megabytes a step when it must; mimalloc keeps those pages instead of returning them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    stop_candles_pool();
    forget_empty_settings();
    gand::cli::main()
}

/// A variable that is set to nothing is not set: compose files write what is left open as `GAND_DATA=`.
fn forget_empty_settings() {
    let is_setting = |name: &OsStr| name == "DATABASE_URL" || name.as_encoded_bytes().starts_with(b"GAND_");
    let empty = std::env::vars_os().filter(|(name, value)| value.is_empty() && is_setting(name));
    for (name, _) in empty.collect::<Vec<_>>() {
        // SAFETY: nothing has started a thread yet.
        unsafe { std::env::remove_var(name) };
    }
}

/// candle keeps a pool of its own for its elementwise operations, of as many threads as there are cores, whose caller
/// spins until the last of them is done. Beside a job that has the cores it waits for a time slice at every operation:
/// the small classifier's training took minutes instead of seconds. Slots have their own threads and need no others.
fn stop_candles_pool() {
    const THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(THREADS).is_none() {
        // SAFETY: nothing has started a thread yet.
        unsafe { std::env::set_var(THREADS, "1") };
    }
}
