"""The one way through for every request: declared, authenticated, parsed, answered once."""
