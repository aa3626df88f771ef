#!/usr/bin/env bash
# A build as a user's CI runs it, reported to Chef with curl alone.
# CHEF: the server; JOB: the job's id; SDIST: what is built; PYTHON: with what. Works in the present folder
# and keeps what was printed in build.log.
set -euo pipefail

job=$CHEF/api/jobs/$JOB

report() { curl -fsS -o answer.json "$@"; }
phase() { report -d projectId=native -d "phase=$1" -d "progress=$2" -d "message=$3" "$job/progress"; }
logged() { "$@" 2>&1 | tee -a build.log | report -T - "$job/logs"; }

trap 'status=$?; [ $status = 0 ] || report -d code=$status "$job/exit"' EXIT

phase queued 0 'Waiting'
phase preparing 10 'Unpacking'
logged tar -xvzf "$SDIST"
phase installing 30 'Making an environment'
logged "$PYTHON" -m venv --without-pip environment
phase building 50 'Building the wheel'
logged "$PYTHON" -m pip --disable-pip-version-check --no-cache-dir wheel -v --no-index --no-deps -w wheels "$SDIST"
phase building 70 'Running the tests'
logged "$PYTHON" -m zipfile -e wheels/*.whl installed
logged env PYTHONPATH=installed PYTHONSAFEPATH=1 PYTHONIOENCODING=utf-8 environment/bin/python native-1.0/check.py
phase completed 90 'Collecting artifacts'
wheel=$(basename wheels/*.whl)
report -H 'Content-Type: application/json' "$job/completed" -d "{\"message\": \"Built $wheel\",
  \"artifacts\": [{\"name\": \"$wheel\", \"url\": \"https://files.example.com/$wheel\", \"size\": $(wc -c <"wheels/$wheel")}]}"
