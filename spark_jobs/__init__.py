"""Spark jobs: `preprocess` turns the raw files of one batch into Parquet that Redshift can load."""
