"""The vocabulary of the product, in the standard library only: no I/O, no pytest, no clock.

Everything here is pure: a verdict is decided from findings, an assessment is folded from records.
"""
