#!/usr/bin/env bash
# Builds gand with --features otel and looks at the spans that a collector receives from it (otel.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --features otel
exec python3 tests/outside/otel.py "${CARGO_TARGET_DIR:-target}/release/gand"
