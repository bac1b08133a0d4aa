"""Disclosures and decisions over HTTP."""
