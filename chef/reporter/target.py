"""Where to report and as what: from the command line, the environment, or the CI system that runs us."""

from __future__ import annotations

import os
import re
import time
from typing import Callable, Mapping, NamedTuple

from chef.reporter.ci.build import CiBuild
from chef.reporter.ci.detect import detect_build
from chef.reporter.ci.naming import joined_kind
from chef.reporter.ids import make_id

_ID = re.compile(r"[A-Za-z0-9._~:@+-]{1,128}")
_MAX_META_TEXT = 1000
# So many jobs can have one id with a number behind it.
MAX_NUMBER = 50


class UsageError(Exception):
    """An option or a setting makes no sense; the text is one sentence for people."""


class Target(NamedTuple):
    """Where reports go. `url` is None where nothing is reported.

    `is_new`: we made the job's id, so nobody else has it. `is_found`: a CI system's variables say which
    job it is, and `stage` tells apart commands of it that run side by side. `is_guess`: nobody said which
    project it is. `number`: of the jobs whose ids are `base` and `base` with a number behind, it is this one.
    """

    url: str | None
    token: str | None
    job: str
    project: str
    meta: dict[str, str]
    is_new: bool
    is_guess: bool = False
    is_found: bool = False
    stage: str | None = None
    base: str = ""
    number: int = 1

    def short_meta(self, mask: Callable[[str], str]) -> dict[str, str]:
        """`meta` without secrets, and only then cut: of a secret that was cut the rest would be left."""
        return {key: _shortened(mask(text)) for key, text in self.meta.items()}

    def kind(self, command: str | None) -> str | None:
        """The kind of a build that is a whole job: of the CI job, and what else tells it from others of that.

        A second build of one CI job has its command in it. None where nothing is known of it.
        """
        found = self.meta.get("kind")
        if found is None or command is None:
            return found or command
        stage = self.stage if self.is_found else None
        return joined_kind(found, stage, command if self.number > 1 else None)

    def numbered(self, number: int) -> Target:
        """The same with the job of this number."""
        base = self.base or self.job
        job = base if number == 1 else make_id(base, str(number)) or base
        return self._replace(job=job, base=base, number=number)

    @property
    def page(self) -> str:
        """The address of the job's page."""
        return "%s/jobs/%s" % (re.sub(r"//[^/@]*@", "//", self.url or ""), self.job)


def find_target(
    environ: Mapping[str, str],
    url: str | None = None,
    token: str | None = None,
    job: str | None = None,
    project: str | None = None,
) -> Target:
    """Find the target: by the arguments, else by `CHEF_*`, else by the CI system; else it is made up."""
    found = detect_build(environ)
    named_job = job or environ.get("CHEF_JOB")
    named_project = project or environ.get("CHEF_PROJECT")
    detected = make_id(*found.parts) if found else None
    detected_project = make_id(found.project) if found else None
    return Target(
        url=check_url(url or environ.get("CHEF_URL")),
        token=check_token(token or environ.get("CHEF_TOKEN")),
        job=check_id(named_job, "the job's id") or detected or new_job_id(),
        project=check_id(named_project, "the project's id") or detected_project or _folder(),
        meta=_meta(found) if found else {},
        is_new=not named_job and not detected,
        is_guess=not named_project,
        is_found=bool(detected) and not named_job,
        stage=found.stage if found else None,
    )


def check_id(value: str | None, name: str) -> str | None:
    """An id as it was given; empty is none."""
    if value and not _ID.fullmatch(value):
        message = "%s must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ + - (it is %r)"
        raise UsageError(message % (name, value[:200]))
    return value or None


def check_url(value: str | None) -> str | None:
    """The server's address without a slash at its end; empty is none."""
    if not value:
        return None
    if not re.match(r"https?://[^/?#\s]+(/[^?#\s]*)?$", value, re.IGNORECASE):
        raise UsageError(
            "CHEF_URL must be like https://chef.example.com (it is %r)" % _without_password(value)
        )
    return value.rstrip("/")


def check_token(value: str | None) -> str | None:
    """A token that can stand in a header; the newline of a file it was read from is none of it."""
    token = (value or "").strip()
    if not re.match(r"[!-~]*$", token):
        raise UsageError("CHEF_TOKEN must be printable ASCII without spaces")
    return token or None


def new_job_id() -> str:
    """An id that no other job has."""
    return "%s-%s" % (time.strftime("%Y%m%d-%H%M%S", time.gmtime()), os.urandom(4).hex())


def _folder() -> str:
    try:
        return make_id(os.path.basename(os.getcwd())) or "build"
    except OSError:
        return "build"


def _meta(build: CiBuild) -> dict[str, str]:
    """The build's `meta`; the jobs of one CI run have the same `run`."""
    meta = {**build.meta, "run": make_id(*build.run)}
    return {key: _sendable(text) for key, text in meta.items() if text}


def _sendable(text: str) -> str:
    # Bytes of the environment that are not UTF-8 cannot be sent as JSON.
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_META_TEXT else text[: _MAX_META_TEXT - 1] + "…"


def _without_password(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", url)[:200]
