"""Bytes: the PostgreSQL frontend/backend protocol 3.0 as Redshift's clients speak it."""
