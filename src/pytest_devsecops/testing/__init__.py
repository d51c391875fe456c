"""For tests of your own parts: fakes of what the product reads, conformance suites, strategies."""
