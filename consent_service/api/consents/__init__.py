"""Consents, custody changes and exemptions over HTTP."""
