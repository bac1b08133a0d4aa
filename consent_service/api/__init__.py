"""The HTTP interface for municipal systems: shape in, shape out."""
