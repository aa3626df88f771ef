#!/usr/bin/env bash
# SQLite's BEGIN IMMEDIATE and BEGIN EXCLUSIVE succeed on a database that cannot be written.
#
# They are meant to take the lock for writing at once, so a server that begins with one expects the refusal there. On a
# read-only connection SQLite begins a transaction for reading instead and says nothing; the first write is refused.
# So whoever wants to know at start whether a database can be written has to write.
# Seen on 2026-11-28 with SQLite 3.54.1 (apsw 3.54.1.0, PyPI), with a WAL and with a rollback journal alike:
#   BEGIN IMMEDIATE: taken
#   INSERT: ReadOnlyError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q apsw==3.54.1.0

cat >begin.py <<'PYTHON'
import apsw

for journal in ("wal", "delete"):
    name = f"{journal}.db"
    owner = apsw.Connection(name)
    owner.pragma("journal_mode", journal)
    owner.execute("CREATE TABLE builds (id)")
    reader = apsw.Connection(f"file:{name}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    for begin in ("IMMEDIATE", "EXCLUSIVE"):
        for statement in (f"BEGIN {begin}", "INSERT INTO builds VALUES (1)", "ROLLBACK"):
            try:
                reader.execute(statement)
                print(f"{journal}: {statement}: taken")
            except apsw.Error as error:
                print(f"{journal}: {statement}: {type(error).__name__}")
PYTHON

env/bin/python begin.py | tee seen.txt
for journal in wal delete; do
  for begin in IMMEDIATE EXCLUSIVE; do
    echo "$journal: BEGIN $begin: taken"
    echo "$journal: INSERT INTO builds VALUES (1): ReadOnlyError"
    echo "$journal: ROLLBACK: taken"
  done
done | diff seen.txt -
