#!/usr/bin/env bash
# Installs the peers from the registry into a throw-away environment and compares gand with them, all in one run.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
environment=$target/peers
if [ ! -x "$environment/bin/python" ]; then
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet torch jax numpy
fi
binary=$(cargo build --release --bench peer --message-format=json |
    "$environment/bin/python" -c 'import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("target", {}).get("name") == "peer" and message.get("executable"):
        print(message["executable"])')
"$environment/bin/python" -c 'import jax, numpy, torch; print("torch", torch.__version__, "jax", jax.__version__, "numpy", numpy.__version__)'
exec "$environment/bin/python" benches/peers/compare.py "$binary" "$@"
