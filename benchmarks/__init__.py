"""Measurements of the service against floors, in the same run on the same machine."""
