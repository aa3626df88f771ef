"""What PostgreSQL's planner knows of columns: samples of their values, which outlive the rows they are of.

`ANALYZE`, which autovacuum runs by itself, keeps frequent values and bounds of a histogram in pg_statistic.
It replaces them where a table has rows, and leaves those of an empty one as they were; only a column's type,
set anew, drops those. Source: PostgreSQL's documentation of pg_statistic and ANALYZE, and do_analyze_rel in
its source (src/backend/commands/analyze.c).
"""

from __future__ import annotations

from chef.store.statements import Driver

# Of columns that hold what builds say; keys and numbers tell nothing.
_SAMPLED = """\
SELECT a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stats s ON (s.schemaname, s.tablename, s.attname) = (n.nspname, c.relname, a.attname)
WHERE c.oid = '{table}'::regclass AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bytea'::regtype)"""


def sample_anew(driver: Driver, table: str) -> None:
    """Replace the samples of a table's values by those of the rows that it has now."""
    if driver.execute(f"TABLE {table} LIMIT 1").fetchone() is not None:
        driver.execute(f"ANALYZE {table}")
        return
    for column, kind in driver.execute(_SAMPLED.format(table=table)).fetchall():
        driver.execute(f'ALTER TABLE {table} ALTER COLUMN "{column}" TYPE {kind}')


def rewrite_samples(driver: Driver) -> None:
    """Write the samples anew, without those that were replaced, where our user owns the database."""
    driver.execute("VACUUM FULL pg_statistic")
