"""What was answered: on paper, by word of mouth, and the receipts, over HTTP."""
