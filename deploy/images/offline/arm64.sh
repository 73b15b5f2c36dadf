#!/usr/bin/env bash
# Builds the images of the project's own programs for linux/arm64 on a machine of the other kind that reaches no image registry, and runs what is in
# them under an emulator: proves the Dockerfile's way from one kind of processor to the other. They are tagged TAG-arm64 (dev-arm64), beside
# those for this machine. Stand-ins that are there are left alone. Needs root and a Docker engine (engine.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

# shellcheck source=stand-ins.sh
source deploy/images/offline/stand-ins.sh
export PROJECT_IMAGES=${PROJECT_IMAGES:-magnitude} TAG=${TAG:-dev}-arm64
emulator=magnitude-emulator:latest

# look IMAGE PROGRAM: unpacks the image into `root`, and sees what it is for.
look() {
  local image=$1 program=$2 kind
  kind=$(docker image inspect --format '{{.Os}}/{{.Architecture}}' "$image")
  [ "$kind" = linux/arm64 ] || die "$image says that it is for $kind, not for linux/arm64."
  root=$work/root
  rm -rf "$root"
  docker buildx build --quiet --platform linux/arm64 --output "type=local,dest=$root" - <<<"FROM $image" >/dev/null
  # What an ELF file says it is for: AArch64 is 183.
  [ "$(od --address-radix=n --format=u2 --skip-bytes=18 --read-bytes=2 "$root$program" | tr -d ' ')" = 183 ] || die "$program of $image is not for AArch64."
}

# run PROGRAM [ARGUMENT...]: with the libraries of its own image.
run() { docker run --rm --network none --read-only --volume "$root:/arm64:ro" "$emulator" -L /arm64 "/arm64$1" "${@:2}" 2>&1; }

# says TEXT COMMAND...: its output has the text.
says() {
  local said
  said=$("${@:2}") || :
  grep -qF -- "$1" <<<"$said" || die "\`${*:2}\` did not say \"$1\" but: $said"
}

service() {
  local image=$PROJECT_IMAGES/$1:$TAG program=/usr/local/bin/service
  look "$image" "$program"
  says 'Asks the running instance whether it is ready' run "$program" --help
  says 'operator = "127.0.0.1:9000"' run "$program" settings
  # Nobody listens there.
  says '127.0.0.1:9000 could not be asked: Connection refused' run "$program" healthcheck
}

[ "$(docker version --format '{{.Server.Arch}}')" = amd64 ] || die 'the stand-in for the image of Rust is for machines of amd64.'
debian
node_image
stand_in "$RUST_IMAGE-arm64" rust-arm64
stand_in "$emulator" emulator
platform=linux/arm64 stand_in "$RUNTIME_IMAGE-arm64" runtime
say 'Building the programs for arm64 (ten minutes or more the first time) ...'
RUST_IMAGE=$RUST_IMAGE-arm64 RUNTIME_IMAGE=$RUNTIME_IMAGE-arm64 PLATFORM=linux/arm64 deploy/images/build.sh programs
for name in accounts social articles media; do service "$name"; done
look "$PROJECT_IMAGES/publish:$TAG" /usr/local/bin/service
says 'publish' run /usr/local/bin/service --help
[ -e "$root/site/index.html" ] || die "$PROJECT_IMAGES/publish:$TAG is without the web application."
look "$PROJECT_IMAGES/load:$TAG" /usr/local/bin/load
says 'demo' run /usr/local/bin/load --help
say "The six images of $PROJECT_IMAGES/...:$TAG are for arm64, and their programs run there."
