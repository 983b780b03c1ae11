#!/bin/sh
# sh scripts/environment.sh run|farm|test
# Makes .venv and installs a hashed lock file into it, unless exactly that was done before.
set -eu
cd "$(dirname "$0")/.."
wanted=$1
lock=requirements/$wanted.txt
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    found=$("$python" --version 2>/dev/null || true)
    echo "error: Python 3.11 or newer is needed; \`$python\` is: ${found:-not found}" >&2
    echo "  mend: install one and name it, for example: make bench PYTHON=python3.12" >&2
    exit 1
fi

# What an installation depends on; the folder too, as an editable install points at it. What is
# copied into the environment instead of pointed at counts by its content.
key() {
    { pwd; "$python" --version; cat "requirements/$1.txt" pyproject.toml \
        bench_pipeline/deploy/bench_pipeline_cli.*; } | cksum
}

is_current() {
    [ "$(cat ".venv/installed-$1" 2>/dev/null || true)" = "$(key "$1")" ] &&
        .venv/bin/python -c '' 2>/dev/null
}

if is_current "$wanted"; then
    exit 0
fi

count=$(grep -c '==' "$lock")
echo "Installing $count packages of $lock into .venv: once, a minute or two ..."
if ! is_current run; then # else the larger set is added to it
    "$python" -m venv --clear .venv
fi
pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input -qq "$@"; }
fail() { # in our words where the package index gives no answer, else in pip's
    case $1 in
    *"Failed to establish a new connection"* | *"No matching distribution"* | *ConnectTimeout* | \
        *"Max retries"* | *"Network is unreachable"* | *"name resolution"* | *ProxyError*)
        echo "error: the packages could not be fetched: the package index gives no answer" >&2
        echo "  mend: check the connection; behind a proxy set HTTPS_PROXY, for a mirror" \
            "PIP_INDEX_URL; then the same command again" >&2
        ;;
    *) echo "$1" >&2 ;;
    esac
    exit 1
}
# --no-deps: the lock file is complete, and with --require-hashes pip refuses `gql[requests]`,
# which dagster-graphql asks for, as it finds no hash for a name with an extra.
by_uv() { # where there is one and it finds the packages: it keeps what it has once unpacked
    uv pip install --quiet --python .venv/bin/python --compile-bytecode --no-deps --require-hashes \
        -r "$lock" >/dev/null 2>&1
}
by_pip() { # by_pip 0|1: every second package
    awk -v half="$1" '/^[A-Za-z]/ {n++} n % 2 == half' "$lock" >".venv/half-$1.txt"
    pip install --no-deps --require-hashes -r ".venv/half-$1.txt" >".venv/said-$1" 2>&1
}
if ! by_uv; then
    # Both halves at once: one pip unpacks while the other waits for the index, and on two cores
    # both unpack. They share no file.
    by_pip 0 &
    other=$!
    trap 'kill $other 2>/dev/null || true' EXIT
    trap 'exit 130' INT TERM
    by_pip 1 || fail "$(cat .venv/said-1)"
    wait $other || fail "$(cat .venv/said-0)"
    trap - EXIT INT TERM
    rm .venv/half-* .venv/said-*
fi
# --no-build-isolation: the build backend comes from the lock file like everything else.
pip install --no-deps --no-build-isolation --editable .
key "$wanted" >".venv/installed-$wanted"
case $wanted in # each set holds those before it
test) key run >.venv/installed-run && key farm >.venv/installed-farm ;;
farm) key run >.venv/installed-run ;;
esac
