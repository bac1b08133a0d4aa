"""What staff may do here, and for how long a login lasts."""
