"""Platforms that build and serve: Heroku, Netlify, Vercel, Render, Cloudflare Pages."""

from __future__ import annotations

import re
import urllib.parse

from chef.reporter.ci.build import (
    CiBuild,
    CiSystem,
    Get,
    first_line,
    hosted,
    joined,
    owned,
    repository_in,
    without,
)
from chef.reporter.ci.naming import joined_kind, repository_address, several


def _heroku_build(get: Get) -> CiBuild:
    test = get("HEROKU_TEST_RUN_ID")
    leg = several(get("CI_NODE_INDEX"), get("CI_NODE_TOTAL")) if test else None
    node = "node%s" % get("CI_NODE_INDEX") if leg else None
    release = [get("HEROKU_APP_NAME"), get("HEROKU_RELEASE_VERSION"), get("DYNO")]
    commit = get("HEROKU_BUILD_COMMIT") or get("HEROKU_SLUG_COMMIT") or get("SOURCE_VERSION")
    return CiBuild(
        parts=["heroku", "test", test, node] if test else ["heroku", *release],
        run=["heroku", "test", test] if test else ["heroku", *release[:2]],
        project=get("HEROKU_APP_NAME"),
        meta={
            "branch": get("HEROKU_TEST_RUN_BRANCH"),
            "commit": get("HEROKU_TEST_RUN_COMMIT_VERSION") or commit,
            "title": None if test else get("HEROKU_RELEASE_VERSION"),
            "kind": joined_kind("test" if test else (get("DYNO") or "").partition(".")[0], leg),
            "pullRequest": get("HEROKU_PR_NUMBER"),
            "number": None if test else without("v", get("HEROKU_RELEASE_VERSION")),
        },
    )


def _netlify_build(get: Get) -> CiBuild:
    site, deploy = get("SITE_NAME"), get("DEPLOY_ID")
    parts = ["netlify", site, deploy or get("BUILD_ID")]
    return CiBuild(
        parts=parts,
        run=parts,
        project=repository_in(get("REPOSITORY_URL")) or site,
        meta={
            "branch": get("HEAD") or get("BRANCH"),
            "commit": get("COMMIT_REF"),
            "title": " / ".join(filter(None, [site, get("CONTEXT")])),
            "url": joined("https://app.netlify.com/sites", site, "deploys", deploy),
            "kind": joined_kind(site, get("CONTEXT")),
            "repository": repository_address(get("REPOSITORY_URL")),
            "pullRequest": get("REVIEW_ID") if get("PULL_REQUEST") == "true" else None,
        },
    )


def _vercel_build(get: Get) -> CiBuild:
    host = get("VERCEL_URL")
    parts = ["vercel", get("VERCEL_DEPLOYMENT_ID") or host]
    repository = owned(get("VERCEL_GIT_REPO_OWNER"), get("VERCEL_GIT_REPO_SLUG"))
    return CiBuild(
        parts=parts,
        run=parts,
        project=repository,
        meta={
            "branch": get("VERCEL_GIT_COMMIT_REF"),
            "commit": get("VERCEL_GIT_COMMIT_SHA"),
            "author": get("VERCEL_GIT_COMMIT_AUTHOR_NAME") or get("VERCEL_GIT_COMMIT_AUTHOR_LOGIN"),
            "title": first_line(get("VERCEL_GIT_COMMIT_MESSAGE")),
            "url": "https://" + host if host else None,
            "kind": joined_kind(get("VERCEL_GIT_REPO_SLUG"), get("VERCEL_TARGET_ENV") or get("VERCEL_ENV")),
            "repository": hosted(get("VERCEL_GIT_PROVIDER"), repository),
            "pullRequest": get("VERCEL_GIT_PULL_REQUEST_ID"),
        },
    )


def _render_build(get: Get) -> CiBuild:
    # A deploy has no id of its own there.
    name, commit = get("RENDER_SERVICE_NAME"), get("RENDER_GIT_COMMIT")
    service = get("RENDER_SERVICE_ID")
    parts = ["render", name or service, (commit or "")[:12]]
    return CiBuild(
        parts=parts,
        run=parts,
        project=get("RENDER_GIT_REPO_SLUG") or name,
        meta={
            "branch": get("RENDER_GIT_BRANCH"),
            "commit": commit,
            "title": name,
            "url": joined("https://dashboard.render.com/web", service),
            "kind": re.sub(r"[ -](?:pr|PR)[ -]#?\d+$", "", name) if name else None,
            "repository": get("RENDER_GIT_REPO_SLUG"),
        },
    )


def _cloudflare_build(get: Get) -> CiBuild:
    # https://DEPLOYMENT.PROJECT.pages.dev
    labels = (urllib.parse.urlsplit(get("CF_PAGES_URL") or "").hostname or "").split(".")
    deployment, project = (labels[0], labels[1]) if len(labels) > 3 else (None, labels[0] or None)
    commit = get("CF_PAGES_COMMIT_SHA")
    parts = ["cloudflare", project, deployment or (commit or "")[:12]]
    return CiBuild(
        parts=parts,
        run=parts,
        project=project,
        meta={
            "branch": get("CF_PAGES_BRANCH"),
            "commit": commit,
            "title": project,
            "url": get("CF_PAGES_URL"),
            "kind": project,
        },
    )


HEROKU = CiSystem(lambda env: env.get("HEROKU_TEST_RUN_ID") or env.get("DYNO"), _heroku_build)
NETLIFY = CiSystem(
    lambda env: env.get("NETLIFY") == "true" and (env.get("DEPLOY_ID") or env.get("BUILD_ID")), _netlify_build
)
VERCEL = CiSystem(
    lambda env: env.get("VERCEL") and (env.get("VERCEL_DEPLOYMENT_ID") or env.get("VERCEL_URL")),
    _vercel_build,
)
RENDER = CiSystem(lambda env: env.get("RENDER") and env.get("RENDER_GIT_COMMIT"), _render_build)
CLOUDFLARE = CiSystem(lambda env: env.get("CF_PAGES") and env.get("CF_PAGES_COMMIT_SHA"), _cloudflare_build)
