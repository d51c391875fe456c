"""Our own OpenID provider for tests: strict unless told otherwise, and broken on demand.

OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated and Back-Channel Logout 1.0; RFC 6749, 6750,
7009, 7636, 7662, 8252, 9207 and 9700.
"""
