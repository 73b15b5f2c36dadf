#!/bin/bash
# Gives Patroni its passwords, which are in no configuration file and on no command line, and becomes what it is told.
set -euo pipefail

secret() {
  [ -r "/run/secrets/$1" ] || { echo "the secret $1 is missing: it is made by the service 'prepare' (docker compose up prepare)" >&2; exit 1; }
  cat "/run/secrets/$1"
}

# A newer server does not read an older one's files.
version=$(cat /var/lib/postgresql/node/pgdata/PG_VERSION 2>/dev/null || :)
installed=$(postgres --version | sed 's/.* \([0-9]*\)[.].*/\1/')
if [ -n "$version" ] && [ "$version" != "$installed" ]; then
  echo "this volume was made by PostgreSQL $version, and the image has $installed: build the image of that time, dump and restore, or delete the data with 'docker compose down --volumes'." >&2
  exit 1
fi

PATRONI_SUPERUSER_USERNAME=postgres PATRONI_SUPERUSER_PASSWORD=$(secret postgres)
PATRONI_REPLICATION_USERNAME=replicator PATRONI_REPLICATION_PASSWORD=$(secret replicator)
PATRONI_REWIND_USERNAME=rewind PATRONI_REWIND_PASSWORD=$(secret rewind)
PATRONI_RESTAPI_USERNAME=patroni PATRONI_RESTAPI_PASSWORD=$(secret patroni)
export "${!PATRONI_@}"
exec "$@"
