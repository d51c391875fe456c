"""Logins, registrations, resets and passwords."""
