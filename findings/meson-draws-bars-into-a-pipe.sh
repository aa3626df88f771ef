#!/usr/bin/env bash
# `meson setup` draws progress bars into a pipe wherever tqdm can be imported.
#
# Without tqdm its output into a pipe has no carriage return. With it (another package may have brought it along)
# a log has bars that replace each other, although no terminal is there.
# Seen on 2026-11-28 with meson 1.12.1, ninja 1.13.0 and tqdm 4.67.1:
#   without tqdm: no bar
#   with tqdm: bars
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q meson==1.12.1 ninja==1.13.0
echo "project('shop')" >meson.build
export PATH="$folder/env/bin:$PATH"
setup() {
  meson setup "$2" </dev/null 2>&1 | cat >"$2.txt"
  if grep -q $'\rGenerating targets' "$2.txt"; then echo "$1: bars"; else echo "$1: no bar"; fi
}
setup "without tqdm" one | tee seen.txt
env/bin/pip install -q tqdm==4.67.1
setup "with tqdm" two | tee -a seen.txt
diff seen.txt - <<'SEEN'
without tqdm: no bar
with tqdm: bars
SEEN
