"""The database itself: its engine, its column types, its migrations."""
