"""The command ``pytest-devsecops``: what is not a test run. One file per sub-command."""
