"""Signing in and orders, with holes."""
