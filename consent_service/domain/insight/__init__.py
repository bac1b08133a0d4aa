"""What a person may see of what happened around a child, and of the others in the family (R11)."""
