"""Flask-Babel over the .po files themselves. Loaded by the first page: Babel is some megabytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask
from flask_babel import Babel, Domain, get_locale


def install(
    app: Flask, language: Callable[[], str], texts: Callable[[], NullTranslations], french: Path
) -> None:
    """Let the templates of an application translate.

    `language` and `texts` are those of the present request; `french` is the file of the French texts.
    """
    catalogues = _Catalogues(french)
    babel = Babel(app, locale_selector=language)
    babel.domain_instance = catalogues
    # Flask-Babel looks for the language of each text anew.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=lambda text: texts().gettext(text),
        ngettext=lambda one, many, count: texts().ngettext(one, many, count),
        newstyle=True,
    )
    app.jinja_env.globals.update(module_texts=catalogues.module_texts)


class _Catalogues(Domain):  # type: ignore[misc]  # Flask-Babel ships no types
    """Translations from the .po files themselves."""

    def __init__(self, french: Path) -> None:
        super().__init__()
        self._french_file = french
        self._english = NullTranslations()

    def get_translations(self) -> NullTranslations:
        return self._french.translations if _is_french() else self._english

    def module_texts(self) -> dict[str, str | list[str]]:
        """The texts that the modules in static/ need in the present language; none for English."""
        return self._french.module_texts if _is_french() else {}

    @cached_property
    def _french(self) -> _Catalogue:
        return _Catalogue(self._french_file)


def _is_french() -> bool:
    locale = get_locale()
    return locale is not None and bool(locale.language == "fr")


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
