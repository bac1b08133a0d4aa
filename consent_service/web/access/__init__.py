"""The way in and out for staff."""
