#!/usr/bin/env bash
# Writes the digest that a registry gives for each tag of bases.env now behind that tag, so that everybody gets the same bytes. Run it again to
# move on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
while IFS= read -r line; do
  case $line in
    *_IMAGE=*)
      image=${line#*=}
      image=${image%@*}
      digest=$(docker buildx imagetools inspect "$image" | sed -n 's/^Digest: *//p') || :
      [ -n "$digest" ] || { echo "pin.sh: no registry tells of $image." >&2; exit 1; }
      line=${line%%=*}=$image@$digest
      ;;
  esac
  printf '%s\n' "$line"
done <bases.env >"$fresh"
cat "$fresh" >bases.env
