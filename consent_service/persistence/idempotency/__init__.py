"""Answers that are kept, so that a repeated request happens once."""
