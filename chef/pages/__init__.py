"""HTML pages (contract section 7): a server-rendered snapshot that the modules in static/ keep live."""

from __future__ import annotations

from flask import Flask

from chef.pages import (
    badges,
    controls,
    durations,
    embeds,
    errors,
    language,
    listedruns,
    login,
    outlines,
    previews,
    progresswords,
    routes,
    rowwords,
    runpage,
    security,
    shownbar,
    silencewords,
    testpanel,
    timeleft,
    wall,
)
from chef.pages.assets import Assets
from chef.pages.constants import constants
from chef.pages.viewer import base, is_of_one_job, is_shared, is_signed_in
from chef.pages.words import add_filters


def install(app: Flask) -> None:
    """Add the pages to an application."""
    assets = Assets(app)
    language.install(app)
    add_filters(app)
    for one in (controls, progresswords, rowwords, shownbar, silencewords, timeleft):
        one.add_filters(app)
    app.jinja_env.globals.update(constants=constants, is_signed_in=is_signed_in)
    app.jinja_env.globals.update(base=base, of_one_job=is_of_one_job, shared=is_shared)
    app.register_blueprint(routes.blueprint)
    app.register_blueprint(login.blueprint)
    outlines.install(app)
    durations.install(app)
    testpanel.install(app)
    listedruns.install(app)
    previews.install(app)
    runpage.install(app)
    wall.install(app)
    badges.install(app)
    embeds.install(app, assets)
    errors.install(app)
    security.install(app, assets)
