"""The log's mathematics: entries, Merkle tree, promises, checkpoints, receipts. No storage."""
