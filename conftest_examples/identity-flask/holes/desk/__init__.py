"""Signing in and plots, with holes."""
