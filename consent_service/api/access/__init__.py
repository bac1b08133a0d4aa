"""Clients and their tokens over HTTP."""
