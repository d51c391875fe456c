"""What is installed: where an environment keeps it, what its metadata says, and what its files are."""
