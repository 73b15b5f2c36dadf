#!/usr/bin/env bash
# Builds the web application into services/web/dist, if what it is made of changed since it was built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# Behind the machine's own Node, if it has one.
export PATH=$PATH:$PWD/.stack/venv/bin
cd services/web

is_fresh() {
  [ -e dist/index.html ] && [ -z "$(find . \( -path ./node_modules -o -path ./dist \) -prune -o -type f -newer dist/index.html -print -quit)" ]
}

is_fresh && exit 0
echo 'Building the web application (half a minute) ...'
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-progress --loglevel=error
npm run --silent build
