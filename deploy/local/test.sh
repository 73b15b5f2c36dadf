#!/usr/bin/env bash
# Starts a stack of its own, runs the tests on it, and always ends it. Argument: the one package to test.
source "$(dirname "${BASH_SOURCE[0]}")/own-stack.sh"
source deploy/local/described.sh

suite=${1:-}
copies=()

before_end() { end_copies; }

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
    deploy/local/suite.sh "$suite"
  done
  target/debug/load fill --articles 10000 --tags 5000
  echo '4 copies at once, on the filled database.'
  at_once 4
  echo 'One more round, on the filled database.'
  deploy/local/suite.sh "$suite"
  echo 'Proved: 20 rounds in a row, 4 copies at once and one round more, with replicas 500 ms late.'
}

# Each in its short version; what one broke, it has mended.
experiments() {
  local name
  for name in replica stateless failover stampede staleness cache-loss resharding reshard-crash celebrity jobs poison fan-out burst edge; do
    during "experiment $name" target/debug/experiment "$name" --short
    during "the healing after experiment $name" "$stack" heal
  done
}

# The web application, alone and in a real browser, through the load balancer and the edge.
browser() {
  (cd services/web && npm test --silent)
  (cd tests/browser && npm ci --no-progress --loglevel=error \
    && WEB_URL=$(address url) EDGE_URL=$(address edge_url) DEMO_PASSWORD=$(described demo_password) EDGE_KILL="$PWD/../../$stack kill edge" EDGE_START="$PWD/../../$stack start edge" npm test --silent)
}

at_once() {
  local number ended
  set -m
  for number in $(seq "$1"); do
    deploy/local/suite.sh "$suite" >"$STACK_DIR/logs/copy-$number.log" 2>&1 &
    copies+=($!)
  done
  set +m
  # The first that fails ends the others.
  while [ "${#copies[@]}" -gt 0 ]; do
    wait -n -p ended || { tail -n 60 "$STACK_DIR"/logs/copy-*.log >&2; exit 1; }
    for number in "${!copies[@]}"; do
      if [ "${copies[number]}" = "$ended" ]; then unset "copies[number]"; fi
    done
  done
  grep '^test result' "$STACK_DIR"/logs/copy-*.log
}

main() {
  deploy/local/install.sh tests
  export PATH=$PATH:$PWD/.stack/venv/bin
  cargo build --workspace --all-targets
  deploy/local/web.sh
  begin_stack
  if [ -n "${MAGNITUDE_PROVE:-}" ]; then
    "$stack" up --replica-delay-ms 500
    prove
  else
    "$stack" up
    if [ -n "$suite" ]; then
      deploy/local/suite.sh "$suite"
    else
      target/debug/load demo
      during 'cargo test' cargo test --workspace
      during 'the browser tests' browser
      experiments
    fi
  fi
  "$stack" heal
}

own_stack test debug main
