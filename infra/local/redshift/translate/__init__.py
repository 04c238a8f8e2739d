"""Redshift SQL in, PostgreSQL SQL out: pure functions over tokens, no server needed."""
