"""Whether an operation refuses every token but the issuer's own."""
