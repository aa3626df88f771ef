"""All that is kept, on SQLite or PostgreSQL. This hands on the names that others use."""

from chef.store.loglines import NumberedLine, Outline, Place
from chef.store.reading import ListedJob, ListedProject
from chef.store.removing import Removed
from chef.store.store import Store, migrate
from chef.store.testreading import ListedCase

__all__ = [
    "ListedCase",
    "ListedJob",
    "ListedProject",
    "NumberedLine",
    "Outline",
    "Place",
    "Removed",
    "Store",
    "migrate",
]
