#!/usr/bin/env bash
# pytest-rerunfailures writes a failed attempt into JUnit XML as a bare <testcase>, which is how a test that passed looks.
# Only `tests`, which counts a test once, tells that there were fewer tests than elements; that an attempt failed stands
# nowhere. A reader that counts elements sees a test too many, and no flaky one.
#
# Seen on 2026-11-29 with pytest-rerunfailures 16.7 and pytest 9.2.0, one test that fails once and one that passes:
#   2 passed, 1 rerun
#   tests="2", elements: 3
#   test_flaky: bare
#   test_flaky: bare
#   test_good: bare
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip -q --disable-pip-version-check install pytest==9.2.0 pytest-rerunfailures==16.7
cat >test_two.py <<'TESTS'
from pathlib import Path


def test_flaky():
    tried = Path("tried")
    if not tried.exists():
        tried.touch()
        raise AssertionError("not the first time")


def test_good():
    pass
TESTS
venv/bin/pytest -q --reruns 1 --junitxml report.xml >out.txt
{
  sed -n 's/ in [0-9.]*s$//p' out.txt
  venv/bin/python - <<'LOOK'
from xml.etree import ElementTree

suite = ElementTree.parse("report.xml").getroot().find("testsuite")
print(f'tests="{suite.get("tests")}", elements: {len(suite)}')
for case in suite:
    print(f"{case.get('name')}: {', '.join(part.tag for part in case) or 'bare'}")
LOOK
} | tee seen.txt
diff seen.txt - <<'SEEN'
2 passed, 1 rerun
tests="2", elements: 3
test_flaky: bare
test_flaky: bare
test_good: bare
SEEN
