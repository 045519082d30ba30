#!/usr/bin/env bash
# Installs the peers from the registry into a throw-away environment and compares gand with them, all in one run.
# With "memory" first: the memory of gand train, beside PyTorch's or over many steps (see memory.py).
# With "load" first: gand's samples over HTTP beside FastAPI's (see benches/load.rs).
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
environment=$target/peers
if [ ! -x "$environment/bin/python" ]; then
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet torch jax numpy
fi
if [ "${1:-}" = load ]; then
    "$environment/bin/python" -c 'import fastapi, httptools, PIL, uvicorn, uvloop' 2>/dev/null ||
        "$environment/bin/pip" install --quiet fastapi 'uvicorn[standard]' pillow
    environment=$(cd "$environment" && pwd)
    GAND_PEERS_PYTHON=$environment/bin/python exec cargo bench --bench load -- "${@:2}"
fi
if [ "${1:-}" = memory ]; then
    cargo build --release
    exec "$environment/bin/python" benches/peers/memory.py "$target/release/gand" "${@:2}"
fi
binary=$(cargo build --release --bench peer --message-format=json |
    "$environment/bin/python" -c 'import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("target", {}).get("name") == "peer" and message.get("executable"):
        print(message["executable"])')
"$environment/bin/python" -c 'import jax, numpy, torch; print("torch", torch.__version__, "jax", jax.__version__, "numpy", numpy.__version__)'
exec "$environment/bin/python" benches/peers/compare.py "$binary" "$@"
