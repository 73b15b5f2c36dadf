#!/usr/bin/env bash
# Runs all tests of one package. By the programs of the whole workspace: `cargo test --package` would choose other features for what is below,
# and build all of that once more. Argument: the package's name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

programs() {
  cargo test --workspace --no-run --quiet --message-format=json | python3 -c '
import json, os, sys
for line in sys.stdin:
    told = json.loads(line)
    if told.get("executable") and told["profile"]["test"]:
        folder = os.path.dirname(told["manifest_path"])
        # `path#name@version`, or `path#version` where the folder has the name.
        name = told["package_id"].rsplit("#", 1)[1].rpartition("@")[0]
        if sys.argv[1] == (name or os.path.basename(folder)):
            print(told["executable"], folder)
' "$1"
}

found=$(programs "$1")
[ -n "$found" ] || { echo "No package of the workspace is called $1, or it has no tests." >&2; exit 2; }
while read -r program folder; do
  # As cargo does: in the package's folder.
  (cd "$folder" && "$program" </dev/null)
done <<<"$found"
