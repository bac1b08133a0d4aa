"""Clients, staff, and the attempts that failed."""
