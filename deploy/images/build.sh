#!/usr/bin/env bash
# Builds the project's images for this machine, under the names that docker-compose.yml uses (PROJECT_IMAGES, TAG); arguments choose some of
# docker-bake.hcl. The bases come from bases.env; whatever of it is set already wins. PLATFORM=linux/arm64 builds them for another kind of
# processor. PROGRAMS=FOLDER takes the programs from there, such as target/debug, instead of building them for release: quicker where they are
# built anyway, and larger.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# shellcheck source=bases.sh
source deploy/images/bases.sh
REVISION=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
export REVISION PROJECT_IMAGES=${PROJECT_IMAGES:-magnitude} TAG=${TAG:-dev}

rust=(accounts social articles media publish load)
options=()
if [ -n "${PROGRAMS:-}" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  mkdir "$folder/programs"
  for program in accounts social articles media load; do
    strip --output "$folder/programs/$program" "$PROGRAMS/$program" 2>/dev/null || cp "$PROGRAMS/$program" "$folder/programs"
  done
  # In the place of the Dockerfile's stage of that name.
  for target in "${rust[@]}"; do options+=(--set "$target.contexts.build=$folder"); done
fi
docker buildx bake --file deploy/images/docker-bake.hcl --load --set "*.platform=${PLATFORM:-}" "${options[@]}" "$@"
