"""Signing in and bookings, repaired."""
