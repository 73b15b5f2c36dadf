#!/usr/bin/env bash
# Measures articles beside constant answers, on a stack of its own with one instance of it, built for release.
source "$(dirname "${BASH_SOURCE[0]}")/own-stack.sh"

measure() {
  deploy/local/install.sh
  cargo build --release --workspace --bins
  [ -x .stack/tools/bin/oha ] || command -v oha >/dev/null || cargo install --locked --root .stack/tools oha
  begin_stack
  "$stack" up --topology bench
  target/release/load bench "$@"
}

own_stack bench release measure "$@"
