"""WebSocket, Engine.IO and Socket.IO on gevent; knows no event of Chef.

From the bottom: `frames` and `websocket`; `session`, `sessions` and `engine` (our Engine.IO server, which
stands by itself); `clients`, `socketio` and `extension`, which python-socketio and Flask-SocketIO call.
Names of the libraries that are used and not public stand in `docs/design.md`; `tests/test_seams.py` looks
at each, so that an upgrade that moves one fails loudly.
"""
