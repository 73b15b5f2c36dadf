#!/usr/bin/env bash
# Runs experiments in full, each on a new stack. Arguments: a name, or `all`; then options of `experiment`.
source "$(dirname "${BASH_SOURCE[0]}")/own-stack.sh"

main() {
  local name=$1
  shift
  deploy/local/install.sh
  cargo build --workspace --bins
  deploy/local/web.sh
  begin_stack
  for name in $(names "$name"); do
    # Each begins with two shards and no data.
    "$stack" clean
    "$stack" up --topology "$(topology "$name")"
    target/debug/experiment "$name" "$@"
  done
}

names() {
  if [ "$1" = all ]; then echo replica stateless failover stampede staleness cache-loss resharding reshard-crash celebrity jobs poison fan-out burst edge footprint; else echo "$1"; fi
}

topology() {
  if [ "$1" = jobs ]; then echo three-brokers; else echo standard; fi
}

[ -n "${1:-}" ] || { echo 'say which: make experiment NAME=failover (target/debug/experiment help lists them)' >&2; exit 2; }
own_stack experiment debug main "$@"
