#!/usr/bin/env bash
# Runs experiments in full, on a stack of their own, and always ends it. Arguments: a name, or `all`; then options of `experiment`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export STACK_DIR=$PWD/.stack-experiment PORT=0 MAGNITUDE_TEST_STACK=$PWD/.stack-experiment/test.json
stack=target/debug/stack

finish() {
  local code=$?
  if [ "$code" -ne 0 ] && [ -d "$STACK_DIR/logs" ]; then
    rm -rf .stack/failed-logs && mkdir -p .stack && cp -r "$STACK_DIR/logs" .stack/failed-logs
    echo "The nodes' logs are in .stack/failed-logs." >&2
  fi
  "$stack" clean || code=1
  exit "$code"
}

main() {
  local name=$1
  shift
  deploy/local/install.sh
  cargo build --workspace --bins
  trap finish EXIT
  trap 'exit 130' INT TERM
  for name in $(names "$name"); do
    # Each begins with two shards and no data.
    "$stack" clean
    "$stack" up
    target/debug/experiment "$name" "$@"
  done
}

names() {
  if [ "$1" = all ]; then echo replica failover resharding reshard-crash; else echo "$1"; fi
}

[ -n "${1:-}" ] || { echo 'say which: make experiment NAME=failover (target/debug/experiment help lists them)' >&2; exit 2; }
mkdir -p .stack
exec 9>.stack/experiment.lock
flock --nonblock 9 || { echo 'Another experiment runs in this clone.' >&2; exit 1; }
# The stack's programs must not inherit the lock.
main "$@" 9>&-
