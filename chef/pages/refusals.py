"""The reasons of refusals in the viewer's language. The rooms below the pages give them in English."""

from __future__ import annotations

import re

from chef.errors import ChefError, StoreUnavailable
from chef.pages.language import LANGUAGES, gettext, language

_ = gettext


def in_words(error: ChefError) -> str:
    """A refusal's sentence; where it goes into particulars that are English only, its first part."""
    if isinstance(error, StoreUnavailable):
        return _("the server cannot reach its store now, it may in a moment")
    if language() == LANGUAGES[0]:
        return error.detail
    for text in (error.detail, re.split(r": | \(", error.detail)[0]):
        translated = gettext(text)
        if translated != text:
            return translated
    return _("this is not allowed")


def first_parts() -> tuple[str, ...]:
    """Sentences of elsewhere, or their first parts where particulars follow, named here to be translated."""
    return (
        _("the token is not valid yet"),
        _("the token is not valid"),
        _("reading needs a token"),
        _("a token is needed"),
        _("this form was sent from another site"),
        _("too many wrong tokens came from this address"),
    )
