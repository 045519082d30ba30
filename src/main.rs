//! The `gand` command.

use std::process::ExitCode;

/// Training allocates and frees megabytes a step when it must; mimalloc keeps those pages instead of returning them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gand::cli::main()
}
