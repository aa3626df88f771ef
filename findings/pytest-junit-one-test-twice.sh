#!/usr/bin/env bash
# pytest's JUnit XML has a test that fails and whose fixture then fails as well as two <testcase> of one name, and
# counts both: three tests in `tests`, where two ran. A test whose fixture fails alone is one <testcase>.
# Readers that take a second one of a name for another attempt have to know that there was no second attempt.
#
# Seen on 2026-11-29 with pytest 9.1.1:
#   tests="3" failures="1" errors="2"
#   test_fails: failure
#   test_fails: error
#   test_passes: error
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip -q --disable-pip-version-check install pytest==9.1.1
cat >test_two.py <<'TESTS'
import pytest


@pytest.fixture
def broken():
    yield
    raise RuntimeError("not torn down")


def test_fails(broken):
    assert False


def test_passes(broken):
    pass
TESTS
venv/bin/pytest -q --junitxml report.xml >out.txt && exit 1
grep -q "1 failed, 1 passed, 2 errors" out.txt
venv/bin/python - <<'LOOK' | tee seen.txt
from xml.etree import ElementTree

suite = ElementTree.parse("report.xml").getroot().find("testsuite")
print(*(f'{name}="{suite.get(name)}"' for name in ("tests", "failures", "errors")))
for case in suite:
    print(f"{case.get('name')}: {', '.join(part.tag for part in case)}")
LOOK
diff seen.txt - <<'SEEN'
tests="3" failures="1" errors="2"
test_fails: failure
test_fails: error
test_passes: error
SEEN
