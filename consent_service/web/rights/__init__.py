"""A person's export as a page."""
