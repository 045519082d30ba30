#!/usr/bin/env bash
# The README's walk-through, against a server of its own. Every command block of that section stands in here as it
# stands there (tests/it/readme.rs holds them together); after each, what it should have done is checked.
set -uo pipefail
cd "$(dirname "$0")/../.."

root=$PWD
gand=${CARGO_TARGET_DIR:-target}/release/gand
[ -x "$gand" ] || { echo "walkthrough: build first: cargo build --release"; exit 1; }
gand=$(cd "$(dirname "$gand")" && pwd)/gand
work=$(mktemp -d)
cd "$work"
env -u DATABASE_URL -u GAND_TOKENS "$gand" serve --listen 127.0.0.1:0 --data-dir "$work/data" >ready.txt 2>server.log &
server=$!
stop() {
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    rm -rf "$work"
}
trap stop EXIT

passed=0
failed=0
# expect WORDS COMMAND...: counts whether the command holds.
expect() {
    local words=$1
    shift
    if "$@" >/dev/null 2>&1; then
        passed=$((passed + 1))
        echo "walkthrough: $words: ok"
    else
        failed=$((failed + 1))
        echo "walkthrough: $words: FAILED ($*)"
    fi
}
# within SECONDS COMMAND...: repeats it until it holds.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] && kill -0 "$server" 2>/dev/null || return 1
        sleep 0.1
    done
}
has() { grep -q -- "$1" "$2"; }
status_is() { curl -sS "$JOB" | grep -q "\"status\":\"$1\""; }
magic() { [ "$(head -c "${#2}" "$1" | tr -d '\0')" = "$2" ]; }

if ! within 60 has "^gand is ready: " ready.txt; then
    echo "walkthrough: the server did not start:"
    cat server.log
    echo "walkthrough: 0 passed, 1 failed"
    exit 1
fi
GAND=$(sed -n 's/^gand is ready: \(.*\)\/$/\1/p' ready.txt)

{
curl -sS $GAND/datasets
} >datasets.json
expect "the built-in digits are listed" has '"name":"digits"' datasets.json

JOB=$GAND$(curl -sS $GAND/jobs --json '{"dataset": "digits", "name": "first steps", "training": {"steps": 2000}}' \
    -o job.json -w '%header{location}')
expect "a job is made" has '"id":"' job.json
expect "its recipe's settings are spelled out" has '"discriminator"' job.json

{
curl -sS $JOB
} >job.json
expect "it says how far it is" has '"progress"' job.json

{
curl -sS -H 'Accept: application/json' "$JOB/events?limit=20"
} >events.json
expect "its log begins with a status" has '"kind":"status"' events.json

{
curl -sSN --max-time 2 $JOB/events
} >stream.txt 2>/dev/null
expect "its log is a stream as well" has '^event: *status' stream.txt

deadline=$((SECONDS + 300))
until curl -sS $JOB | grep -q '"status":"succeeded"'; do
    curl -sS $JOB | grep -qE '"status":"(failed|cancelled)"' && break
    kill -0 "$server" || break
    [ "$SECONDS" -lt "$deadline" ] || break
    sleep 1
done
expect "it succeeds" status_is succeeded

curl -sS "$JOB/samples?count=100&seed=7" -o samples.png
curl -sS "$JOB/samples?count=100&seed=7&format=npz" -o samples.npz
expect "samples come as a picture" has PNG samples.png
expect "and as arrays" magic samples.npz PK

{
curl -sS $JOB/parzen
} >parzen.json
expect "the log-likelihood has a standard error" has '"standard_error":[0-9]' parzen.json

curl -sS "$JOB/metrics?format=csv" -o metrics.csv
expect "every step is in the table" test "$(wc -l <metrics.csv)" -eq 2001

curl -sS $JOB/checkpoints/2000 -o checkpoint.safetensors
expect "a checkpoint holds the generator" has '"generator.0.weight"' checkpoint.safetensors
expect "numpy draws the same samples from it, to 1e-5" \
    "${GAND_TEST_PYTHON:-python3}" "$root/tests/peers/forward.py" checkpoint.safetensors samples.npz

{
curl -sS $JOB/extend --json '{"steps": 1000000}'
curl -sS -X POST $JOB/cancel
} >commands.json
expect "it is extended" has '"steps":100[02]000' commands.json
expect "and cancelled" within 60 status_is cancelled

{
curl -sS $GAND/jobs --json '{"dataset": "digits", "training": {"steps": 0, "colour": "blue"}}'
} >problem.json
expect "a bad spec names each fault: the steps" has '"pointer":"/training/steps"' problem.json
expect "and the unknown field" has '"pointer":"/training/colour"' problem.json

{
SWEEP=$GAND$(curl -sS $GAND/sweeps --json '{"dataset": "digits", "seed": [1, 2], "training": {"steps": 100}}' \
    -o sweep.json -w '%header{location}')
curl -sS $SWEEP
} >table.json
expect "a grid has a job for each combination" has '"values":\[2\]' table.json

curl -sS -X DELETE $JOB
expect "a finished job can be deleted" test "$(curl -sS -o gone.json -w '%{http_code}' "$JOB")" = 404

kill -TERM "$server"
wait "$server"
expect "SIGTERM ends the server in good order" test $? -eq 0
[ "$failed" -eq 0 ] || { echo "walkthrough: the server's log:"; tail -n 50 server.log; }
echo "walkthrough: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
