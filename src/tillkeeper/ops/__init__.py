"""Looking after an installation: its own PostgreSQL, the doctor, migrations and proofs."""
