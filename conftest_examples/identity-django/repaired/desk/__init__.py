"""Signing in and orders, repaired."""
