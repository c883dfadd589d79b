"""Ground that knows nothing of payments: money, ids, time, errors, the database."""
