"""The pages behind a signing link: log in, read, answer, see what was shared."""
