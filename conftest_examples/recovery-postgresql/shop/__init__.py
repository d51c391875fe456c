"""Orders, in PostgreSQL."""
