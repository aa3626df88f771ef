"""Chef shows a build's progress live. `create_app` makes one application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chef.application import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    # The application loads all of the server, of which a command or a part of Chef needs little (PEP 562).
    if name == "create_app":
        from chef.application import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
