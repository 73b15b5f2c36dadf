#!/usr/bin/env bash
# Replaces every container of a service by one of the image that its tag names now, without a failed request: as many new ones beside the old
# ones, and when the load balancer has found those well the old ones are told to leave, one after another. Argument: the service.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Seconds for the load balancer to find the new ones well.
patience=30

say() { printf '%s\n' "$*"; }
die() { printf 'roll.sh: %s\n' "$*" >&2; exit 1; }

# How many instances of the service the load balancer finds well.
routed() {
  docker compose exec -T envoy bash -c \
    "exec 3<>/dev/tcp/127.0.0.1/9901; printf 'GET /clusters HTTP/1.1\r\nhost: envoy\r\nconnection: close\r\n\r\n' >&3; cat <&3" \
    | grep -c "^$service::.*::health_flags::healthy" || :
}

# The load balancer knows workers too, but sends them nothing.
is_routed() { case $service in accounts | social | articles | media | edge) true ;; *) false ;; esac; }

wait_routed() {
  local end=$((SECONDS + patience))
  until [ "$(routed)" -ge "$1" ]; do
    [ "$SECONDS" -lt "$end" ] || die "the load balancer does not find $1 instances of $service well; the old ones are left as they are."
    sleep 0.2
  done
}

service=${1:-}
[ -n "$service" ] || { echo 'say which: make compose-roll SERVICE=articles' >&2; exit 2; }
mapfile -t old < <(docker compose ps --quiet "$service")
[ "${#old[@]}" -gt 0 ] || die "no container of $service runs: docker compose up --detach"

# The databases first: what runs goes on with a schema that is ahead of it.
if docker compose config --services | grep -qx "${service%-worker}-migrate"; then docker compose run --rm --no-deps "${service%-worker}-migrate"; fi
more=(up --detach --no-build --no-deps --no-recreate --wait)
say "Starting ${#old[@]} new containers of $service beside the old ones ..."
docker compose "${more[@]}" --scale "$service=$((2 * ${#old[@]}))" "$service"
if is_routed; then wait_routed $((2 * ${#old[@]})); fi
for container in "${old[@]}"; do
  say "Telling $(docker inspect --format '{{slice .Name 1}}' "$container") to leave ..."
  docker stop "$container" >/dev/null
  docker rm --volumes "$container" >/dev/null
done
say "$service is replaced."
