"""The views and functions that make PostgreSQL's catalog Redshift's, as `.sql` files."""
