"""The dependency family: what a project depends on, and whether that is what it may depend on."""
