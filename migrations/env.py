"""How Alembic runs here: on the connection that `persistence.kernel.migrate` hands over."""

from alembic import context

from consent_service.persistence.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
