#!/usr/bin/env bash
# What gand promises whatever happens, at length: one case after the other, then the table of what came of them. The
# same cases run in a short form in `make test`. Sizes can be given in the environment; the PostgreSQL server is one of
# the test's own.
#
#   tests/torture.sh [FILTER]    FILTER: run only the cases whose name contains it
set -euo pipefail
cd "$(dirname "$0")/.."

export GAND_TORTURE_SCHEDULES=${GAND_TORTURE_SCHEDULES:-20000000}
export GAND_TORTURE_SEEDS=${GAND_TORTURE_SEEDS:-60}
export GAND_TORTURE_KILLS=${GAND_TORTURE_KILLS:-200}
export GAND_TORTURE_STOPS=${GAND_TORTURE_STOPS:-50}
export GAND_TORTURE_OUTAGES=${GAND_TORTURE_OUTAGES:-5,30,120}
export GAND_TORTURE_CUTS=${GAND_TORTURE_CUTS:-64}
export GAND_TORTURE_FLIPS=${GAND_TORTURE_FLIPS:-1000}
export GAND_TORTURE_COMMANDS=${GAND_TORTURE_COMMANDS:-100}
export GAND_TORTURE_TERMINATIONS=${GAND_TORTURE_TERMINATIONS:-10}
export GAND_TORTURE_SUBMISSIONS=${GAND_TORTURE_SUBMISSIONS:-1000}

# GAND_TORTURE_BINARY: a test binary that is built already (the `gand` that it starts must stay as it is meanwhile).
binary=${GAND_TORTURE_BINARY:-}
[ -n "$binary" ] || cargo build --release --quiet
[ -n "$binary" ] || binary=$(cargo test --release --test it --no-run --message-format=short 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')
GAND_TORTURE_REPORT=$(mktemp)
export GAND_TORTURE_REPORT
trap 'rm -f "$GAND_TORTURE_REPORT"' EXIT

passed=0
failed=0
cases=$("$binary" --list 2>/dev/null | sed -n 's/: test$//p' |
    grep -E '^(schedule::|torture::|store::contract::((sqlite|postgres)::)?simulation::)' | grep -F -- "${1:-}")
for case in $cases; do
    echo "torture: $case"
    : >"$GAND_TORTURE_REPORT"
    if "$binary" --exact "$case" >"$GAND_TORTURE_REPORT.log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        cat "$GAND_TORTURE_REPORT.log"
        echo "FAILED $case" >>"$GAND_TORTURE_REPORT"
    fi
    sed 's/^/torture:     /' "$GAND_TORTURE_REPORT"
    cat "$GAND_TORTURE_REPORT" >>"$GAND_TORTURE_REPORT.all"
done

echo
cat "$GAND_TORTURE_REPORT.all"
rm -f "$GAND_TORTURE_REPORT.log" "$GAND_TORTURE_REPORT.all"
echo "torture: $passed cases held, $failed failed"
[ "$failed" -eq 0 ]
