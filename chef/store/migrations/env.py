"""Alembic's environment: the connection comes from chef.store.migrate, within its transaction."""

from __future__ import annotations

from alembic import context

from chef.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,
)
context.run_migrations()
