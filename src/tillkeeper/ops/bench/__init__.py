"""`till bench`: what this machine and this version really do, as ratios to what PostgreSQL itself does here."""
