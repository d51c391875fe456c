# An installed package would be loaded by its entry point; this checkout names it.
pytest_plugins = ["our_policy.plugin"]
