"""All that is kept, on SQLite or PostgreSQL. This hands on the names that others use."""

from chef.store.erasing import Allowed, Erasure
from chef.store.listing import FilterMenu, JobPage, Neighbours
from chef.store.loglines import NumberedLine, Outline, Place
from chef.store.reading import ListedProject
from chef.store.removing import Removed
from chef.store.runlists import RunPage
from chef.store.scrubbing import Cleanness
from chef.store.store import Store, migrate
from chef.store.testreading import ListedCase
from chef.store.vacuuming import check_store, vacuum

__all__ = [
    "Allowed",
    "Cleanness",
    "Erasure",
    "FilterMenu",
    "JobPage",
    "ListedCase",
    "ListedProject",
    "Neighbours",
    "NumberedLine",
    "Outline",
    "Place",
    "Removed",
    "RunPage",
    "Store",
    "check_store",
    "migrate",
    "vacuum",
]
