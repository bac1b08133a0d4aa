"""Deciding, recording and showing what was passed on."""
