"""Finds the system that runs us."""

from __future__ import annotations

from typing import Mapping

from chef.reporter.ci.actions import FORGEJO, GITEA, GITHUB
from chef.reporter.ci.build import CiBuild
from chef.reporter.ci.platforms import CLOUDFLARE, HEROKU, NETLIFY, RENDER, VERCEL
from chef.reporter.ci.servers import CONCOURSE, DRONE, JENKINS, TEAMCITY, TEKTON, WOODPECKER
from chef.reporter.ci.services import (
    APPVEYOR,
    AZURE,
    BITBUCKET,
    BUILDKITE,
    CIRCLECI,
    CODEBUILD,
    GITLAB,
    TRAVIS,
)

# One that has the variables of another, too, stands before that.
_SYSTEMS = (
    *(GITEA, FORGEJO, GITHUB, GITLAB, BUILDKITE, CIRCLECI, WOODPECKER, DRONE, JENKINS),
    *(AZURE, TEAMCITY, BITBUCKET, TRAVIS, APPVEYOR, CODEBUILD, CONCOURSE),
    *(NETLIFY, VERCEL, RENDER, CLOUDFLARE, HEROKU, TEKTON),
)


def detect_build(environ: Mapping[str, str]) -> CiBuild | None:
    """The build that runs us, None where no CI system that is known here does."""
    for system in _SYSTEMS:
        if system.is_here(environ):
            return system.describe(environ.get)
    return None
