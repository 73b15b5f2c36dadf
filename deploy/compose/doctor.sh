#!/usr/bin/env bash
# What would keep `docker compose up` from working here, before it shows as a strange failure. Fails when there is a problem. Needs no Rust.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# MiB that are free: what everything takes with room to work, and what is left of that need when it runs already.
memory=3072
running_memory=512
disk=8192
# The first that mount a part of a volume.
engine=26
compose=2.26

bad=0
ok() { printf 'ok       %s\n' "$*"; }
note() { printf 'note     %s\n' "$*"; }
problem() { printf 'problem  %s\n' "$*"; bad=1; }

# at_least HAVE WANT: as versions.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort --version-sort | head -n 1)" = "$2" ]; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
has_volume() { docker volume inspect "${project}_$1" >/dev/null 2>&1; }

versions() {
  local have
  have=$(docker version --format '{{.Server.Version}}')
  if at_least "$have" "$engine"; then ok "Docker engine $have."; else problem "the Docker engine is $have: install $engine or newer."; fi
  have=$(docker compose version --short 2>/dev/null || echo 0)
  have=${have#v}
  if at_least "$have" "$compose"; then ok "Compose $have."; else problem "Compose is ${have/#0/missing}: install the Compose plugin $compose or newer."; fi
}

resources() {
  local free wanted=$memory
  [ -z "$running" ] || wanted=$running_memory
  # Docker's own machine, where it has one.
  free=$(docker info --format '{{.MemTotal}}')
  free=$((free / 1048576))
  if [ "$free" -ge "$memory" ] && [ -r /proc/meminfo ]; then free=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo) && free=$((free / 1024)); fi
  if [ "$free" -ge "$wanted" ]; then ok "$free MiB of memory are free; $wanted are wanted."; else problem "$free MiB of memory are free, and $wanted are wanted: close something, or give Docker more."; fi
  free=$(df --output=avail --block-size=1M "$(docker info --format '{{.DockerRootDir}}')" 2>/dev/null | tail -n 1 || echo "$disk")
  if [ "$free" -ge "$disk" ] || [ -n "$running" ]; then ok "$((free)) MiB of disk are free for Docker."; else problem "$((free)) MiB of disk are free for Docker, and $disk are wanted: \`docker system prune\` frees what nobody uses."; fi
}

# port NAME NUMBER
port() {
  if [ -n "$running" ]; then ok "port $2 is this stack's."
  elif listens "$2"; then problem "port $2 is taken by another program: choose one with $1=... docker compose up"
  else ok "port $2 is free."; fi
}

network() {
  local subnet=${EDGE_SUBNET:-10.119.81.0/24} id taken
  for id in $(docker network ls --quiet --filter driver=bridge); do
    taken=$(docker network inspect --format '{{.Name}} {{range .IPAM.Config}}{{.Subnet}} {{end}}' "$id")
    if [[ " $taken " == *" $subnet "* && $taken != "${project}_"* ]]; then
      problem "the network $subnet is taken by ${taken%% *}: choose another with EDGE_SUBNET, EDGE_RANGE and BALANCER_ADDRESS (deploy/compose/README.md)."
      return
    fi
  done
  ok "the network $subnet is free."
}

data() {
  if has_volume etcd && ! has_volume secrets; then
    problem "the volume ${project}_secrets is gone, but data is there that it opens: bring it back, or delete the data too with \`docker compose down --volumes\`."
  elif has_volume secrets; then ok "there is data of an earlier start."
  else ok "nothing is there of an earlier start."; fi
}

# Containers read them as other users.
files() {
  local closed
  closed=$(find deploy/compose deploy/edge deploy/objects deploy/postgres ! -perm -o+r -print -quit)
  if [ -z "$closed" ]; then ok 'the containers can read their configuration.'; else problem "the containers cannot read $closed: chmod --recursive o+rX deploy"; fi
}

images() {
  local image=${PROJECT_IMAGES:-magnitude}/articles:${TAG:-dev}
  if docker image inspect "$image" >/dev/null 2>&1; then ok "the images are built ($image)."; else note "the images are not built yet: \`docker compose up\` builds them first, for ten minutes or so."; fi
}

if ! command -v docker >/dev/null; then problem 'Docker is not installed: install the engine with its Compose plugin.'
elif ! docker info >/dev/null 2>&1; then problem "the Docker engine does not answer: start it, or see that you may use it (docker info says why)."
else
  versions
  if [ "$bad" -eq 0 ]; then
    project=$(docker compose config --format json | sed -n 's/^  "name": "\(.*\)",$/\1/p')
    running=$(docker compose ps --quiet envoy 2>/dev/null || :)
    resources
    port PORT "${PORT:-8080}"
    port EDGE_PORT "${EDGE_PORT:-8081}"
    network
    data
    files
    images
  fi
fi
exit "$bad"
