#!/usr/bin/env bash
# Every check and every test, then what was found and what did not run, then one line with the sums.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
export CARGO_TARGET_DIR=$target
if [ -z "${GAND_DATA:-}" ] && [ -d ../shared/data ]; then
    GAND_DATA=$(cd ../shared/data && pwd)
    export GAND_DATA
fi

tests/setup.sh "$target/test-python" "$target/test-npm"
export GAND_TEST_PYTHON=$target/test-python/bin/python
export GAND_TEST_AXE=$target/test-npm/node_modules/axe-core/axe.min.js

tests/lint.sh

# Tests that lack something write a line here and return; libtest itself knows no "did not run".
export GAND_TEST_NOT_RUN=$target/tests-not-run.txt
log=$target/tests.log
: >"$GAND_TEST_NOT_RUN"
: >"$log"

status=0
cargo test --release --no-fail-fast 2>&1 | tee -a "$log" || status=1
tests/curl/walkthrough.sh 2>&1 | tee -a "$log" || status=1

echo
for set in mnist cifar10 faces; do
    if [ -n "${GAND_DATA:-}" ] && [ -d "$GAND_DATA/$set" ]; then
        echo "dataset $set: found in $GAND_DATA"
    else
        echo "dataset $set: not found (GAND_DATA, or ../shared/data)"
    fi
done
sort -u -o "$GAND_TEST_NOT_RUN" "$GAND_TEST_NOT_RUN"
sed 's/^/did not run: /' "$GAND_TEST_NOT_RUN"
grep -E '^test .* \.\.\. ignored' "$log" | sed 's/^test /did not run: /' || true

awk -v not_run="$(wc -l <"$GAND_TEST_NOT_RUN")" '
    /^test result: / { passed += $4; failed += $6; ignored += $8 }
    /^walkthrough: [0-9]+ passed, [0-9]+ failed$/ { passed += $2; failed += $4 }
    END { printf "%d passed, %d failed, %d skipped\n", passed - not_run, failed, ignored + not_run }' "$log"
exit $status
