"""Signing sessions and sealed statements."""
