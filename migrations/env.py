"""How Alembic runs here: on the connection `consent_service.persistence.migrate` hands over."""

from alembic import context

from consent_service.persistence.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
