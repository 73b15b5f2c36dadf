#!/usr/bin/env bash
# Sees to it that a Docker engine with Compose answers: installs Debian 13's packages where there is none (Debian 12's engine is too old for
# the health checks here, and has no Compose of version 2), and starts the engine if nobody else does. Needs root. `engine.sh stop` ends an
# engine that this started.
set -euo pipefail

# shellcheck source=mirror.sh
source "$(dirname "${BASH_SOURCE[0]}")/mirror.sh"

# The process of an engine that this started.
started=/run/magnitude-dockerd.pid

say() { printf '%s\n' "$*"; }
die() { printf 'engine.sh: %s\n' "$*" >&2; exit 1; }
answers() { docker info >/dev/null 2>&1; }
has_plugins() { docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1; }

install_engine() {
  [ "$(id -u)" -eq 0 ] || die 'no Docker engine is installed: install one, or run this as root.'
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror from=()
  mirror=$(debian_mirror)
  # Only for these packages: everything else stays with the machine's own release.
  if ! grep -qs trixie /etc/os-release; then
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' "$mirror" "$keyring" >/etc/apt/sources.list.d/magnitude-trixie.sources
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 50\n' >/etc/apt/preferences.d/magnitude-trixie
    from=(docker.io/trixie containerd/trixie docker-cli/trixie docker-compose/trixie docker-buildx/trixie debootstrap)
  else
    from=(docker.io docker-cli docker-compose docker-buildx debootstrap)
  fi
  say 'Installing the Docker engine, Compose and Buildx from Debian (a minute) ...'
  chmod 1777 /tmp
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${from[@]}"; } >/tmp/magnitude-engine.log 2>&1 \
    || { tail -n 20 /tmp/magnitude-engine.log >&2; die 'apt-get failed.'; }
}

# A machine without an init system. Its containers must not send larger packets than its own link takes.
start_engine() {
  [ "$(id -u)" -eq 0 ] || die 'the Docker engine does not run: start it.'
  local mtu
  mtu=$(ip -o link show "$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)" 2>/dev/null | sed -n 's/.* mtu \([0-9]*\).*/\1/p')
  setsid dockerd --mtu "${mtu:-1500}" --default-network-opt "bridge=com.docker.network.driver.mtu=${mtu:-1500}" >/var/log/magnitude-dockerd.log 2>&1 </dev/null &
  echo "$!" >"$started"
  for _ in $(seq 120); do
    answers && return 0
    sleep 0.25
  done
  tail -n 20 /var/log/magnitude-dockerd.log >&2
  die 'the Docker engine did not start within 30 s.'
}

stop_engine() {
  local pid
  pid=$(cat "$started" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null && timeout 60 tail --pid "$pid" --follow /dev/null
  rm -f "$started"
}

if [ "${1:-}" = stop ]; then
  stop_engine
  exit
fi

# An engine that answers may still be kept from running anything, as in a container of its own without the rights.
runs_containers() {
  # A program that needs nothing but itself.
  tar --directory / --create sbin/ldconfig | docker import - magnitude-probe:latest >/dev/null \
    && docker run --rm --read-only --cap-drop ALL --memory 64m --publish 127.0.0.1::80 magnitude-probe:latest /sbin/ldconfig --version >/dev/null
}

if ! has_plugins || { ! answers && ! command -v dockerd >/dev/null; }; then install_engine; fi
answers || start_engine
runs_containers || die 'the Docker engine runs, but containers do not: it says above why.'
say "Docker $(docker version --format '{{.Server.Version}}'), Compose $(docker compose version --short)."
