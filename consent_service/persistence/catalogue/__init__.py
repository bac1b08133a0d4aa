"""Organisations and templates."""
