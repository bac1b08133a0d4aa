"""Organisations and templates over HTTP."""
