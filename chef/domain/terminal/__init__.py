"""A terminal for streams that move the cursor: a small screen of the newest rows. Pure."""

from chef.domain.terminal.screen import draw, is_at_rest, moves_cursor, terminal_of, unended
from chef.domain.terminal.state import MOST_ROWS, DrawnRow, TerminalState

__all__ = [
    "MOST_ROWS",
    "DrawnRow",
    "TerminalState",
    "draw",
    "is_at_rest",
    "moves_cursor",
    "terminal_of",
    "unended",
]
