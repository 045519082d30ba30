#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: Debian packages (PostgreSQL's server, Chromium, curl, npm), a
# Python environment for the checks from outside, and what tests/package.json names, which no part of gand contains.
# Installs nothing that is there; a second run takes no time.
#
#   tests/setup.sh VENV [NPM]    VENV: where the Python environment goes; NPM: where the npm packages go
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:?the Python environment\'s folder}
npm=${2:-}

has_postgres() { compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || command -v initdb >/dev/null; }
has_chromium() { [ -n "${GAND_CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v google-chrome >/dev/null; }
has_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

missing=()
has_postgres || missing+=(postgresql)
has_chromium || missing+=(chromium)
command -v curl >/dev/null || missing+=(curl)
[ -z "$npm" ] || command -v npm >/dev/null || missing+=(npm)
has_venv || missing+=(python3 python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
    by_hand="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "The tests need these Debian packages, or what corresponds to them here: ${missing[*]}" >&2
        exit 1
    elif [ "$(id -u)" -eq 0 ]; then
        sudo=()
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo=(sudo -n)
    else
        echo "The tests need packages that this user may not install. As root, run:" >&2
        echo "    $by_hand" >&2
        exit 1
    fi
    echo "Installing ${missing[*]}"
    log=$(mktemp)
    if ! { "${sudo[@]}" apt-get update &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
        >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        echo "Installing failed; the whole log is $log. By hand, as root: $by_hand" >&2
        exit 1
    fi
    rm -f "$log"
fi

# The walk-through of the README takes --json, which came with curl 7.82, and %header{...}, which came with 7.84.
curl_version=$(curl --version | sed -n '1s/^curl \([0-9.]*\).*/\1/p')
if ! printf '%s\n' 7.84 "$curl_version" | sort -V -C; then
    echo "The tests need curl 7.84 or newer; $(command -v curl) is ${curl_version:-of no known version}. Put a newer one first on the PATH." >&2
    exit 1
fi

# The stamp holds what was installed, so that a changed requirements.txt is noticed.
stamp=$venv/requirements.installed
if ! cmp -s tests/requirements.txt "$stamp" || ! "$venv/bin/python" -c 'import numpy, PIL, schemathesis' 2>/dev/null; then
    echo "Making the Python environment of the outside checks"
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    python3 -m venv "$venv"
    if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt; then
        echo "pip could not install what tests/requirements.txt lists (see above). Without a network, point pip at a mirror or a folder of wheels (PIP_INDEX_URL, PIP_FIND_LINKS) and run this again." >&2
        exit 1
    fi
    cp tests/requirements.txt "$stamp"
fi

# Without the registry one check does not run, and the last lines of make test say so; everything else does.
if [ -n "$npm" ] && ! { cmp -s tests/package-lock.json "$npm/installed.json" && [ -e "$npm/node_modules" ]; }; then
    echo "Installing what tests/package.json lists"
    mkdir -p "$npm"
    cp tests/package.json tests/package-lock.json "$npm"
    if npm ci --prefix "$npm" --ignore-scripts --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=30000; then
        cp tests/package-lock.json "$npm/installed.json"
    else
        echo "npm could not install what tests/package.json lists (see above): the dashboard's accessibility check will not run." >&2
    fi
fi
