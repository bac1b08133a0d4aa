"""Organisations, and the templates they ask with."""
