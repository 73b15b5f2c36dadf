#!/bin/bash
# The services' roles and databases, on each of these shards (its nodes, with commas between them). Waits for the shard's leader; changes
# nothing the second time.
set -euo pipefail

services=(accounts social articles media)
# Seconds: a leader that died is replaced after twenty.
patience=90

die() { printf 'databases: %s\n' "$*" >&2; exit 1; }

# sql HOSTS ARGUMENT...: on the one of them that takes writes.
sql() {
  PGPASSWORD=$(cat /run/secrets/postgres) PGOPTIONS='-c statement_timeout=60s' psql --no-psqlrc --quiet --no-password --set=ON_ERROR_STOP=1 \
    "host=$1 user=postgres dbname=postgres target_session_attrs=read-write connect_timeout=2" "${@:2}"
}

leader() {
  local end=$((SECONDS + patience)) said
  until said=$(sql "$1" --command '\echo :HOST' 2>&1); do
    if [ "$SECONDS" -ge "$end" ]; then die "none of $1 leads after $patience s: $said"; fi
    sleep 0.5
  done
  printf '%s' "$said"
}

for nodes in "$@"; do
  host=$(leader "$nodes")
  for service in "${services[@]}"; do
    # Through the environment: arguments can be read by everybody in the container.
    STACK_SERVICE=$service STACK_PASSWORD=$(cat "/run/secrets/$service") sql "$host" --file /service.sql
  done
  echo "The databases of ${nodes%%-*} are there."
done
