#!/usr/bin/env bash
# Makes a stand-in for every image of bases.env under its own name, for a machine that reaches no image registry but Debian's packages,
# PyPI and the registry of crates. What is there is left alone, so a second run takes seconds. Needs root and a Docker engine (engine.sh).
# What took long to make is kept in IMAGES_CACHE (/var/cache/magnitude). OBJECTS=folder leaves Garage out, which takes longest by far
# (deploy/compose/folder.yml does without).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

cache=${IMAGES_CACHE:-/var/cache/magnitude}
here=deploy/images/offline
garage_version=2.5.0
# shellcheck source=../bases.sh
OFFLINE=1 source deploy/images/bases.sh

# shellcheck source=mirror.sh
source "$here/mirror.sh"

say() { printf '%s\n' "$*"; }
die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }
is_there() { docker image inspect "$1" >/dev/null 2>&1; }
program() { PATH=$PATH:$PWD/.stack/venv/bin command -v "$1" || die "$1 is missing: run deploy/local/install.sh"; }

# A folder that holds this one file, as a build context.
alone() {
  local folder
  folder=$work/$(basename "$1")-alone
  mkdir -p "$folder"
  cp -L "$1" "$folder/${2:-$(basename "$1")}"
  printf '%s' "$folder"
}

# Debian itself, small: what `debian:trixie-slim` holds.
debian() {
  local root=$work/debian mirror
  mirror=$(debian_mirror)
  say 'Making Debian 13 (a minute) ...'
  debootstrap --variant=minbase trixie "$root" "$mirror" >"$work/debootstrap.log" 2>&1 || { tail -n 20 "$work/debootstrap.log" >&2; die 'debootstrap failed.'; }
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
  tar --directory "$root" --create . | docker import --change 'CMD ["bash"]' - "$DEBIAN_IMAGE" >/dev/null
}

# The object store, from source: for ten minutes and more, once.
garage() {
  [ -x "$cache/garage-$garage_version/bin/garage" ] && return 0
  say 'Building Garage, which takes ten minutes or more, once ...'
  nice -n 19 cargo install --locked --quiet --root "$cache/garage-$garage_version" --version "$garage_version" garage
}

# stand_in IMAGE TARGET [CONTEXT=FOLDER...]
stand_in() {
  local image=$1 target=$2 context contexts=()
  shift 2
  is_there "$image" && return 0
  say "Making $image ..."
  for context in "$@"; do contexts+=(--build-context "$context"); done
  docker buildx build --quiet --load --file "$here/Dockerfile" --target "$target" --tag "$image" --build-arg "DEBIAN_IMAGE=$DEBIAN_IMAGE" \
    --build-context "certificates=$work/certificates" "${contexts[@]}" "$here" >/dev/null
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$cache" "$work/certificates"
cp /etc/ssl/certs/ca-certificates.crt "$work/certificates"

is_there "$DEBIAN_IMAGE" || debian
stand_in "$RUNTIME_IMAGE" runtime
stand_in "$ETCD_IMAGE" etcd
stand_in "$VALKEY_IMAGE" valkey
stand_in "$RABBITMQ_IMAGE" rabbitmq
is_there "$ENVOY_IMAGE" || stand_in "$ENVOY_IMAGE" envoy "envoy-program=$(alone .stack/envoy)"
is_there "$RUST_IMAGE" || stand_in "$RUST_IMAGE" rust "toolchain=$(rustc --print sysroot)"
is_there "$NODE_IMAGE" || stand_in "$NODE_IMAGE" node "node-program=$(alone "$(realpath "$(program node)")")" "npm=$(dirname "$(dirname "$(realpath "$(program npm)")")")"
if [ "${OBJECTS:-}" != folder ] && ! is_there "$GARAGE_IMAGE"; then
  garage
  stand_in "$GARAGE_IMAGE" garage "garage-program=$cache/garage-$garage_version/bin"
fi
say 'Every base image is there.'
