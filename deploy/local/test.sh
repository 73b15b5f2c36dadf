#!/usr/bin/env bash
# Starts a stack of its own, runs the tests on it, and always ends it. Argument: the one package to test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

suite=${1:-}
export STACK_DIR=$PWD/.stack-test PORT=0 MAGNITUDE_TEST_STACK=$PWD/.stack-test/test.json
stack=target/debug/stack

finish() {
  local code=$?
  # What a failed run's logs say is all that is left of it.
  if [ "$code" -ne 0 ] && [ -d "$STACK_DIR/logs" ]; then
    rm -rf .stack/failed-logs && mkdir -p .stack && cp -r "$STACK_DIR/logs" .stack/failed-logs
    echo "The nodes' logs are in .stack/failed-logs." >&2
  fi
  "$stack" clean || code=1
  exit "$code"
}

# 20 times in a row on a database that fills up, then 4 copies at once.
prove() {
  for round in $(seq 20); do echo "round $round of 20"; cargo test --package "$suite"; done
  local copies=()
  for _ in 1 2 3 4; do cargo test --package "$suite" & copies+=($!); done
  for copy in "${copies[@]}"; do wait "$copy"; done
}

deploy/local/install.sh
cargo build --workspace --all-targets
"$stack" clean
trap finish EXIT
trap 'exit 130' INT TERM
"$stack" up

if [ -n "${MAGNITUDE_PROVE:-}" ]; then prove
elif [ -n "$suite" ]; then cargo test --package "$suite"
else cargo test --workspace
fi
"$stack" heal
