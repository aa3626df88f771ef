"""HTML pages (contract section 7)."""

from __future__ import annotations

from flask import Flask


def install(app: Flask) -> None:
    """Add the pages to an application."""
