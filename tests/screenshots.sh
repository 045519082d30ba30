#!/usr/bin/env bash
# Trains jobs of every kind and keeps pictures of every page, and of samples, under docs/dashboard/. Then says what the
# first load and the page of a job with a million rows of metrics take: the figures of docs/dashboard.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export GAND_SCREENSHOTS=$PWD/docs/dashboard
mkdir -p "$GAND_SCREENSHOTS"
cargo test --release --test it -- --nocapture --test-threads 1 \
    dashboard::pages::every_page_fits dashboard::pages::the_first_load dashboard::long
du -sh "$GAND_SCREENSHOTS"
