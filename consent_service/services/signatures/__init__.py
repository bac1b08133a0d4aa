"""What a family answers: through its page, on paper or by word of mouth, each act sealed."""
