"""One file per lock-file or manifest format, and the environment; each reads into one graph."""
