"""The requests that erase, as OpenAPI operations (contract section 2)."""

from __future__ import annotations

from chef.api.erasing import MAX_WAIT_S, WAIT_S
from chef.api.openapi import examples
from chef.api.openapi.parts import Part, Rights, json_answer, operation, query

_REFUSALS = "401 403 404 422 429 503"


def removing(rights: Rights) -> dict[str, Part]:
    """The operations by path and method."""
    job, log, project = "Erase a job", "Erase a job's log; the job stays", "Erase a project with all its jobs"
    write = rights.write
    return {
        "/api/jobs/{jobId}": {"delete": _erase("deleteJob", job, "ErasedJob", write)},
        "/api/jobs/{jobId}/logs": {"delete": _erase("deleteLogs", log, "ErasedLog", write)},
        "/api/projects/{projectId}": {"delete": _erase("deleteProject", project, "ErasedProject", write)},
    }


def _erase(name: str, summary: str, schema: str, security: list[Part]) -> Part:
    wait = {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S, "default": WAIT_S}
    clean, unclean = examples.ERASED[schema]
    return operation(
        "updates",
        name,
        summary,
        {
            "200": json_answer("erased, and nothing of it is left in the store's files", schema, clean),
            "202": json_answer("erased; the store's files are cleaned of it later", schema, unclean),
        },
        _REFUSALS,
        parameters=[query("wait", wait, "answer 202 after so many seconds at the latest")],
        security=security,
    )
