"""Reports: one file per format, each a pure function from the report, version 1, to text."""
