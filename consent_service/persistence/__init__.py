"""Where facts, people and the log are kept: SQLite embedded, PostgreSQL in production."""
