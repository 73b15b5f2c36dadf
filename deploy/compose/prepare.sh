#!/bin/bash
# Makes every secret once, gives each container a folder with those that it needs and nobody else may read, and gives the volumes to who uses
# them. From the second start on it changes nothing.
set -euo pipefail
umask 077

all=/secrets/all

die() { printf 'prepare: %s\n' "$*" >&2; exit 1; }
random() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

# make NAME BYTES [PREFIX]: complete or not at all, whatever ends this in between.
make() {
  [ -s "$all/$1" ] && return 0
  printf '%s%s' "${3:-}" "$(random "$2")" >"$all/$1.new"
  mv "$all/$1.new" "$all/$1"
}

# give USER AUDIENCE FILE: standard input becomes a secret of this audience.
give() {
  local folder=/secrets/$2
  mkdir -p "$folder"
  cat >"$folder/$3.new"
  chmod 0400 "$folder/$3.new"
  chown "$1:$1" "$folder/$3.new" "$folder"
  chmod 0500 "$folder"
  mv "$folder/$3.new" "$folder/$3"
}

secret() { cat "$all/$1"; }

# Said before a container is ended for want of it, which looks like a failure of its own.
available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
if [ ! -e "$all/complete" ] && [ "$((available / 1024))" -lt "$MEMORY_MIB" ]; then
  die "$((available / 1024)) MiB of memory are free, and the stack takes $MEMORY_MIB: close something, or give Docker more (MEMORY_MIB=0 starts all the same)."
fi

# Data without its passwords cannot be opened with new ones. etcd is the first that keeps any.
if [ ! -e "$all/complete" ] && [ -e /volumes/etcd/member ]; then
  die 'the volume with the secrets is gone, but the data is there: bring back the volume "secrets", or delete the data too with `docker compose down --volumes`.'
fi

mkdir -p "$all"
for name in postgres replicator rewind patroni accounts social articles media valkey rabbitmq erlang-cookie edge-refresh demo; do make "$name" 24; done
make objects-rpc 32
make objects-admin 32
make objects-key 12 GK
make objects-secret 32
touch "$all/complete"

for name in postgres replicator rewind patroni; do secret "$name" | give 5432 postgres "$name"; done
for name in postgres accounts social articles media; do secret "$name" | give 5432 databases "$name"; done
secret valkey | give 6379 valkey password
printf 'requirepass %s\nmasterauth %s\n' "$(secret valkey)" "$(secret valkey)" | give 6379 valkey valkey.conf
printf 'default_pass = %s\n' "$(secret rabbitmq)" | give 5672 rabbitmq login.conf
secret erlang-cookie | give 5672 rabbitmq .erlang.cookie
for name in rpc admin key secret; do secret "objects-$name" | give 3900 objects "$name"; done
sed "s/{{secret}}/$(secret edge-refresh)/" /refresh.conf | give 8081 edge refresh.conf
for service in accounts social articles media; do
  secret "$service" | give 65532 "$service" database
  secret valkey | give 65532 "$service" valkey
  secret rabbitmq | give 65532 "$service" rabbitmq
done
secret objects-key | give 65532 media objects-key
secret objects-secret | give 65532 media objects-secret
secret demo | give 65532 seed demo

own() { chown "$2:$2" "/volumes/$1" && chmod 0700 "/volumes/$1"; }
own etcd 2379
own sessions 6379
own sessions-replica 6379
own rabbitmq 5672
# Of Garage, or of the services where they keep the objects themselves.
own objects "${OBJECTS_OWNER:-3900}"
