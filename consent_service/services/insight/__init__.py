"""What a person may see of the log about a child, and of the others in the family (R11)."""
