"""Whether an authorization server withstands what attackers send: one file per theme, one table of checks."""
