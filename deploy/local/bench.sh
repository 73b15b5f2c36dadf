#!/usr/bin/env bash
# Measures articles beside constant answers, on a stack of its own with one instance of it, built for release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export STACK_DIR=$PWD/.stack-bench PORT=0 MAGNITUDE_TEST_STACK=$PWD/.stack-bench/test.json
stack=target/release/stack

finish() {
  local code=$?
  if [ "$code" -ne 0 ] && [ -d "$STACK_DIR/logs" ]; then
    rm -rf .stack/failed-logs && mkdir -p .stack && cp -r "$STACK_DIR/logs" .stack/failed-logs
    echo "The nodes' logs are in .stack/failed-logs." >&2
  fi
  "$stack" clean || code=1
  exit "$code"
}

measure() {
  deploy/local/install.sh
  cargo build --release --workspace --bins
  [ -x .stack/tools/bin/oha ] || command -v oha >/dev/null || cargo install --locked --root .stack/tools oha
  "$stack" clean
  trap finish EXIT
  trap 'exit 130' INT TERM
  "$stack" up --topology bench
  target/release/load bench "$@"
}

mkdir -p .stack
exec 9>.stack/bench.lock
flock --nonblock 9 || { echo 'Another `make bench` runs in this clone.' >&2; exit 1; }
# The stack's programs must not inherit the lock.
measure "$@" 9>&-
