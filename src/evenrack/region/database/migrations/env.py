"""Alembic's entry: runs the steps on the connection that `schema.upgrade` hands in."""

from alembic import context

from evenrack.region.database.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
