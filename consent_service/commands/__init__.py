"""Command groups that are more than a few lines; `cli` registers them."""
