"""The log: its entries, the queue before the tree, the tree."""
