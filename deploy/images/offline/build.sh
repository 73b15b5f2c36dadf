#!/usr/bin/env bash
# Makes a stand-in for every image of bases.env under its own name, for a machine that reaches no image registry but Debian's packages,
# PyPI and the registry of crates. What is there is left alone, so a second run takes seconds. Needs root and a Docker engine (engine.sh).
# What took long to make is kept in IMAGES_CACHE (/var/cache/magnitude). OBJECTS=folder leaves Garage out, which takes longest by far
# (deploy/compose/folder.yml does without).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

# shellcheck source=stand-ins.sh
source deploy/images/offline/stand-ins.sh
cache=${IMAGES_CACHE:-/var/cache/magnitude}
garage_version=2.5.0

# The object store, from source: for ten minutes and more, once.
garage() {
  [ -x "$cache/garage-$garage_version/bin/garage" ] && return 0
  say 'Building Garage, which takes ten minutes or more, once ...'
  nice -n 19 cargo install --locked --quiet --root "$cache/garage-$garage_version" --version "$garage_version" garage
}

mkdir -p "$cache"
debian
stand_in "$RUNTIME_IMAGE" runtime
stand_in "$ETCD_IMAGE" etcd
stand_in "$VALKEY_IMAGE" valkey
stand_in "$RABBITMQ_IMAGE" rabbitmq
is_there "$ENVOY_IMAGE" || stand_in "$ENVOY_IMAGE" envoy "envoy-program=$(alone .stack/envoy)"
is_there "$RUST_IMAGE" || stand_in "$RUST_IMAGE" rust "toolchain=$(rustc --print sysroot)"
node_image
if [ "${OBJECTS:-}" != folder ] && ! is_there "$GARAGE_IMAGE"; then
  garage
  stand_in "$GARAGE_IMAGE" garage "garage-program=$cache/garage-$garage_version/bin"
fi
say 'Every base image is there.'
