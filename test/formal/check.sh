#!/bin/bash
# check.sh MODEL [FLAGS…]: verify one Promela model with spin (Debian package `spin`), print one line.
#   ./check.sh tree -DLEASE -DOPSET=5              0 errors
#   ./check.sh tree -DLITERAL -DLEASE -DOPSET=5    an error: a broken variant
# DEPTH and HASH (2^HASH slots) enlarge the search; the run is cut after T seconds.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
model=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/$model.pml" "$work/m.pml"
cd "$work"
spin -a "$@" m.pml > spin.out 2>&1 || { cat spin.out; exit 2; }
gcc -O1 -DMEMLIM=7500 -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -o pan pan.c > gcc.out 2>&1 ||
  { tail gcc.out; exit 2; }
timeout "${T:-170}" ./pan -m"${DEPTH:-6000000}" -w"${HASH:-24}" -n > out 2>&1 || true
cut=$(grep -iE 'out of memory|max search depth|Search not completed|aborted' out | head -n 1 || true)
echo "$model $* | $(grep -oE 'errors: [0-9]+' out || echo 'not finished') |" \
  "$(grep -oE '[0-9.e+]+ states, stored' out | head -n 1) |" \
  "$(grep -E 'pan:1' out | head -n 1) $cut"
