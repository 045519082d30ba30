#!/usr/bin/env bash
# Schemathesis for at least 20,000 requests on each database; `make test` has a short run of the same.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
tests/setup.sh "$target/test-python"
target=$(cd "$target" && pwd)
GAND_TEST_PYTHON=$target/test-python/bin/python GAND_SCHEMATHESIS=long \
    cargo test --release --test it api::schemathesis -- --nocapture --test-threads 1
