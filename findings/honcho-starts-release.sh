#!/usr/bin/env bash
# honcho starts a Procfile's `release` beside `web`, and when that has ended well, it ends `web`.
#
# On Heroku and Dokku `release` runs alone, before a new version is started. `honcho start web` does without it.
# Seen on 2026-11-28 with honcho 2.0.0:
#   honcho start: release ran, web was ended
#   honcho start web: release did not run, web went on
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q honcho==2.0.0
cat >Procfile <<'PROCFILE'
release: echo migrated
web: sleep 4; echo served to the end
PROCFILE
look() {
  env/bin/honcho --no-colour "$@" >out.txt 2>&1 || true
  if grep -q '| migrated' out.txt; then release="ran"; else release="did not run"; fi
  if grep -q '| served to the end' out.txt; then web="went on"; else web="was ended"; fi
  echo "honcho $*: release $release, web $web"
}
{ look start; look start web; } | tee seen.txt
diff seen.txt - <<'SEEN'
honcho start: release ran, web was ended
honcho start web: release did not run, web went on
SEEN
