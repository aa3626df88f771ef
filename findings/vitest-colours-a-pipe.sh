#!/usr/bin/env bash
# Vitest writes colours into a pipe, even with an empty environment; TERM=dumb and NO_COLOR end it.
#
# Seen on 2026-11-28 with vitest 4.1.12 and Node 20:
#   empty environment: coloured
#   TERM=dumb: plain
#   NO_COLOR=1: plain
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund vitest@4.1.12 >npm.txt 2>&1 || { cat npm.txt; exit 1; }
echo "import { test } from 'vitest'; test('adds', () => {});" >sum.test.js
look() {
  name=$1
  shift
  env -i PATH="$PATH" "$@" node_modules/.bin/vitest run </dev/null 2>&1 | cat >out.txt
  grep -q '1 passed' out.txt
  if grep -q $'\e\\[3' out.txt; then echo "$name: coloured"; else echo "$name: plain"; fi
}
{ look "empty environment"; look TERM=dumb TERM=dumb; look NO_COLOR=1 NO_COLOR=1; } | tee seen.txt
diff seen.txt - <<'SEEN'
empty environment: coloured
TERM=dumb: plain
NO_COLOR=1: plain
SEEN
