"""Whether something may be passed on, and whose no stands in its way."""
