#!/usr/bin/env bash
# What a start says that cannot succeed: one sentence each, with what to do. In a project of its own, whose images are built; run by test.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-magnitude-test}-refusals
export EDGE_SUBNET=10.119.83.0/24 EDGE_RANGE=10.119.83.128/25 BALANCER_ADDRESS=10.119.83.2
unset PORT EDGE_PORT

postgres=${PROJECT_IMAGES:-magnitude}/postgres:${TAG:-dev}
listener=

end() {
  if [ -n "$listener" ]; then kill "$listener" 2>/dev/null || :; fi
  forget
}
forget() { docker compose down --volumes >/dev/null 2>&1; }
prepare() { docker compose up --no-build --no-log-prefix prepare 2>&1; }
doctor() { deploy/compose/doctor.sh || :; }
# in_volume NAME COMMAND
in_volume() { docker run --rm --user 0 --entrypoint bash --volume "${COMPOSE_PROJECT_NAME}_$1:/volume" "$postgres" -ec "$2"; }

# says WHAT SENTENCE COMMAND...
says() {
  local what=$1 sentence=$2 said
  shift 2
  said=$("$@" 2>&1 || :)
  if [[ $said != *"$sentence"* ]]; then
    printf 'of %s nothing is said but:\n%s\n' "$what" "$said" >&2
    exit 1
  fi
  printf 'ok  %s\n' "$what"
}

trap end EXIT
forget
MEMORY_MIB=99999999 says 'too little memory' 'close something, or give Docker more' prepare
says 'enough memory' 'exited with code 0' prepare

in_volume etcd 'mkdir --parents /volume/member'
docker compose rm --force --stop prepare >/dev/null 2>&1
docker volume rm "${COMPOSE_PROJECT_NAME}_secrets" >/dev/null
says 'lost secrets, by the doctor' 'bring it back, or delete the data too' doctor
says 'lost secrets' 'bring back the volume "secrets", or delete the data too' prepare

forget
docker volume create "${COMPOSE_PROJECT_NAME}_s1-1" >/dev/null
in_volume s1-1 'mkdir /volume/pgdata && echo 15 >/volume/pgdata/PG_VERSION'
prepare >/dev/null
says 'data of an older PostgreSQL' 'this volume was made by PostgreSQL 15' docker compose run --rm --no-deps --no-TTY s1-1
says 'a service without its secret' 'database.password: /nowhere cannot be read' \
  docker compose run --rm --no-deps --no-TTY --env MAGNITUDE_DATABASE__PASSWORD_FILE=/nowhere articles-migrate

exec 4< <(exec python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(600)')
listener=$!
read -r port <&4
# A Docker that tells other versions of itself.
shim=$(mktemp -d)
printf '#!/bin/sh\ncase "$*" in "version "*) echo 20.10.24 ;; "compose version "*) echo 2.10.0 ;; *) exec "%s" "$@" ;; esac\n' "$(command -v docker)" >"$shim/docker"
chmod +x "$shim/docker"
old_doctor() { PATH=$shim:$PATH doctor; }
says 'an old engine' 'the Docker engine is 20.10.24: install 26 or newer' old_doctor
says 'an old Compose' 'Compose is 2.10.0: install the Compose plugin 2.26 or newer' old_doctor
rm -r "$shim"

PORT=$port says 'a port in use, by the doctor' "port $port is taken by another program: choose one with PORT=" doctor
