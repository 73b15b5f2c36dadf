#!/usr/bin/env bash
# Runs the tests of this lib against Garage, a real S3 server, which is built first and kept in .stack/garage. OBJECTS_TEST_S3 and
# the two keys name another S3 with a bucket `test`; then nothing is built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=2.5.0
root=$PWD/.stack/garage
address=127.0.0.1

folder=
server=

end() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || :; wait "$server" 2>/dev/null || :; fi
  if [ -n "$folder" ]; then rm -rf "$folder"; fi
}
trap end EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
random() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

build() {
  if [ -x "$root/bin/garage" ]; then return 0; fi
  echo 'Building Garage, which takes ten minutes or more, once.'
  nice -n 19 cargo install --locked --root "$root" --version "$version" garage
}

start() {
  folder=$(mktemp -d)
  S3_PORT=$(free_port) RPC_PORT=$(free_port)
  cat >"$folder/garage.toml" <<CONFIG
metadata_dir = "$folder/meta"
data_dir = "$folder/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "$address:$RPC_PORT"
rpc_public_addr = "$address:$RPC_PORT"
rpc_secret = "$(random 32)"
[s3_api]
s3_region = "garage"
api_bind_addr = "$address:$S3_PORT"
CONFIG
  export GARAGE_CONFIG_FILE=$folder/garage.toml
  export GARAGE_DEFAULT_ACCESS_KEY=GK$(random 12) GARAGE_DEFAULT_SECRET_KEY GARAGE_DEFAULT_BUCKET=test
  GARAGE_DEFAULT_SECRET_KEY=$(random 32)
  "$root/bin/garage" server --single-node --default-bucket >"$folder/log" 2>&1 &
  server=$!
  export OBJECTS_TEST_S3=http://$address:$S3_PORT
  export OBJECTS_TEST_ACCESS_KEY=$GARAGE_DEFAULT_ACCESS_KEY OBJECTS_TEST_SECRET_KEY=$GARAGE_DEFAULT_SECRET_KEY
  ready
}

# Within half a minute.
ready() {
  local try
  for try in $(seq 300); do
    if "$root/bin/garage" bucket info test >/dev/null 2>&1; then return 0; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$folder/log" >&2
  echo 'Garage did not start.' >&2
  exit 1
}

if [ -z "${OBJECTS_TEST_S3:-}" ]; then
  build
  start
fi
cargo test --package magnitude-objects
