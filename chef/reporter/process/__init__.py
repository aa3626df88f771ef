"""A command that runs as if it was started without us: its output, its terminal, its signals, its end."""
