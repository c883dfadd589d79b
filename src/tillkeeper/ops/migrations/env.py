"""What Alembic runs: one transaction for all missing migrations, never waiting long for a lock."""

from alembic import context

from tillkeeper.kernel.db import metadata
from tillkeeper.ops import migrations

migrations.load_tables()
connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_server_default=False)
with context.begin_transaction():
    # For the session, because an index that is built beside the work ends the transaction for a while.
    connection.exec_driver_sql("SET lock_timeout = '5s'")
    context.run_migrations()
