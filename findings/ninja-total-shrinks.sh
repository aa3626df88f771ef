#!/usr/bin/env bash
# ninja lowers the total of its [step/total] while it builds: an edge with `restat` whose output did not change takes
# all that depend on it out of the plan. Its percent therefore leaps, and says beforehand how much at most is to do.
#
# Seen on 2026-11-29 with ninja 1.13.0 (PyPI), four edges behind one that changes nothing, and another edge:
#   first build: 1/6 2/6 3/6 4/6 5/6 6/6
#   its source touched: 1/6 2/2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip -q --disable-pip-version-check install ninja==1.13.0
cat >build.ninja <<'NINJA'
rule once
  command = test -e $out || cp $in $out
  restat = 1
rule copy
  command = cp $in $out
build generated.h: once source
build one: copy generated.h
build two: copy generated.h
build three: copy generated.h
build four: copy three
build other: copy source
NINJA
steps() { venv/bin/ninja -j 1 | sed -n 's/^\[\([0-9/]*\)].*/\1/p' | paste -sd ' '; }
touch source
{
  echo "first build: $(steps)"
  sleep 1.1
  touch source
  echo "its source touched: $(steps)"
} | tee seen.txt
diff seen.txt - <<'SEEN'
first build: 1/6 2/6 3/6 4/6 5/6 6/6
its source touched: 1/6 2/2
SEEN
