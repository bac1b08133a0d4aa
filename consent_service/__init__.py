"""Consent and data sharing about a child in distress, between the parties its family named."""

__version__ = "0.1.0"
