#!/usr/bin/env bash
# Trains a job on the built-in digits and keeps pictures of every page, and of its samples, under docs/.
set -euo pipefail
cd "$(dirname "$0")/.."
GAND_SCREENSHOTS=$PWD/docs cargo test --release --test it -- --exact dashboard::pages::every_page_fits_its_window_in_both_themes
ls -l docs/*.png
