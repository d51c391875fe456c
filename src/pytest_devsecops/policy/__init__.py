"""The policy: found, read, merged with what it extends, and decoded with all errors at once."""
