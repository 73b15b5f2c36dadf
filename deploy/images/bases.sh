# Sourced, from the root: exports every name of bases.env that is not set already. With OFFLINE=1 without digests, which stand-ins do not have.
while IFS='=' read -r name image; do
  case $name in '' | '#'*) continue ;; esac
  image=${!name:-$image}
  if [ -n "${OFFLINE:-}" ]; then image=${image%@*}; fi
  export "$name=$image"
done <deploy/images/bases.env
unset name image
