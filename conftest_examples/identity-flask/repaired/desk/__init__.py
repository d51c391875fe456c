"""Signing in and plots, repaired."""
