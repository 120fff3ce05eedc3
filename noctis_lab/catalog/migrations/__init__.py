"""Alembic's migrations: one file a step in `versions/`, each frozen once released."""
