"""Signing in and bookings, with holes."""
