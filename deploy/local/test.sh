#!/usr/bin/env bash
# Starts a stack of its own, runs the tests on it, and always ends it. Argument: the one package to test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

suite=${1:-}
export STACK_DIR=$PWD/.stack-test PORT=0 MAGNITUDE_TEST_STACK=$PWD/.stack-test/test.json
stack=target/debug/stack
copies=()

finish() {
  local code=$?
  end_copies
  # What a failed run's logs say is all that is left of it.
  if [ "$code" -ne 0 ] && [ -d "$STACK_DIR/logs" ]; then
    rm -rf .stack/failed-logs && mkdir -p .stack && cp -r "$STACK_DIR/logs" .stack/failed-logs
    echo "The nodes' logs are in .stack/failed-logs." >&2
  fi
  "$stack" clean || code=1
  exit "$code"
}

# Each copy leads a process group, so that cargo does not leave its tests behind.
end_copies() {
  local copy
  for copy in "${copies[@]}"; do kill -TERM -- "-$copy" 2>/dev/null || :; done
  copies=()
}

# In a row on an empty database, then on a filled one at once and once more. The replicas apply late all the time.
prove() {
  local round
  for round in $(seq 20); do
    echo "Round $round of 20, on a database that began empty."
    cargo test --package "$suite"
  done
  target/debug/load fill --articles 10000 --tags 5000
  echo '4 copies at once, on the filled database.'
  at_once 4
  echo 'One more round, on the filled database.'
  cargo test --package "$suite"
  echo 'Proved: 20 rounds in a row, 4 copies at once and one round more, with replicas 500 ms late.'
}

# Each in its short version; what one broke, it has mended.
experiments() {
  local name
  for name in replica failover resharding reshard-crash; do
    target/debug/experiment "$name" --short
    "$stack" heal
  done
}

at_once() {
  local number
  set -m
  for number in $(seq "$1"); do
    cargo test --package "$suite" >"$STACK_DIR/logs/copy-$number.log" 2>&1 &
    copies+=($!)
  done
  set +m
  # The first that fails ends the others.
  while [ "${#copies[@]}" -gt 0 ]; do
    for number in "${!copies[@]}"; do
      kill -0 "${copies[number]}" 2>/dev/null && continue
      wait "${copies[number]}" || { tail -n 60 "$STACK_DIR"/logs/copy-*.log >&2; exit 1; }
      unset "copies[number]"
    done
    sleep 1
  done
  grep '^test result' "$STACK_DIR"/logs/copy-*.log
}

main() {
  deploy/local/install.sh
  cargo build --workspace --all-targets
  "$stack" clean
  trap finish EXIT
  trap 'exit 130' INT TERM
  if [ -n "${MAGNITUDE_PROVE:-}" ]; then
    "$stack" up --replica-delay-ms 500
    prove
  else
    "$stack" up
    if [ -n "$suite" ]; then
      cargo test --package "$suite"
    else
      cargo test --workspace
      experiments
    fi
  fi
  "$stack" heal
}

mkdir -p .stack
exec 9>.stack/test.lock
flock --nonblock 9 || { echo 'Another `make test` or `make prove` runs in this clone.' >&2; exit 1; }
# The stack's programs must not inherit the lock.
main 9>&-
