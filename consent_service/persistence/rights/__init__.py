"""Erasing, retention rules, and finding whose data it is."""
