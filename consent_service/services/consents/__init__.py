"""Asking a family, and what becomes of what was asked."""
