"""Reading the log: entries, checkpoints and proofs."""
