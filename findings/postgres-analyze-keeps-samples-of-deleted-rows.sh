#!/usr/bin/env bash
# PostgreSQL keeps the samples of a table's values when the table is analyzed empty: pg_statistic, and so the files of
# the database, still hold values whose rows are gone, also after VACUUM FULL or TRUNCATE. A row that comes and is
# analyzed replaces them, and so does setting the column's type anew.
#
# Seen on 2026-11-29 with PostgreSQL 18.7 (PGlite 0.5.17):
#   inserted: {alpha,beta}
#   deleted: {alpha,beta}
#   deleted, then VACUUM FULL: {alpha,beta}
#   one other row: nothing
#   truncated: {alpha,beta}
#   the column's type set anew: nothing
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund @electric-sql/pglite@0.5.17 >npm.txt 2>&1 || { cat npm.txt; exit 1; }
cat >look.mjs <<'LOOK'
import { PGlite } from "@electric-sql/pglite";

const db = await PGlite.create();
const look = async (name, ...statements) => {
  for (const statement of [...statements, "ANALYZE words"]) await db.query(statement);
  const { rows } = await db.query("SELECT most_common_vals::text AS kept FROM pg_stats WHERE tablename = 'words'");
  console.log(`${name}: ${rows[0]?.kept ?? "nothing"}`);
};
const insert =
  "INSERT INTO words SELECT CASE WHEN n % 3 = 0 THEN 'beta' ELSE 'alpha' END FROM generate_series(1, 300) n";
await look("inserted", "CREATE TABLE words (word text)", insert);
await look("deleted", "DELETE FROM words");
await look("deleted, then VACUUM FULL", "VACUUM FULL words");
await look("one other row", "INSERT INTO words VALUES ('gamma')");
await look("truncated", insert, "ANALYZE words", "TRUNCATE words");
await look("the column's type set anew", "ALTER TABLE words ALTER COLUMN word TYPE text");
LOOK
node look.mjs 2>error.txt | tee seen.txt
diff seen.txt - <<'SEEN'
inserted: {alpha,beta}
deleted: {alpha,beta}
deleted, then VACUUM FULL: {alpha,beta}
one other row: nothing
truncated: {alpha,beta}
the column's type set anew: nothing
SEEN
