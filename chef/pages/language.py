"""Pages speak the browser's language: English, the language of the texts themselves, or French.

Templates and Python name texts with gettext, the modules in static/ with static/i18n.js, and all of them
are translated in one file: translations/fr/LC_MESSAGES/messages.po. It is read as it is, when the first
page in that language is asked for: there is no compiled file that could be older than its source.
"""

from __future__ import annotations

from functools import cached_property
from io import BytesIO
from pathlib import Path

import flask_babel
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations
from flask import Flask, Response, has_request_context, request
from flask_babel import Babel, Domain, get_locale

LANGUAGES = ("en", "fr")
FOLDER = Path(__file__).parent / "translations"


def install(app: Flask) -> None:
    """Let templates translate, and tell caches that a page depends on what the browser prefers."""
    catalogues = _Catalogues()
    babel = Babel(app, locale_selector=language)
    babel.domain_instance = catalogues
    app.jinja_env.globals.update(language=language, module_texts=catalogues.module_texts)
    app.after_request(_tell_caches)


def language() -> str:
    """The viewer's language, of those that there are."""
    if not has_request_context():
        return LANGUAGES[0]
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def gettext(text: str, **values: object) -> str:
    """A text in the viewer's language; `%(name)s` in it becomes the value of that name."""
    return str(flask_babel.gettext(text, **values))


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """A text that depends on a count, which is its `%(count)s`."""
    shown = format_decimal(count, locale=language())
    return str(flask_babel.ngettext(one, many, count, count=shown, **values))


def catalogue_file(name: str) -> Path:
    """Where a language's texts are."""
    return FOLDER / name / "LC_MESSAGES" / "messages.po"


class _Catalogues(Domain):  # type: ignore[misc]  # Flask-Babel ships no types
    """Translations from the .po files themselves."""

    def get_translations(self) -> NullTranslations:
        return self._french.translations if str(get_locale()) == "fr" else NullTranslations()

    def module_texts(self) -> dict[str, str | list[str]]:
        """The texts that the modules in static/ need in the present language; none for English."""
        return self._french.module_texts if language() == "fr" else {}

    @cached_property
    def _french(self) -> _Catalogue:
        return _Catalogue(catalogue_file("fr"))


class _Catalogue:
    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            catalogue = read_po(file)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        self.translations = Translations(compiled)
        self.module_texts = _texts_of_modules(catalogue)


def _texts_of_modules(catalogue: Catalog) -> dict[str, str | list[str]]:
    """English texts that modules name, and what they are here: one text, or that of each plural form."""
    texts: dict[str, str | list[str]] = {}
    for message in catalogue:
        if any(place.startswith("static/") for place, _ in message.locations):
            name, translated = message.id, message.string
            key = name if isinstance(name, str) else name[0]
            texts[key] = translated if isinstance(translated, str) else list(translated or ())
    return texts


def _tell_caches(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.vary.add("Accept-Language")
        response.content_language.add(language())
    return response
