"""Rotating the keys that the database is under, while requests come in."""
