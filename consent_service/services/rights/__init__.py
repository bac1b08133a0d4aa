"""What a person can demand: a copy of everything, and to be forgotten (R12)."""
