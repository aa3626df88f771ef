"""Engine.IO, Socket.IO and HTTP on gevent, as subclasses at the libraries' seams.

Which names of the libraries are used that are not public, and why, stands in `docs/design.md`;
`tests/test_seams.py` names each, so that an upgrade that moves one fails loudly.
"""
