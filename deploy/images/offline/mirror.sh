# Sourced: debian_mirror prints from where this machine has its Debian packages, over plain HTTP, which a new Debian can speak too.
debian_mirror() {
  local mirror
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v '^ *#' | grep -oE -m 1 'http://[^ ]+/debian/?( |$)' | tr -d ' ' || :)
  [ -n "$mirror" ] || { echo 'no mirror of Debian is in /etc/apt that is reached by http.' >&2; return 1; }
  printf '%s' "${mirror%/}"
}
