"""Viewers on Socket.IO (contract section 3)."""

from chef.sockets.endpoint import install

__all__ = ["install"]
