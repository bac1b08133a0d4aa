"""The edge: what every request passes and every answer carries, whatever is behind it."""
