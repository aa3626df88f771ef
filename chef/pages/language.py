"""Pages speak the browser's language: English, the language of the texts themselves, or French.

Templates and Python name texts with gettext, the modules in static/ with static/i18n.js, and all of them
are translated in one file: translations/fr/LC_MESSAGES/messages.po. It is read as it is, when the first
page in that language is asked for: there is no compiled file that could be older than its source.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flask import (
    Flask,
    Response,
    current_app,
    g,
    has_app_context,
    has_request_context,
    render_template,
    request,
)

if TYPE_CHECKING:
    from babel.support import NullTranslations

LANGUAGES = ("en", "fr")
FOLDER = Path(__file__).parent / "translations"


def install(app: Flask) -> None:
    """Let templates translate, and tell caches that a page depends on what the browser prefers."""
    app.jinja_env.globals.update(language=language)
    app.after_request(_tell_caches)


def render(template: str, **values: object) -> str:
    """A template in the viewer's language. The first one of an application loads Babel."""
    _load_babel()
    return render_template(template, **values)


def _load_babel() -> None:
    if has_app_context() and "babel" not in current_app.extensions:
        from chef.pages import catalogues

        catalogues.install(current_app, language, _texts, catalogue_file("fr"))


def language() -> str:
    """The viewer's language, of those that there are."""
    if not has_request_context():
        return LANGUAGES[0]
    if g.get("language") is None:
        g.language = request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
    return str(g.language)


@contextmanager
def in_language(name: str) -> Iterator[None]:
    """Texts within are in a language, whatever the viewer's is."""
    _load_babel()
    import flask_babel

    before = {kept: g.pop(kept, None) for kept in ("texts", "language")}
    try:
        with flask_babel.force_locale(name):
            g.language = name
            yield
    finally:
        g.texts, g.language = before["texts"], before["language"]


def _texts() -> NullTranslations:
    """The texts in the present language, which a request looks for once."""
    found: NullTranslations | None = g.get("texts") if has_app_context() else None
    if found is None:
        _load_babel()
        import flask_babel

        found = flask_babel.get_translations()
        if has_app_context():
            g.texts = found
    return found


def module_texts() -> dict[str, str | list[str]]:
    """The texts that modules name, in the present language; none for English."""
    _load_babel()
    import flask_babel

    found: dict[str, str | list[str]] = flask_babel.get_domain().module_texts()
    return found


def gettext(text: str, **values: object) -> str:
    """A text in the viewer's language; `%(name)s` in it becomes the value of that name."""
    found = str(_texts().gettext(text))
    return found % values if values else found


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """A text that depends on a count, which is its `%(count)s`."""
    from babel.numbers import format_decimal

    shown = format_decimal(count, locale=language())
    return str(_texts().ngettext(one, many, count)) % {"count": shown, **values}


def catalogue_file(name: str) -> Path:
    """Where a language's texts are."""
    return FOLDER / name / "LC_MESSAGES" / "messages.po"


def _tell_caches(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.vary.add("Accept-Language")
        response.content_language.add(language())
    return response
