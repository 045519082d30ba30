#!/usr/bin/env bash
# Format, lints and documentation. Lints that are warnings while writing are errors here.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --check
cargo clippy --release --all-targets -- -D warnings
# The one feature is no default: the crate alone, without building its tests again.
cargo clippy --release --features otel -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --quiet
