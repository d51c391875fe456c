"""Targets for common frameworks, which read the settings of the application."""
