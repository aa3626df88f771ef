"""The viewers that are connected to this process."""

from __future__ import annotations

from collections.abc import Iterator

from chef.sockets.viewer import Viewer


class ViewerRegistry:
    """Viewers by the sid of their client."""

    def __init__(self) -> None:
        self._viewers: dict[str, Viewer] = {}

    def __len__(self) -> int:
        return len(self._viewers)

    def __iter__(self) -> Iterator[Viewer]:
        """All viewers at this moment; some may leave meanwhile."""
        return iter(list(self._viewers.values()))

    def __contains__(self, sid: object) -> bool:
        return sid in self._viewers

    def __getitem__(self, sid: str) -> Viewer:
        return self._viewers[sid]

    def add(self, viewer: Viewer) -> None:
        """A viewer has connected."""
        self._viewers[viewer.sid] = viewer

    def remove(self, sid: str) -> Viewer | None:
        """A viewer has gone; `None` if it had never been let in."""
        return self._viewers.pop(sid, None)
