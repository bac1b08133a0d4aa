"""Verification of the whole database: columns, facts, people and strays against the log."""
