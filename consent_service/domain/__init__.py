"""The rules, pure: facts and an instant in, answers out. No I/O, no clock, no framework."""
