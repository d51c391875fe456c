"""Advisories: one file per source, one matcher, one index."""
