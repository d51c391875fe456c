"""Forged tokens: one file per attack class, built by hand from what a real attacker knows."""
