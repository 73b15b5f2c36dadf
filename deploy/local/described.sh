# Sourced by what tests a stack: what its description, $MAGNITUDE_TEST_STACK, says.

# described NAME: a text of it.
described() { sed -n "s|^ *\"$1\": \"\([^\"]*\)\".*|\1|p" "$MAGNITUDE_TEST_STACK"; }

# address NAME: as people write it, and as pages are told.
address() { described "$1" | sed 's|//127.0.0.1:|//localhost:|'; }
