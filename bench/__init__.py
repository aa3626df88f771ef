"""Figures of docs/performance.md: `python -m bench --help`."""
