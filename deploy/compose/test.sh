#!/usr/bin/env bash
# Proves the stack of containers on a real Docker engine, in a project of its own beside a running one: builds the images, starts everything,
# runs the black-box suite and the browser through the published ports, scales, kills and replaces containers under load, ends everything and
# starts it again on the same volumes. Where no image registry answers, the bases are made from Debian's packages first
# (deploy/images/offline). PROGRAMS=target/debug builds the images from programs that are there already, OBJECTS=folder does without Garage.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/local/described.sh

state=$PWD/.stack-compose
experiment=target/debug/experiment
starts_engine=

say() { printf '\n== %s\n' "$*"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Asked for an image of which no stand-in has the name.
registry_answers() { timeout 30 docker pull --quiet hello-world:latest >/dev/null 2>&1; }

end() {
  local code=$?
  if [ "$code" -ne 0 ]; then
    mkdir -p "$state/failed"
    docker compose ps --all >"$state/failed/containers" 2>&1 || :
    docker compose logs --no-color >"$state/failed/logs" 2>&1 || :
    echo "What the containers were and said is in $state/failed." >&2
  fi
  docker compose down --volumes --timeout 5 >/dev/null 2>&1 || code=1
  if [ -n "$starts_engine" ]; then deploy/images/offline/engine.sh stop || code=1; fi
  exit "$code"
}

main() {
  deploy/local/install.sh tests
  export PATH=$PATH:$PWD/.stack/venv/bin
  docker info >/dev/null 2>&1 || starts_engine=1
  trap end EXIT
  trap 'exit 130' INT TERM
  deploy/images/offline/engine.sh
  if ! registry_answers; then
    say 'No image registry answers: the bases are made from Debian'\''s packages'
    export OFFLINE=1
    deploy/images/offline/build.sh
  fi
  # shellcheck source=../images/bases.sh
  source deploy/images/bases.sh
  cargo build --workspace --all-targets
  say 'The images'
  deploy/images/build.sh
  docker compose down --volumes >/dev/null 2>&1 || :

  say 'What a start says that cannot succeed'
  deploy/compose/refusals.sh
  say 'From nothing until all is ready'
  time docker compose up --detach --wait --no-build
  "$experiment" describe "$MAGNITUDE_TEST_STACK"
  say 'The black-box suite'
  deploy/local/suite.sh magnitude-conformance
  say 'The browser'
  (cd tests/browser && npm ci --no-progress --loglevel=error \
    && WEB_URL=$(address url) EDGE_URL=$(address edge_url) DEMO_PASSWORD=$(described demo_password) node --test test/demo.test.mjs test/journey.test.mjs)
  say 'Containers come, go and die'
  "$experiment" containers --short
  say 'Once more on the same volumes'
  docker compose down
  time docker compose up --detach --wait --no-build
  "$experiment" describe "$MAGNITUDE_TEST_STACK"
  (cd tests/browser && WEB_URL=$(address url) EDGE_URL=$(address edge_url) DEMO_PASSWORD=$(described demo_password) node --test test/demo.test.mjs)
}

# Of its own, so that a stack of the user's is not touched; and no limit: every client has one address here.
export COMPOSE_PROJECT_NAME=magnitude-test LIMITS_FACTOR=1000000 TAG=${TAG:-test}
export EDGE_SUBNET=10.119.82.0/24 EDGE_RANGE=10.119.82.128/25 BALANCER_ADDRESS=10.119.82.2
export MAGNITUDE_TEST_STACK=$state/test.json STACK_DIR=$state
if [ "${OBJECTS:-}" = folder ]; then export COMPOSE_FILE=docker-compose.yml:deploy/compose/folder.yml; fi
PORT=$(free_port) EDGE_PORT=$(free_port)
export PORT EDGE_PORT
mkdir -p "$state"
main
