# Sourced by scripts that need a stack of their own: it lies in .stack-NAME, ends with them whatever happens, and only one of a name runs in a clone.
set -euo pipefail
# An error's causes and the end of the log that it shows say more than where it was made, and must not scroll away.
export RUST_LIB_BACKTRACE=0
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# own_stack NAME BUILD COMMAND...: runs COMMAND, with $stack of that build, if nobody else has the stack of this name.
own_stack() {
  local name=$1 build=$2
  shift 2
  export STACK_DIR=$PWD/.stack-$name PORT=0 EDGE_PORT=0 MAGNITUDE_TEST_STACK=$PWD/.stack-$name/test.json
  stack=target/$build/stack
  mkdir -p .stack
  exec 9>".stack/$name.lock"
  flock --nonblock 9 || { echo "Another run in this clone has .stack-$name: wait for its end." >&2; exit 1; }
  # The stack's programs must not inherit the lock.
  "$@" 9>&-
}

# during WHAT COMMAND...: runs COMMAND; a run that fails in it says so at its end.
during() {
  doing=$1
  shift
  "$@"
}

# Nothing of an earlier run is left, and from now on the end of the script ends the stack.
begin_stack() {
  "$stack" clean
  trap end_stack EXIT
  trap 'exit 130' INT TERM
}

end_stack() {
  local code=$?
  before_end
  # What a failed run's logs say is all that is left of it.
  if [ "$code" -ne 0 ] && [ -d "$STACK_DIR/logs" ]; then
    rm -rf .stack/failed-logs && mkdir -p .stack && cp -r "$STACK_DIR/logs" .stack/failed-logs
    echo "${doing:+It failed in $doing. }The nodes' logs are in .stack/failed-logs." >&2
  fi
  "$stack" clean || code=1
  exit "$code"
}

# A script that has started something else ends it here.
before_end() { :; }
