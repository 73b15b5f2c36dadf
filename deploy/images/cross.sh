# Sourced by the Dockerfile's build stage: sets what cargo and the compilers of C need to build for a processor of another kind than that of the
# machine (TARGETARCH and BUILDARCH, in Docker's words), and fetches it where it is missing. Where both are of one kind it does nothing.
if [ "$TARGETARCH" != "$BUILDARCH" ]; then
  case $TARGETARCH in
    amd64) kind=x86_64 package=gcc-x86-64-linux-gnu ;;
    arm64) kind=aarch64 package=gcc-aarch64-linux-gnu ;;
    *) echo "cross.sh: nothing is built for $TARGETARCH, only for amd64 and arm64." >&2 && exit 1 ;;
  esac
  triple=$kind-unknown-linux-gnu
  compiler=$kind-linux-gnu-gcc
  if ! command -v "$compiler" >/dev/null; then
    { apt-get update -q && apt-get install -y -q --no-install-recommends "$package" "libc6-dev-$TARGETARCH-cross" && rm -rf /var/lib/apt/lists/*; } \
      || { echo "cross.sh: a compiler of C for $TARGETARCH could not be installed." >&2 && exit 1; }
  fi
  if [ ! -d "$(rustc --print target-libdir --target "$triple")" ]; then
    rustup target add "$triple" || { echo "cross.sh: RUST_IMAGE has no standard library for $triple, and rustup could not add it." >&2 && exit 1; }
  fi
  export "CARGO_BUILD_TARGET=$triple"
  export "CARGO_TARGET_$(echo "$triple" | tr a-z- A-Z_)_LINKER=$compiler"
  export "CC_$(echo "$triple" | tr - _)=$compiler"
fi
