"""Viewers on Socket.IO (contract section 3)."""

from chef.sockets.handlers import install

__all__ = ["install"]
