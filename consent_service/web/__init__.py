"""Pages: those of the family behind a signing link, and those of staff."""
