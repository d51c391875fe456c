"""Licences: what metadata says, as SPDX expressions, and whether a policy accepts it."""
