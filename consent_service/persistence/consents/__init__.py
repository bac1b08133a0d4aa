"""Consents as filed, their signatories and links."""
