# Sourced, from the root, by build.sh and arm64.sh: how a stand-in is made. Exports the names of bases.env; `work` is a folder that is gone at the
# end. Needs root and a Docker engine.
here=deploy/images/offline
# shellcheck source=../bases.sh
OFFLINE=1 source deploy/images/bases.sh
# shellcheck source=mirror.sh
source "$here/mirror.sh"

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
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
  is_there "$DEBIAN_IMAGE" && return 0
  mirror=$(debian_mirror)
  say 'Making Debian 13 (a minute) ...'
  debootstrap --variant=minbase trixie "$root" "$mirror" >"$work/debootstrap.log" 2>&1 || { tail -n 20 "$work/debootstrap.log" >&2; die 'debootstrap failed.'; }
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
  tar --directory "$root" --create . | docker import --change 'CMD ["bash"]' - "$DEBIAN_IMAGE" >/dev/null
}

# stand_in IMAGE TARGET [CONTEXT=FOLDER...], for `platform` if that is set.
stand_in() {
  local image=$1 target=$2 context options=()
  shift 2
  is_there "$image" && return 0
  say "Making $image ..."
  for context in "$@"; do options+=(--build-context "$context"); done
  if [ -n "${platform:-}" ]; then options+=(--platform "$platform"); fi
  docker buildx build --progress plain --load --file "$here/Dockerfile" --target "$target" --tag "$image" --build-arg "DEBIAN_IMAGE=$DEBIAN_IMAGE" \
    --build-context "certificates=$work/certificates" "${options[@]}" "$here" >"$work/build.log" 2>&1 \
    || { tail -n 30 "$work/build.log" >&2; die "the stand-in for $image could not be made."; }
}

node_image() {
  local node npm
  is_there "$NODE_IMAGE" && return 0
  node=$(program node)
  npm=$(program npm)
  stand_in "$NODE_IMAGE" node "node-program=$(alone "$node")" "npm=$(dirname "$(dirname "$(realpath "$npm")")")"
}

docker info >/dev/null 2>&1 || die "no Docker engine answers: $here/engine.sh installs and starts one."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/certificates"
cp /etc/ssl/certs/ca-certificates.crt "$work/certificates"
