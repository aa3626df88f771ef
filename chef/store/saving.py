"""The end of a write transaction: what its ledger changed is written, and kept for the next transaction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from msgspec.structs import replace
from sqlalchemy import BindParameter, bindparam, insert, null, true, update

from chef.domain.model import Job
from chef.domain.projects import Project
from chef.store import rows
from chef.store.statements import CompiledStatement
from chef.store.tables import entries, jobs, projects, sent, streams
from chef.store.testrows import save_reports
from chef.store.trimming import trim_log
from chef.store.upsert import upsert
from chef.store.writetransaction import Overtaken, WriteTransaction

_ROW_PK: BindParameter[Any] = bindparam("row_pk")
_INSERT_PROJECT = CompiledStatement(insert(projects).returning(projects.c.pk))
_INSERT_JOB = CompiledStatement(insert(jobs).returning(jobs.c.pk))
_INSERT_ENTRIES = CompiledStatement(insert(entries))
_INSERT_SENT = CompiledStatement(insert(sent))
_UPDATE_PROJECT = CompiledStatement(update(projects).where(projects.c.pk == _ROW_PK))
_UPDATE_JOB = CompiledStatement(update(jobs).where(jobs.c.pk == _ROW_PK))
_MARK_UNCOMPARED = CompiledStatement(update(jobs).where(jobs.c.pk == _ROW_PK).values(uncompared=true()))
_FORGET_SHOWN = CompiledStatement(update(streams).where(streams.c.job_pk == _ROW_PK).values(shown=null()))
_NEWEST_JOB = CompiledStatement(
    update(projects).where(projects.c.pk == _ROW_PK).values(newest_job_pk=bindparam("new_newest_job_pk"))
)


@cache
def _upsert_streams(dialect: str) -> CompiledStatement:
    changed = [column.name for column in streams.c if not column.primary_key]
    return CompiledStatement(upsert(dialect, streams, ["job_pk", "stream"], changed))


def save_rows(transaction: WriteTransaction) -> None:
    """Write what the ledger changed. Does nothing where every batch was refused."""
    _save_projects(transaction)
    _save_jobs(transaction)
    _save_entries(transaction)
    _mark_uncompared(transaction)
    _forget_shown(transaction)
    changed = transaction.changed
    if changed.streams:
        _save_streams(transaction)
    if changed.sent:
        _save_sent(transaction)
    if changed.reports:
        save_reports(transaction.driver, changed.reports, transaction.job_pks)


def trim_logs(transaction: WriteTransaction, max_log_bytes: int) -> None:
    """Cut back the logs that are now beyond their limit."""
    for job_id, job in transaction.changed.jobs.items():
        if job.log_bytes > max_log_bytes:
            trim_log(transaction.connection, transaction.job_pks[job_id], job, max_log_bytes)


def remember_rows(transaction: WriteTransaction, max_log_bytes: int) -> None:
    """Keep what was written for the next transaction of this connection."""
    changed, cache = transaction.changed, transaction.cache
    for project_id, project in changed.projects.items():
        cache.projects[project_id] = transaction.project_pks[project_id], project
    for job_id, job in changed.jobs.items():
        if job.log_bytes > max_log_bytes:
            cache.jobs.pop(job_id, None)  # It was trimmed, and is not what the ledger has.
        else:
            cache.keep_job(transaction.job_pks[job_id], job, transaction.detail_bytes[job_id])
    for (job_id, name), stream in changed.streams.items():
        if job_id in transaction.job_pks:
            cache.keep_stream(job_id, name, stream)
    cache.shrink()


def _save_projects(transaction: WriteTransaction) -> None:
    changed = transaction.changed.projects
    # Sorted, so that two processes that make the same projects cannot wait for each other.
    for project_id, project in sorted(changed.items()):
        if project_id not in transaction.project_pks:
            transaction.project_pks[project_id] = _insert_project(transaction, project)
    if changed:
        values = [
            rows.project_values(row) | {"row_pk": transaction.project_pks[name]}
            for name, row in changed.items()
        ]
        _update(transaction, _UPDATE_PROJECT, values)


def _update(
    transaction: WriteTransaction, statement: CompiledStatement, values: Sequence[dict[str, Any]]
) -> None:
    """Write to rows that are there, as far as this transaction has found: else nothing of it is kept."""
    if statement.run(transaction.driver, values) != len(values):
        raise Overtaken


def _insert_project(transaction: WriteTransaction, project: Project) -> int:
    values = rows.project_values(project) | {"project_id": project.project_id}
    return _INSERT_PROJECT.key(transaction.driver, values)


def _save_jobs(transaction: WriteTransaction) -> None:
    newest: dict[int, int] = {}
    # By the columns that they name: one statement for each.
    updates: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for job_id, job in transaction.changed.jobs.items():
        values = rows.job_values(job)
        transaction.detail_bytes[job_id] = len(values["details"])
        if job_id in transaction.job_pks:
            _name_what_moved(values, transaction.loaded.jobs[job_id], job)
            values["row_pk"] = transaction.job_pks[job_id]
            updates.setdefault(tuple(values), []).append(values)
        else:
            project_pk = transaction.project_pks[job.project_id]
            values |= rows.filter_values(job) | {"job_id": job_id, "project_pk": project_pk}
            newest[project_pk] = transaction.job_pks[job_id] = _INSERT_JOB.key(transaction.driver, values)
    for many in updates.values():
        _update(transaction, _UPDATE_JOB, many)
    for project_pk, job_pk in newest.items():
        _NEWEST_JOB.run(transaction.driver, [{"row_pk": project_pk, "new_newest_job_pk": job_pk}])


def _save_entries(transaction: WriteTransaction) -> None:
    if transaction.ledger.stored:
        _INSERT_ENTRIES.run(
            transaction.driver,
            [
                rows.entry_values(stored.entry, transaction.project_pks[stored.job.project_id])
                | {"job_pk": transaction.job_pks[stored.job.job_id]}
                for stored in transaction.ledger.stored
            ],
        )


def _mark_uncompared(transaction: WriteTransaction) -> None:
    """Logs of jobs that have ended, or go on after it, wait to be compared with others."""
    ended = {stored.job.job_id for stored in transaction.ledger.stored if stored.job.ended}
    if ended:
        _MARK_UNCOMPARED.run(transaction.driver, [{"row_pk": transaction.job_pks[name]} for name in ended])


def _forget_shown(transaction: WriteTransaction) -> None:
    """Clear what the terminals of an ended job show: its secrets are in it, and go with its end."""
    changed = transaction.changed
    ended = {
        name for name, job in changed.jobs.items() if job.ended and transaction.ledger.late_masks.of(name)
    }
    if not ended:
        return
    for key, stream in changed.streams.items():
        if key[0] in ended:
            changed.streams[key] = replace(stream, open=None, terminal=None)
    _FORGET_SHOWN.run(transaction.driver, [{"row_pk": transaction.job_pks[name]} for name in ended])
    transaction.cache.forget_streams(ended)


def _save_streams(transaction: WriteTransaction) -> None:
    changed = transaction.changed.streams.items()
    values = [
        rows.stream_values(stream) | {"job_pk": transaction.job_pks[job_id], "stream": name}
        for (job_id, name), stream in changed
        if job_id in transaction.job_pks
    ]
    if values:
        _upsert_streams(transaction.dialect).run(transaction.driver, values)


def _save_sent(transaction: WriteTransaction) -> None:
    values = [
        {"job_pk": transaction.job_pks[job_id], "id": sent_id, "digest": row.digest, "seq": row.seq}
        for (job_id, sent_id), row in transaction.changed.sent.items()
    ]
    _INSERT_SENT.run(transaction.driver, values)


def _name_what_moved(values: dict[str, Any], known: Job, job: Job) -> None:
    """Leave indexed columns out of a job's values that are as they were, and add those that are not.

    Naming an indexed column writes its indexes anew, also with the value that it has.
    """
    if (job.status, job.finished_at) == (known.status, known.finished_at):
        del values["status"], values["finished_at"]
    if job.meta is not known.meta:
        before = rows.filter_values(known)
        values |= {name: text for name, text in rows.filter_values(job).items() if text != before[name]}
    if known.ended and (known.status, known.message, known.meta) != (job.status, job.message, job.meta):
        values["searchable"] = False
